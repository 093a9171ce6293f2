package emulator

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// mostDumped is how many of each kind a dump shows, the last ones.
const mostDumped = 50

// Dump is what happened and what there is, as text for a person: the requests,
// sessions, deployments and webhooks, with times since New. It holds no player's
// IP address, body or URL.
func (e *Emulator) Dump() string {
	requests, ledger, deployments, webhooks := e.Requests(), e.Sessions(), e.Deployments(), e.Webhooks()
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	since := func(t time.Time) string { return fmt.Sprintf("%.3fs", t.Sub(e.clock.start).Seconds()) }

	for _, r := range section(table, "request", requests) {
		status := "no answer"
		if r.Status != 0 {
			status = fmt.Sprint(r.Status)
		}
		fmt.Fprintf(table, "  %s\t%s\t%s %s\t%s\t%s\n", since(r.Time), cmp.Or(r.Operation, "-"), r.Method, shown(r.Path), status, line(r.Message))
	}
	for _, s := range section(table, "session", ledger) {
		on := line(s.Status)
		if !s.Exists {
			on += " (gone)"
		}
		if s.DeploymentRequestID != "" {
			on += " on " + s.DeploymentRequestID
		}
		fmt.Fprintf(table, "  %s\t%s\t%s %s\t%s\t%s\n", since(s.Created), s.SessionID, line(s.AppName), line(s.VersionName), count(len(s.IPs), "player"), on)
	}
	for _, d := range section(table, "deployment", deployments) {
		fmt.Fprintf(table, "  %s\t%s %s\t%s\t%d of %d sockets\tready %t, joinable %t, tags %q\n",
			d.RequestID, line(d.AppName), line(d.VersionName), d.City, d.SocketsUsed, d.Sockets, d.Ready, d.Joinable, d.Tags)
	}
	for _, w := range section(table, "webhook", webhooks) {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%d\t%s\n", since(w.Time), w.SessionID, line(w.Status), w.Answer, w.Problem)
	}
	table.Flush()
	return trailing.ReplaceAllString(text.String(), "")
}

// trailing is what the table's empty last cells leave.
var trailing = regexp.MustCompile(`(?m) +$`)

// section writes a heading, and returns what is to be shown below it.
func section[T any](table *tabwriter.Writer, name string, all []T) []T {
	fmt.Fprint(table, count(len(all), name))
	if len(all) > mostDumped {
		fmt.Fprintf(table, ", of which the last %d are", mostDumped)
		all = all[len(all)-mostDumped:]
	}
	fmt.Fprintln(table)
	return all
}

// shown is a path without what a caller may have put there by mistake, such as
// a player's IP for an id.
func shown(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if !ordinary.MatchString(segment) {
			segments[i] = "*"
		}
	}
	return strings.Join(segments, "/")
}

var ordinary = regexp.MustCompile(`^([a-z-]*|v[0-9]+|[0-9a-f]{12}-S|\[key\])$`)

// line is a text that cannot break a table.
func line(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

func count(n int, name string) string {
	if n == 1 {
		return "1 " + name
	}
	return fmt.Sprintf("%d %ss", n, name)
}
