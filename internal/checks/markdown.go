package checks

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// Markdown is a document, taken apart.
type Markdown struct {
	Blocks []Block  // what stands between fences
	Spans  []string // code in the prose
	Links  []string // what links and images of the prose lead to
	Slugs  []string // the anchors of the headings, as GitHub makes them
}

// Block is a fenced block of a document.
type Block struct {
	Comment  string // of the line before it, <!-- like this -->
	Language string // such as "sh"
	Line     int    // of its first line in the document, from 1
	Lines    []string
}

var (
	fence   = regexp.MustCompile("^( *)(```+|~~~+) *([^ `]*)[^`]*$")
	comment = regexp.MustCompile(`^ *<!-- *(.*?) *-->$`)
	heading = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	span    = regexp.MustCompile("(`+)([^`](?:.*?[^`])?)(`+)")
	link    = regexp.MustCompile(`\]\(<?([^)>\s]+)>?(?:\s+"[^"]*")?\)|^ {0,3}\[[^\]]+\]:\s+(\S+)|(?:href|src)="([^"]+)"`)
	anchor  = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	inLink  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// Parse takes a document apart. It knows as much of Markdown as this
// repository's documents need.
func Parse(text string) Markdown {
	var m Markdown
	var last string // the line before, unless it is empty
	var open *Block
	var indent, end string
	seen := map[string]int{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if open != nil {
			if rest, ok := strings.CutPrefix(strings.TrimLeft(line, " "), end); ok && strings.Trim(rest, end[:1]+" ") == "" {
				m.Blocks = append(m.Blocks, *open)
				open, last = nil, ""
				continue
			}
			open.Lines = append(open.Lines, strings.TrimPrefix(line, indent))
			continue
		}
		if f := fence.FindStringSubmatch(line); f != nil {
			indent, end = f[1], f[2]
			open = &Block{Language: f[3], Line: n + 1}
			if c := comment.FindStringSubmatch(last); c != nil {
				open.Comment = c[1]
			}
			continue
		}
		if strings.TrimSpace(line) != "" {
			last = line
		}
		if h := heading.FindStringSubmatch(line); h != nil {
			slug := slug(h[1])
			if seen[slug]++; seen[slug] > 1 {
				slug = fmt.Sprintf("%s-%d", slug, seen[slug]-1)
			}
			m.Slugs = append(m.Slugs, slug)
		}
		for _, a := range anchor.FindAllStringSubmatch(line, -1) {
			m.Slugs = append(m.Slugs, a[1])
		}
		for _, s := range span.FindAllStringSubmatch(line, -1) {
			m.Spans = append(m.Spans, s[2])
		}
		for _, l := range link.FindAllStringSubmatch(span.ReplaceAllString(line, ""), -1) {
			m.Links = append(m.Links, l[1]+l[2]+l[3])
		}
	}
	if open != nil {
		m.Blocks = append(m.Blocks, *open)
	}
	return m
}

// slug is the anchor that GitHub gives a heading: its text in small letters,
// without what is neither letter, digit, hyphen nor underscore, a hyphen for
// each blank.
func slug(heading string) string {
	heading = inLink.ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}
