package checks

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

// find is the first group of what pattern matches in a file, which it must.
func find(t *testing.T, file, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(read(t, file))
	if match == nil {
		t.Fatalf("%s has nothing like %s", file, pattern)
	}
	return match[1]
}

func TestReleaseVersionsAgree(t *testing.T) {
	version := find(t, "openapi.yaml", `^  version: (\d+\.\d+\.\d+)$`)
	heading := find(t, "CHANGELOG.md", `^## (.*)$`)
	if newest := regexp.MustCompile(`\d+\.\d+\.\d+`).FindString(heading); newest != version {
		t.Errorf("info.version of openapi.yaml is %s, and the newest heading of CHANGELOG.md is %q", version, heading)
	}
	tags, err := git(root, "tag", "--points-at", "HEAD", "--list", "v*")
	if err != nil {
		t.Fatal(err)
	}
	for tag := range strings.FieldsSeq(tags) {
		if tag != "v"+version || strings.Contains(heading, "Unreleased") {
			t.Errorf("the tag is %s, info.version of openapi.yaml %s, the newest heading of CHANGELOG.md %q", tag, version, heading)
		}
		if read(t, "internal/conformance/baseline.yaml") != read(t, "openapi.yaml") {
			t.Error("the baseline of make breaking is not the document that is released")
		}
	}
}

// TestGoVersionsAgree: the oldest Go is that of go.mod, the newest that of the
// Makefile, and the workflow tries both.
func TestGoVersionsAgree(t *testing.T) {
	oldest, newest := find(t, "go.mod", `^go (1\.\d+)`), find(t, "Makefile", `^NEWEST := go(1\.\d+)`)
	tried := find(t, ".github/workflows/ci.yml", `^ +go: (\[.*\])$`)
	if want := `["` + oldest + `", "` + newest + `"]`; tried != want {
		t.Errorf("the workflow tries Go %s, not %s", tried, want)
	}
	for _, file := range files(t) {
		if path.Base(file) == "go.mod" && find(t, file, `^go (1\.\d+)`) != oldest {
			t.Errorf("%s asks for another Go than go.mod, which asks for %s", file, oldest)
		}
	}
}

// TestActionsArePinned: a tag of an action can be moved to other code, its commit
// can't.
func TestActionsArePinned(t *testing.T) {
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	n := 0
	for _, file := range files(t) {
		if path.Dir(file) != ".github/workflows" {
			continue
		}
		for line := range strings.Lines(read(t, file)) {
			if _, action, ok := strings.Cut(line, "uses: "); ok {
				n++
				if !pinned.MatchString(strings.TrimSpace(action)) {
					t.Errorf("%s: %sis not a commit of 40 hex digits with its version after it, as @… # v1.2.3", file, action)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no workflow uses an action")
	}
}
