// Conformance has every language do the main job through the client that it
// generates from openapi.yaml, against the emulator, over HTTP:
//
//	go run . [language | schemathesis]...
//
// What is run for a language are the commands that README.md gives for it. They
// run once against the emulator as it is, then again against one that sends
// null wherever it may, against one whose answers have a field that the
// document does not know, and, for TypeScript and Go, through Prism, which
// refuses every request and every answer that is not as the document says.
// Whether the job was done is read from what arrived at the emulator. At the end
// Schemathesis runs all its checks against the emulator.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// root is the repository's, seen from here.
const root = "../.."

// key is the one that README.md exports, and the only one that the emulator takes.
const key = "0a1b2c3d"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only []string) error {
	languages, err := readPage("README.md")
	if err != nil {
		return err
	}
	wanted := func(name string) bool {
		return len(only) == 0 || slices.ContainsFunc(only, func(o string) bool { return strings.EqualFold(o, name) })
	}
	for _, name := range only {
		known := slices.ContainsFunc(languages, func(l language) bool { return strings.EqualFold(l.name, name) })
		if !known && !strings.EqualFold(name, "schemathesis") {
			return fmt.Errorf("%q is neither a language of README.md nor schemathesis", name)
		}
	}
	if wanted("schemathesis") || slices.ContainsFunc(languages, func(l language) bool { return wanted(l.name) && l.throughPrism() }) {
		say("install the tools")
		if err := command(ctx, ".", nil, "./install.sh"); err != nil {
			return err
		}
	}
	e, err := startEmulator(ctx)
	if err != nil {
		return err
	}
	defer e.stop()

	var rows []row
	var problems []error
	for _, l := range languages {
		if !wanted(l.name) {
			continue
		}
		r, err := try(ctx, e, l)
		rows = append(rows, r)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", l.name, err))
		}
	}
	var cases string
	if wanted("schemathesis") {
		if cases, err = schemathesis(ctx, e); err != nil {
			problems = append(problems, fmt.Errorf("Schemathesis: %w", err))
		}
	}
	printTable(rows)
	if cases != "" {
		fmt.Println(cases)
	}
	return errors.Join(problems...)
}

// row is what the table says about a language: a cell for each way to run it.
type row struct {
	language
	client string
	cells  map[string]string
}

var ways = []string{"plain", "nulls", "new fields", "Prism"}

// try runs a language's commands in every way there is for it.
func try(ctx context.Context, e *emulator, l language) (row, error) {
	r := row{language: l, client: "-", cells: map[string]string{}}
	started := time.Now()
	for i, way := range ways {
		if way == "Prism" && !l.throughPrism() {
			r.cells[way] = "-"
			continue
		}
		script := l.script
		if i > 0 {
			script = l.call() // the client is there already
		}
		say("%s, %s", l.name, way)
		count, err := e.attempt(ctx, way, script)
		r.cells[way] = fmt.Sprintf("%d of %d", count, len(operations))
		if err != nil {
			r.cells[way] += " FAILED"
			return r, fmt.Errorf("%s: %w", way, err)
		}
	}
	var err error
	if r.client, err = l.client(ctx); err == nil && l.name == "Rust" {
		err = checkRustDocumentation()
	}
	say("%s took %s", l.name, time.Since(started).Round(time.Second))
	return r, err
}

func printTable(rows []row) {
	fmt.Println("\nCalls answered 2xx, by the emulator's record:")
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "language\tclient\t%s\tmind\n", strings.Join(ways, "\t"))
	for _, r := range rows {
		fmt.Fprintf(table, "%s\t%s", r.name, r.client)
		for _, way := range ways {
			fmt.Fprintf(table, "\t%s", orDash(r.cells[way]))
		}
		fmt.Fprintf(table, "\t%s\n", r.mind)
	}
	table.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func say(format string, arguments ...any) {
	fmt.Printf("%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, arguments...))
}

// checkRustDocumentation holds the page that the Rust generator writes to the
// signatures, the authorization and the media types it is known by.
func checkRustDocumentation() error {
	page, err := os.ReadFile(filepath.Join("rust", "generated", "docs", "SessionsApi.md"))
	if err != nil {
		return err
	}
	for _, signature := range []string{
		"SessionUserContext delete_users_session(session_id, payload)",
		"SessionGet get_session(session_id)",
		"SessionUserContext get_users_session(session_id)",
		"Sessions list_sessions(page, limit)",
		"SessionUserContext put_users_session(session_id, payload)",
		"SessionDelete session_delete(session_id)",
		"SessionRequest session_post(payload)",
		"SessionBulkStopResponse sessions_bulk_stop(payload)",
	} {
		if !strings.Contains(string(page), "\n> models::"+signature+"\n") {
			return fmt.Errorf("docs/SessionsApi.md has no function %q", signature)
		}
	}
	for text, count := range map[string]int{
		"\n> models::":                         8,
		"\n[apiKey](../README.md#apiKey)\n":    8,
		"\n- **Accept**: application/json\n":   8,
		"**Content-Type**: application/json\n": 4,
		"**Content-Type**: Not defined\n":      4,
	} {
		if got := strings.Count(string(page), text); got != count {
			return fmt.Errorf("docs/SessionsApi.md has %q %d times, not %d", text, got, count)
		}
	}
	return nil
}
