package sessions

import (
	"html"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// secret is the API key. It is held behind a pointer and functions, which no fmt
// verb and no encoder looks through.
type secret struct {
	header  func() []string     // the value of the authorization header
	mask    func(string) string // takes the key out of a text
	longest int                 // bytes of its longest spelling
}

const (
	tokenPrefix = "token " // what the API wants before the key
	stars       = "***"    // what stands for the key in a text
)

func newSecret(key string) *secret {
	header, plain := []string{tokenPrefix + key}, unquoted(key)
	return &secret{
		header: func() []string { return header },
		mask: func(text string) string {
			text = strings.ReplaceAll(text, key, stars)
			if plain != "" && strings.Contains(unquoted(text), plain) {
				return "(hidden, as it repeats the API key)"
			}
			return text
		},
		longest: len(`\u0026quot;`) * len(key),
	}
}

// unquoted undoes what a server may have done to the characters of a key that it
// repeats: the escapes of HTML, JSON, JSON pointers and URLs, one in the other.
// Of a text without such a key it makes nonsense, which nobody sees.
func unquoted(s string) string {
	for range 3 {
		s = percentDecoded(escapes.Replace(html.UnescapeString(s)))
	}
	return s
}

var escapes = strings.NewReplacer(`\u00`, "%", `\`, "", "~1", "/", "~0", "~")

func percentDecoded(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// withoutAddresses takes the IP addresses out of s. A server may repeat those
// of players in its messages, and they are personal data.
func withoutAddresses(s string) string {
	if !strings.ContainsAny(s, ".:") {
		return s
	}
	var b strings.Builder
	for s != "" {
		start := strings.IndexFunc(s, inAddress)
		if start < 0 {
			start = len(s)
		}
		b.WriteString(s[:start])
		s = s[start:]
		end := strings.IndexFunc(s, func(r rune) bool { return !inAddress(r) })
		if end < 0 {
			end = len(s)
		}
		if isAddress(s[:end]) {
			b.WriteString("[ip]")
		} else {
			b.WriteString(s[:end])
		}
		s = s[end:]
	}
	return b.String()
}

func inAddress(r rune) bool {
	return r == '.' || r == ':' || '0' <= r && r <= '9' || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F'
}

// isAddress takes an address with a port and one at the end of a sentence, too,
// and what may be one with something else around it.
func isAddress(s string) bool {
	if strings.Count(strings.Trim(s, "."), ".") >= 3 || strings.Count(s, ":") >= 4 || strings.Contains(s, "::") {
		return true
	}
	for _, s := range []string{s, strings.TrimRight(s, ".:"), strings.TrimLeft(s, ".:"), strings.Trim(s, ".:"), strings.Trim(s, "abcdefABCDEF.:")} {
		if _, err := netip.ParseAddr(s); err == nil {
			return true
		}
		if _, err := netip.ParseAddrPort(s); err == nil {
			return true
		}
	}
	return false
}

// maxText bounds the text of every error, in bytes.
const maxText = 1000

// oneLine makes s fit for a line of a log.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	return cut(s, maxText)
}

// cut shortens s to at most n bytes, at the end of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
