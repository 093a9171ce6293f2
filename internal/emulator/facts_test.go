package emulator_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// facts are what proves rows of docs/emulator.md, by the first cell of each.
// They stand with the other tests of their subject.
type facts map[string]func(*testing.T)

// fact is a test of what the emulator does, in virtual time.
func fact(config emulator.Config, test func(*testing.T, *emulator.Emulator)) func(*testing.T) {
	return func(t *testing.T) { within(t, config, test) }
}

// guess is a test of what is not known: the same is done with the defaults and
// with a setting, and what comes of it differs.
func guess[T any](config emulator.Config, setting emulator.Unknown, do func(*testing.T, *emulator.Emulator) T, byDefault, set T) func(*testing.T) {
	return func(t *testing.T) {
		compare := func(name string, config emulator.Config, want T) {
			t.Helper()
			within(t, config, func(t *testing.T, e *emulator.Emulator) {
				if got := do(t, e); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %+v, want %+v", name, got, want)
				}
			})
		}
		with := config
		with.Unknown = setting
		compare("by default", config, byDefault)
		compare("set", with, set)
	}
}

// Every row of the document has a test and every test a row.
func TestFacts(t *testing.T) {
	tests := facts{}
	for _, some := range []facts{callFacts, createFacts, sessionFacts, deploymentFacts, deleteFacts, bulkStopFacts, userFacts, listFacts, webhookFacts} {
		for name, test := range some {
			if tests[name] != nil {
				t.Errorf("%q has two tests", name)
			}
			tests[name] = test
		}
	}
	for _, row := range documented(t) {
		name, marks, setting := row[0], row[1], row[3]
		for mark := range strings.SplitSeq(marks, ", ") {
			if !strings.Contains("D S I U", mark) {
				t.Errorf("%q has the mark %q", name, marks)
			}
		}
		if strings.ContainsAny(marks, "IU") && setting == "—" {
			t.Errorf("%q is not sure, but says nothing of a setting", name)
		}
		test := tests[name]
		if test == nil {
			t.Errorf("the row %q has no test, or stands there twice", name)
			continue
		}
		delete(tests, name)
		t.Run(name, test)
	}
	for name := range tests {
		t.Errorf("the test %q has no row", name)
	}
}

// documented are the rows of the tables of docs/emulator.md.
func documented(t *testing.T) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.HasPrefix(line, "| fact |") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 4 {
			t.Fatalf("not four cells: %s", line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	if len(rows) < 50 {
		t.Fatalf("the tables have only %d rows", len(rows))
	}
	return rows
}

// Every setting is named in the document, as in YAML and as in Go.
func TestTheDocumentNamesEverySetting(t *testing.T) {
	content, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	document := string(content)
	there := map[string]bool{}
	named := func(settings any, yaml, inGo string) {
		for field := range reflect.TypeOf(settings).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "-" || field.Type.Kind() == reflect.Struct {
				continue
			}
			there[yaml+name] = true
			if !strings.Contains(document, "`"+yaml+name+"`") {
				t.Errorf("it does not name %s%s", yaml, name)
			}
			if inGo != "" && !strings.Contains(document, "`"+inGo+field.Name+"`") {
				t.Errorf("it does not name %s%s", inGo, field.Name)
			}
		}
	}
	named(emulator.Config{}, "", "")
	named(emulator.RateLimit{}, "rate_limit.", "")
	named(emulator.App{}, "apps[].", "App.")
	named(emulator.Unknown{}, "unknown.", "Unknown.")
	for _, name := range regexp.MustCompile("`((?:unknown|rate_limit|apps\\[\\])\\.\\w+)`").FindAllStringSubmatch(document, -1) {
		if !there[name[1]] {
			t.Errorf("it names %s, which there is not", name[1])
		}
	}
}
