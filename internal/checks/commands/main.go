//go:build unix

// Commands runs what documents tell people to type, and fails when a command does:
//
//	go run ./internal/checks/commands [-ran 'make test; make demo'] README.md ...
//
// Each document has a fresh clone with the work tree's files. Each block of sh in
// it is a shell of its own, which begins at the top of the clone and stops at the
// first line that fails. The emulator, where a line starts it, runs in the
// background until the document ends; the next line waits until it listens.
//
// What can't be run here is told by a comment on the line before the block:
//
//	<!-- not run: needs a release -->
//
// The commands of -ran are left out too, as having been run elsewhere.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/edgegap-community/edgegap/internal/checks"
)

// most is what all commands together may take.
const most = 20 * time.Minute

// inside is set in the environment of the commands.
const inside = "EDGEGAP_INSIDE_COMMANDS"

func main() {
	ran := flag.String("ran", "", "`commands`, separated by ;, that are not run again")
	flag.Parse()
	if err := run(strings.Split(*ran, ";"), flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "commands:", err)
		os.Exit(1)
	}
}

func run(ran, documents []string) error {
	if os.Getenv(inside) != "" {
		return errors.New("a document tells people to run the documents' commands: put <!-- not run: reason --> before that block")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, most, fmt.Errorf("all commands together took more than %v", most))
	defer cancel()
	known := map[string]bool{}
	for _, command := range ran {
		known[strings.TrimSpace(command)] = true
	}
	for _, document := range documents {
		fmt.Println(document)
		if err := try(ctx, document, known); err != nil {
			return err
		}
	}
	return nil
}

// try runs the commands of one document.
func try(ctx context.Context, document string, known map[string]bool) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "commands")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	clone := filepath.Join(dir, "clone")
	if err := checks.Clone(".", clone); err != nil {
		return err
	}
	var running *shell // the one that started the emulator
	defer func() { running.end() }()
	for _, block := range checks.Parse(string(text)).Blocks {
		if block.Language != "sh" {
			continue
		}
		at := fmt.Sprintf("%s:%d", document, block.Line)
		if reason, ok := strings.CutPrefix(block.Comment, "not run: "); ok {
			fmt.Printf("          not run: %s (line %d)\n", reason, block.Line)
			continue
		}
		s, err := newShell(clone, filepath.Join(dir, fmt.Sprintf("line%d.log", block.Line)), block.Lines, known)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if s.serves {
			running.end()
			running = s
		}
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}

// shell runs the commands of one block.
type shell struct {
	cmd      *exec.Cmd
	commands []string
	serves   bool // one of them is the emulator, which runs on
	output   bytes.Buffer
}

var emulator = regexp.MustCompile(`^go run \S*cmd/sessions-emulator\b`)

func newShell(dir, log string, lines []string, known map[string]bool) (*shell, error) {
	s := &shell{}
	var script strings.Builder
	for i := 0; i < len(lines); i++ {
		text := lines[i]
		for i+1 < len(lines) && !isWhole(text) {
			i++
			text += "\n" + lines[i]
		}
		if strings.Contains(text, "<<") {
			return nil, fmt.Errorf("%s: a here-document is more than this program knows of the shell", text)
		}
		command, _, _ := strings.Cut(text, " #")
		command = strings.TrimSpace(command)
		switch {
		case command == "" || strings.HasPrefix(command, "#"):
			continue
		case known[command]:
			fmt.Printf("          run before: %s\n", command)
			continue
		}
		s.commands = append(s.commands, command)
		script.WriteString("echo >&3\n") // the next one begins
		if !emulator.MatchString(command) {
			script.WriteString(text + "\ntest $? = 0\n") // -e lets the first of a && b fail
			continue
		}
		s.serves = true
		fmt.Fprintf(&script, "{ %s || :; echo stopped; } >%[2]s 2>&1 3>&- &\nuntil grep -q -e listening -e ^stopped %[2]s; do sleep 0.1; done\n"+
			"if grep -q ^stopped %[2]s; then cat %[2]s; exit 1; fi\n", command, log)
	}
	s.cmd = exec.Command("sh", "-e", "-c", script.String())
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, &s.output, &s.output
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for _, pair := range os.Environ() {
		// Not the key or address that somebody has set: nothing may reach the real API.
		if !strings.HasPrefix(pair, "EDGEGAP_") {
			s.cmd.Env = append(s.cmd.Env, pair)
		}
	}
	s.cmd.Env = append(s.cmd.Env, inside+"=1")
	return s, nil
}

// isWhole reports whether a command is complete, rather than goes on in the next
// line.
func isWhole(text string) bool {
	return !strings.HasSuffix(text, `\`) && exec.Command("sh", "-n", "-c", text).Run() == nil
}

// run prints each command when it is done, with its time.
func (s *shell) run(ctx context.Context) error {
	if len(s.commands) == 0 {
		return nil
	}
	begins, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer begins.Close()
	s.cmd.ExtraFiles = []*os.File{write}
	err = s.cmd.Start()
	write.Close()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) })
	defer stop()
	n, start := -1, time.Now()
	done := func() {
		if n >= 0 {
			fmt.Printf("%8.1fs  %s\n", time.Since(start).Seconds(), s.commands[n])
		}
		start = time.Now()
	}
	for lines := bufio.NewScanner(begins); lines.Scan(); n++ {
		done()
	}
	err = s.cmd.Wait()
	if !s.serves || err != nil {
		s.end()
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", s.commands[max(n, 0)], err, s.output.Bytes())
	}
	done()
	return nil
}

// end stops whatever the shell left running.
func (s *shell) end() {
	if s != nil && s.cmd.Process != nil {
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	}
}
