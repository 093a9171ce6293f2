package sessions

import (
	"encoding/json"
	"html"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// secret is the API key. It is held behind a pointer and a function, which no
// fmt verb and no encoder looks through.
type secret struct {
	header  func() []string     // the value of the authorization header
	mask    func(string) string // takes the key out of a text
	longest int                 // bytes of its longest spelling
}

// tokenPrefix is what the API wants before the key.
const tokenPrefix = "token "

func newSecret(key string) *secret {
	spellings := []string{key, url.QueryEscape(key), url.PathEscape(key), html.EscapeString(key)}
	if quoted, err := json.Marshal(key); err == nil {
		spellings = append(spellings, string(quoted[1:len(quoted)-1]))
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key)
	spellings = append(spellings, quoted)
	var pairs []string
	longest := 0
	for _, s := range spellings {
		pairs = append(pairs, s, "[key]")
		longest = max(longest, len(s))
	}
	header := []string{tokenPrefix + key}
	return &secret{
		header:  func() []string { return header },
		mask:    strings.NewReplacer(pairs...).Replace,
		longest: longest,
	}
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

// isAddress takes an address with a port and one at the end of a sentence, too.
func isAddress(s string) bool {
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
