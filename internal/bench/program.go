package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are two that do the same: create a session, wait until it is ready,
// and delete it.
//
//go:embed programs
var programs embed.FS

// programRows builds a program that imports package sessions, as a module of
// its own, and one that does without.
func programRows() ([]row, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)

	size := map[string]float64{}
	for _, name := range []string{"sessions", "plain"} {
		module := filepath.Join(dir, name)
		source, err := fs.ReadFile(programs, "programs/"+name+"/main.go")
		if err != nil {
			return nil, err
		}
		err = errors.Join(
			os.Mkdir(module, 0o755),
			os.WriteFile(filepath.Join(module, "main.go"), source, 0o644),
			os.WriteFile(filepath.Join(module, "go.mod"), nil, 0o644),
		)
		if err != nil {
			return nil, err
		}
		for _, args := range [][]string{
			{"mod", "edit", "-module=example.com/program", "-go=1.26", "-replace=" + modulePath + "=" + root},
			{"mod", "tidy"},
			{"build", "-o", "program", "."},
		} {
			if _, err := goCommand(module, args...); err != nil {
				return nil, err
			}
		}
		info, err := os.Stat(filepath.Join(module, "program"))
		if err != nil {
			return nil, err
		}
		size[name] = float64(info.Size())
	}

	module := filepath.Join(dir, "sessions")
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return nil, err
	}
	linked, err := goCommand(module, "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
	if err != nil {
		return nil, err
	}
	packages := 0
	for module := range strings.Lines(linked) {
		module = strings.TrimSpace(module)
		if module != "" && module != modulePath && module != "example.com/program" {
			packages++
		}
	}
	lines := bytes.Count(sums, []byte("\n"))
	bigger := size["sessions"] / size["plain"]
	return []row{
		{11, "a program that imports us: size against one with net/http and encoding/json", "≤ 1.15x", fmt.Sprintf("%.3fx", bigger), bigger <= 1.15, nil},
		{11, "the same: lines in its go.sum", "≤ 28", fmt.Sprint(lines), lines <= 28, nil},
		{11, "the same: third-party packages linked", "≤ 12", fmt.Sprint(packages), packages <= 12, nil},
	}, nil
}

const modulePath = "github.com/edgegap-community/edgegap"

func goCommand(dir string, args ...string) (string, error) {
	command := exec.Command("go", args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := command.Output()
	if e := new(exec.ExitError); errors.As(err, &e) {
		err = fmt.Errorf("go %s: %w: %s", args[0], err, e.Stderr)
	}
	return string(out), err
}
