package main

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/term"

	"github.com/edgegap-community/edgegap/sessions"
)

// print writes a result to stdout, as JSON or as a table.
func (p *program) print(result any, rows ...[]any) error {
	text, err := table(rows), error(nil)
	if p.json() {
		text, err = json.Marshal(result, jsontext.WithIndent("  "), jsontext.Multiline(!p.stream), json.FormatNilSliceAsNull(false))
		text = append(text, '\n')
	}
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}

// json reports whether results are for programs.
func (p *program) json() bool {
	return p.format == "json" || p.format == "" && !p.plain && !isTerminal(os.Stdout)
}

func isTerminal(f *os.File) bool {
	return term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

// table aligns the columns of rows.
func table(rows [][]any) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, cells := range rows {
		for i, cell := range cells {
			text, colored := cell.(paint)
			if !colored {
				text = paint(clean(fmt.Sprint(cell)))
			}
			if text == "" {
				text = "-"
			}
			fmt.Fprint(w, strings.Repeat("\t", min(i, 1)), text)
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	return b.Bytes()
}

// clean replaces control characters, which could change the terminal, by spaces.
func clean(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
}

// paint is a text with color codes.
type paint string

const red, green, yellow, noColor = 31, 32, 33, 39

// colored returns a text for stdout in a color. All colors add the same number of bytes, so that
// a column of which every cell is colored stays aligned.
func colored(color int, text string) paint {
	if text = clean(text); !isTerminal(os.Stdout) || os.Getenv("NO_COLOR") != "" {
		return paint(text)
	}
	return paint(fmt.Sprintf("\x1b[%dm%s\x1b[0m", color, text))
}

func coloredStatus(s sessions.Status, ready bool) paint {
	switch {
	case ready:
		return colored(green, string(s))
	case s.Failed():
		return colored(red, string(s))
	}
	return colored(yellow, string(s))
}

// maskURL replaces by *** what may be secret in a webhook URL: the user and all query parameters
// but ref.
func maskURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "***"
	}
	if u.User != nil {
		u.User = url.User("***")
	}
	query := u.Query()
	for name := range query {
		if name != "ref" {
			query[name] = []string{"***"}
		}
	}
	u.RawQuery, u.Fragment = query.Encode(), ""
	return strings.ReplaceAll(u.String(), "%2A%2A%2A", "***")
}

// shortAge returns an age such as "3h12m".
func shortAge(d time.Duration) string {
	if d >= time.Hour {
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	}
	return d.Truncate(time.Second).String()
}

// progress shows on a terminal what the program is doing and for how long, in a line that close
// removes. If quiet, or if stderr is not a terminal, it shows nothing.
type progress struct {
	text  atomic.Value
	done  chan struct{}
	ended sync.WaitGroup
}

func newProgress(text string, quiet bool) *progress {
	g, start := &progress{done: make(chan struct{})}, time.Now()
	g.text.Store(text)
	if quiet || !isTerminal(os.Stderr) {
		return g
	}
	g.ended.Go(func() {
		for tick := time.Tick(100 * time.Millisecond); ; {
			select {
			case <-tick:
				fmt.Fprintf(os.Stderr, "\r\x1b[K%s %.1fs", g.text.Load(), time.Since(start).Seconds())
			case <-g.done:
				fmt.Fprint(os.Stderr, "\r\x1b[K")
				return
			}
		}
	})
	return g
}

func (g *progress) close() {
	close(g.done)
	g.ended.Wait()
}
