package checks

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport says what of ours a package may import. Those that are not named,
// programs and checks, may import anything.
var mayImport = map[string][]string{
	"":                      {},
	"api":                   {},
	"sessions":              {"api"},
	"internal/emulator":     {"api"},
	"sessions/sessionstest": {"sessions", "internal/emulator"},
}

// linked are the modules of others in a program that imports sessions and
// sessionstest. One more is a burden on all who do.
var linked = []string{
	"github.com/apapsch/go-jsonmerge/v2", // these three by the generated requests
	"github.com/google/uuid",
	"github.com/oapi-codegen/runtime",
	"github.com/go-json-experiment/json",
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	files(t)
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestWhoImportsWhom(t *testing.T) {
	met := 0
	for _, line := range goList(t, "-f", `{{.ImportPath}};{{join .Imports " "}};{{join .TestImports " "}} {{join .XTestImports " "}}`, "./...") {
		part := strings.Split(line, ";")
		name := strings.TrimPrefix(strings.TrimPrefix(part[0], module), "/")
		may, ok := mayImport[name]
		if !ok {
			continue
		}
		met++
		for imported := range strings.FieldsSeq(part[1]) {
			ours, ok := strings.CutPrefix(imported+"/", module+"/")
			if ok && !slices.Contains(may, strings.TrimSuffix(ours, "/")) {
				t.Errorf("%s imports %s: of ours it may import %q", part[0], imported, may)
			}
		}
		if name == "internal/emulator" {
			continue // nobody's go.sum has what only its tests import
		}
		for imported := range strings.FieldsSeq(part[2]) {
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") && !strings.HasPrefix(imported, module) {
				t.Errorf("tests of %s import %s: they may import the standard library and ours, as every importer's go.sum would carry it", part[0], imported)
			}
		}
	}
	if met != len(mayImport) {
		t.Errorf("%d of the %d packages of the table are there", met, len(mayImport))
	}
}

func TestWhatAnImporterLinks(t *testing.T) {
	ours := 0
	for _, line := range goList(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./sessions", "./sessions/sessionstest") {
		switch {
		case line == module:
			ours++
		case line != "" && !slices.Contains(linked, line):
			t.Errorf("an importer links %s", line)
		}
	}
	if ours < 4 { // sessions, api, sessionstest, internal/emulator
		t.Errorf("only %d packages of ours are linked", ours)
	}
}
