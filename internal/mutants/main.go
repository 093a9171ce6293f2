// Mutants breaks the project on purpose, one line at a time, in a copy, and
// fails when a break goes unnoticed by the check that should see it:
//
//	go run ./internal/mutants [-run regexp]
//
// The breaks are in the *.txt files beside this one, in blocks of
//
//	file: sessions/transport.go
//	old: text that stands there once
//	new: what takes its place
//	by: go test ./sessions -run TestRedirects
//
// with an empty line between them. In old and new, \n is a new line; an empty
// new takes the text away.
package main

import (
	"bytes"
	"context"
	"embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/edgegap-community/edgegap/internal/checks"
)

//go:embed *.txt
var tables embed.FS

type mutant struct{ table, file, old, new, by string }

func (m mutant) String() string { return fmt.Sprintf("%s: %s: %.60q", m.table, m.file, m.old) }

func main() {
	only := flag.String("run", "", "break only what matches this regular expression")
	flag.Parse()
	mutants, err := read(regexp.MustCompile(*only))
	if err == nil {
		err = hunt(mutants)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
	fmt.Printf("%d mutants, each noticed\n", len(mutants))
}

func read(only *regexp.Regexp) (mutants []mutant, err error) {
	names, err := tables.ReadDir(".")
	if err != nil {
		return nil, err
	}
	unescape := strings.NewReplacer(`\n`, "\n", `\t`, "\t")
	for _, name := range names {
		content, err := tables.ReadFile(name.Name())
		if err != nil {
			return nil, err
		}
		for block := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n\n") {
			m := mutant{table: strings.TrimSuffix(name.Name(), ".txt")}
			for line := range strings.Lines(block) {
				key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
				value = strings.TrimPrefix(value, " ")
				switch {
				case key == "file":
					m.file = value
				case key == "old":
					m.old = unescape.Replace(value)
				case key == "new":
					m.new = unescape.Replace(value)
				case key == "by":
					m.by = value
				case !strings.HasPrefix(key, "#"):
					return nil, fmt.Errorf("%s: a line begins with %q", name.Name(), key)
				}
			}
			if m.file == "" && m.by == "" {
				continue // only comments
			}
			if m.file == "" || m.old == "" || m.by == "" {
				return nil, fmt.Errorf("%s: a block without file, old or by: %s", name.Name(), block)
			}
			if only.MatchString(m.String() + m.by) {
				mutants = append(mutants, m)
			}
		}
	}
	if len(mutants) == 0 {
		return nil, fmt.Errorf("there are none")
	}
	return mutants, nil
}

// hunt tries the mutants in two copies of the tree at a time.
func hunt(mutants []mutant) error {
	queue := make(chan mutant, len(mutants))
	for _, m := range mutants {
		queue <- m
	}
	close(queue)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	var unnoticed sync.Map
	for i := range errs {
		wg.Go(func() {
			dir, err := os.MkdirTemp("", "mutants")
			if err != nil {
				errs[i] = err
				return
			}
			defer os.RemoveAll(dir)
			if err := checks.Clone(".", dir); err != nil {
				errs[i] = err
				return
			}
			for m := range queue {
				if err := try(dir, m); err != nil {
					fmt.Printf("NOT NOTICED %s: %v\n", m, err)
					unnoticed.Store(m, true)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	n := 0
	unnoticed.Range(func(any, any) bool { n++; return true })
	if n > 0 {
		return fmt.Errorf("%d of %d were not noticed", n, len(mutants))
	}
	return nil
}

// try applies m in dir, runs what should notice it, and takes it back.
func try(dir string, m mutant) error {
	path := filepath.Join(dir, m.file)
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if n := bytes.Count(before, []byte(m.old)); n != 1 {
		return fmt.Errorf("the old text stands there %d times", n)
	}
	if err := os.WriteFile(path, bytes.Replace(before, []byte(m.old), []byte(m.new), 1), 0o644); err != nil {
		return err
	}
	defer os.WriteFile(path, before, 0o644)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", m.by)
	cmd.Dir = dir
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return fmt.Errorf("green: %s", m.by)
	case bytes.Contains(out, []byte("[build failed]")) || bytes.Contains(out, []byte("[setup failed]")):
		return fmt.Errorf("it does not compile: %.600s", out)
	case ctx.Err() != nil:
		return fmt.Errorf("no end: %s", m.by)
	}
	fmt.Printf("noticed     %s\n", m)
	return nil
}
