package sessions

import (
	"html"
	"net/netip"
	"strconv"
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
	header := []string{tokenPrefix + key}
	return &secret{
		header:  func() []string { return header },
		mask:    func(text string) string { return withoutKey(text, key) },
		longest: len(`\\u0000`) * len(key),
	}
}

// withoutKey takes the key out of text, however a server may have quoted it:
// each of its characters as it is, or as JSON, URLs or HTML spell it.
func withoutKey(text, key string) string {
	var b strings.Builder
	kept := 0
	for i := 0; i < len(text); {
		n := spells(text[i:], key)
		if n == 0 {
			i++
			continue
		}
		b.WriteString(text[kept:i])
		b.WriteString("[key]")
		i += n
		kept = i
	}
	if kept == 0 {
		return text
	}
	b.WriteString(text[kept:])
	return b.String()
}

// spells returns how many bytes at the start of text spell the key, or 0. Text
// may be quoted more than once, and so have further backslashes.
func spells(text, key string) int {
	character, rest := key[0], key[1:]
	for skipped := 0; skipped <= 8 && skipped < len(text); skipped++ {
		for _, n := range [...]int{asItIs(text[skipped:], character), escaped(text[skipped:], character)} {
			if n == 0 {
				continue
			}
			if n += skipped; rest == "" {
				return n
			}
			if more := spells(text[n:], rest); more > 0 {
				return n + more
			}
		}
		if text[skipped] != '\\' {
			break
		}
	}
	return 0
}

func asItIs(text string, character byte) int {
	if text[0] == character {
		return 1
	}
	return 0
}

// escaped returns how many bytes at the start of text are an escape of
// character: %3c, \u003c, &lt;, &#60; or &#x3c; for "<", and ~1 for "/" in the
// JSON pointers of decoding errors.
func escaped(text string, character byte) int {
	switch text[0] {
	case '~':
		if character == '/' && strings.HasPrefix(text, "~1") || character == '~' && strings.HasPrefix(text, "~0") {
			return 2
		}
	case '%':
		return hexadecimal(text, "%", 2, character)
	case '\\':
		if rest, ok := strings.CutPrefix(text, `\u0026`); ok {
			if n := escaped("&"+rest, character); n > 0 { // HTML in JSON
				return len(text) - len(rest) + n - 1
			}
		}
		return hexadecimal(text, `\u`, 4, character)
	case '&':
		end := strings.IndexByte(text[:min(len(text), len("&#x0000;"))], ';') + 1
		if end > 0 && html.UnescapeString(text[:end]) == string(character) {
			return end
		}
	}
	return 0
}

func hexadecimal(text, prefix string, digits int, character byte) int {
	n := len(prefix) + digits
	if len(text) < n || text[:len(prefix)] != prefix {
		return 0
	}
	if value, err := strconv.ParseUint(text[len(prefix):n], 16, 16); err != nil || value != uint64(character) {
		return 0
	}
	return n
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
	if strings.Count(strings.Trim(s, "."), ".") >= 3 || strings.Count(s, ":") > 6 {
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
