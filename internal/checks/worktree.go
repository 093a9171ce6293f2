// Package checks holds what the repository says of itself against what is there:
// its documents, its exported names, its imports, its versions. The checks are
// the tests of this package. Two more, which take time or a network, are
// programs: commands and consumer.
package checks

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Files lists the files of the work tree at root, by their slashed paths from
// there: what git tracks, and what it neither tracks nor ignores. It looks at each
// and at its directory, so that go test, which keeps results and looks at the
// same again, learns of what changed, is new or is gone.
func Files(root string) ([]string, error) {
	out, err := git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	var files []string
	for file := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		path := filepath.Join(root, file)
		if _, err := os.Stat(path); err == nil { // not deleted
			files = append(files, file)
		}
		os.Stat(filepath.Dir(path))
	}
	return files, nil
}

// Clone makes dir a clone of the repository at root, tags included, with the
// files of its work tree as they are now.
func Clone(root, dir string) error {
	if _, err := git(root, "clone", "--quiet", "--no-checkout", ".", dir); err != nil {
		return err
	}
	files, err := Files(root)
	if err != nil {
		return err
	}
	for _, file := range files {
		from, to := filepath.Join(root, file), filepath.Join(dir, file)
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, content, info.Mode().Perm()); err != nil {
			return err
		}
	}
	_, err = git(dir, "add", "--all", "--force")
	return err
}

func git(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, ok := err.(*exec.ExitError); ok {
		err = fmt.Errorf("git %s: %w: %s", args[0], err, exit.Stderr)
	}
	return string(out), err
}
