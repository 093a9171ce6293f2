package checks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the top of the repository.
const root = "../.."

func files(t *testing.T) []string {
	t.Helper()
	files, err := Files(root)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// documents are the Markdown files of the repository by their path.
func documents(t *testing.T) map[string]Markdown {
	t.Helper()
	all := map[string]Markdown{}
	for _, file := range files(t) {
		if path.Ext(file) == ".md" {
			all[file] = Parse(read(t, file))
		}
	}
	if len(all) < 4 {
		t.Fatalf("only %d documents", len(all))
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	all := documents(t)
	for file, document := range all {
		for _, link := range document.Links {
			target, anchor, _ := strings.Cut(link, "#")
			switch {
			case regexp.MustCompile(`^[a-z]+:`).MatchString(target):
				continue // another host's matter
			case target == "":
				target = file
			case strings.HasPrefix(target, "/"):
				target = target[1:]
			default:
				target = path.Join(path.Dir(file), target)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil || !filepath.IsLocal(target) {
				t.Errorf("%s: the link %s leads nowhere", file, link)
				continue
			}
			if anchor == "" {
				continue
			}
			if to, ok := all[target]; ok {
				if !slices.Contains(to.Slugs, anchor) {
					t.Errorf("%s: the link %s: there is no such heading", file, link)
				}
				continue
			}
			last := 0
			if fmt.Sscanf(anchor[strings.LastIndex(anchor, "L")+1:], "%d", &last); last == 0 || last > strings.Count(read(t, target), "\n") {
				t.Errorf("%s: the link %s: there is no such line", file, link)
			}
		}
	}
}

// TestNamedThingsExist is about targets of make, paths of this repository and
// tests. The changelog may name what is gone.
func TestNamedThingsExist(t *testing.T) {
	makes := regexp.MustCompile(`(?:^|[\s;&|(])make((?: +[a-z][a-z-]*)+)`)
	paths := regexp.MustCompile(`(?:^|[\s(="'])(?:\.{1,2}/)*((?:api|cmd|docs|examples|internal|sessions|\.ci|\.github)/[\w./*-]*)`)
	makefile := read(t, "Makefile")
	var tests strings.Builder
	for _, file := range files(t) {
		if strings.HasSuffix(file, "_test.go") {
			tests.WriteString(read(t, file))
		}
	}
	for file, document := range documents(t) {
		if file == "CHANGELOG.md" {
			continue
		}
		code := document.Spans
		for _, block := range document.Blocks {
			if block.Language == "sh" {
				code = append(code, block.Lines...)
			}
		}
		for _, text := range code {
			for _, call := range makes.FindAllStringSubmatch(text, -1) {
				for _, target := range strings.Fields(call[1]) {
					if !strings.Contains(makefile, "\n"+target+":") {
						t.Errorf("%s: `%s`: the Makefile has no target %s", file, text, target)
					}
				}
			}
		}
		for _, text := range document.Spans {
			if test := regexp.MustCompile(`^Test\w+$`).FindString(text); test != "" && !strings.Contains(tests.String(), "\nfunc "+test+"(") {
				t.Errorf("%s: there is no test %s", file, test)
			}
			for _, name := range paths.FindAllStringSubmatch(text, -1) {
				pattern := strings.TrimRight(strings.TrimSuffix(name[1], "..."), "./")
				here, _ := filepath.Glob(filepath.Join(root, path.Dir(file), pattern))
				top, _ := filepath.Glob(filepath.Join(root, pattern))
				if len(here)+len(top) == 0 {
					t.Errorf("%s: `%s`: there is no %s", file, text, pattern)
				}
			}
		}
	}
}

// TestGoBlocksCompile compiles what documents show of Go with its package clause,
// each as a package of this module.
func TestGoBlocksCompile(t *testing.T) {
	clause := regexp.MustCompile(`(?m)^package \w+`)
	dir := t.TempDir()
	overlay := filepath.Join(dir, "overlay.json")
	args := []string{"list", "-export", "-overlay", overlay} // compiles, and links nothing
	replaced := map[string]string{}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for file, document := range documents(t) {
		for _, block := range document.Blocks {
			text := strings.Join(block.Lines, "\n")
			if block.Language != "go" || !clause.MatchString(text) {
				continue
			}
			name := fmt.Sprintf("block%d", len(replaced))
			source := filepath.Join(dir, name+".go")
			if err := os.WriteFile(source, fmt.Appendf(nil, "//line /%s:%d\n%s\n", file, block.Line, text), 0o644); err != nil {
				t.Fatal(err)
			}
			replaced[filepath.Join(here, name, "block.go")] = source
			args = append(args, "./"+name)
		}
	}
	content, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if len(replaced) == 0 {
		t.Fatal("no document shows a program")
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestCopiedBlocksAreCopies holds a block after a comment such as
// <!-- from sessions/sessionstest/readme_test.go --> against that file.
func TestCopiedBlocksAreCopies(t *testing.T) {
	trimmed := func(lines []string) string {
		var b strings.Builder
		b.WriteString("\n")
		for _, line := range lines {
			b.WriteString(strings.TrimSpace(line) + "\n")
		}
		return b.String()
	}
	for file, document := range documents(t) {
		for _, block := range document.Blocks {
			if from, ok := strings.CutPrefix(block.Comment, "from "); ok {
				source := trimmed(strings.Split(read(t, from), "\n"))
				if !strings.Contains(source, trimmed(block.Lines)) {
					t.Errorf("%s:%d: the block does not stand like this in %s", file, block.Line, from)
				}
			}
		}
	}
}

func TestParse(t *testing.T) {
	const text = "# The *first*: `code` & [a link](a.md#x)\n\nSee `make test` and ![p](p.png) [b][r], `[no](link.md)`.\n\n" +
		"[r]: r.md\n\n<!-- not run: a reason -->\n\n```sh\n# no heading\nmake x\n```\n## Twice_2\n## Twice_2\n- in a list\n\n  ~~~\n  in\n   deeper\n  ~~~\n"
	got := Parse(text)
	want := Markdown{
		Blocks: []Block{{"not run: a reason", "sh", 10, []string{"# no heading", "make x"}}, {"", "", 18, []string{"in", " deeper"}}},
		Spans:  []string{"code", "make test", "[no](link.md)"},
		Links:  []string{"a.md#x", "p.png", "r.md"},
		Slugs:  []string{"the-first-code--a-link", "twice_2", "twice_2-1"},
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("got\n%s, not\n%s", a, b)
	}
}
