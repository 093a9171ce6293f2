package sessions_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatAnImporterInherits builds a module that imports the wrapper and its
// fake: what it links, and what it must carry in its go.sum.
func TestWhatAnImporterInherits(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOSUMDB=off")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
		}
		return string(out)
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const module = "github.com/edgegap-community/edgegap"
	write("go.mod", "module example.com/importer\n\ngo 1.26\n\nrequire "+module+" v0.0.0\n\nreplace "+module+" => "+root+"\n")
	write("main.go", "package main\n\nimport (\n\t_ \""+module+"/sessions\"\n\t_ \""+module+"/sessions/sessionstest\"\n)\n\nfunc main() {}\n")
	run("mod", "tidy")

	sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(sum, []byte("\n")); lines > 28 {
		t.Errorf("an importer's go.sum has %d lines:\n%s", lines, sum)
	}
	linked := strings.Fields(run("list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "."))
	ours := 0
	for _, path := range linked {
		if strings.Contains(path, "kin-openapi") || strings.Contains(path, "yaml") {
			t.Errorf("an importer links %s", path)
		}
		if strings.HasPrefix(path, module+"/") {
			ours++
		}
	}
	if ours < 4 { // sessions, api, sessionstest, internal/emulator
		t.Errorf("linked: %s", linked)
	}
}
