package faults_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of README.md")

// row is a line of a table of the README: a fault, and what comes of it.
type row struct{ fault, result string }

var sections = []struct {
	title, rule string
	rows        []row
}{
	{"Redirects", "From `https://example.com`, for each of the eight calls: GET, POST, PUT and DELETE.", redirectRows()},
	{"Ids", "For each call that takes one, with and without a path in the base URL.", idRows()},
	{"Answers of status 2xx", "For each of the eight calls. Where a call that must not be doubled does not take an answer, its error is `ErrOutcomeUnknown` as well.", answerRows()},
	{"Other statuses", "For each of the eight calls. A call that must not be doubled is `ErrOutcomeUnknown` as well at 5xx, and has one request, but for 429 three; " +
		"the others have three at 429, 502, 503 and 504.", statusRows()},
	{"Size", "Answers of 1 GiB, gzip of 1 MiB that unpacks to 1 GiB, and what they do to the memory of a process that does nothing else, at its peak.", sizeRows()},
	{"Time", "For each of the eight calls. A call that must not be doubled is `ErrOutcomeUnknown` as well when its request may have gone out.", timeRows()},
	{"Secrets", "In `Error()` and slog neither the key nor the address of a player; in every other print, JSON and the fields of an `*Error` not the key. " +
		"So for every error that an error wraps, and for every error of this suite.", secretRows()},
}

// The tables are made of what the tests assert.
func TestReadmeHasWhatIsAsserted(t *testing.T) {
	const file, start = "README.md", "\n## "
	readme, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	prose, _, _ := strings.Cut(string(readme), start)
	var b strings.Builder
	b.WriteString(prose)
	for _, section := range sections {
		fmt.Fprintf(&b, "%s%s\n\n%s\n\n| fault | result |\n|---|---|\n", start, section.title, section.rule)
		for _, row := range section.rows {
			fmt.Fprintf(&b, "| %s | %s |\n", row.fault, row.result)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if b.String() != string(readme) {
		t.Error("README.md is stale: go test ./internal/faults -run Readme -update")
	}
}
