package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// program is the built matchmaker.
var program string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "matchmaker")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "matchmaker.exe")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func matchmakerCommand(env ...string) *exec.Cmd {
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "EDGEGAP_API_KEY=", "EDGEGAP_API_TOKEN=", "EDGEGAP_API_KEY_FILE=", "EDGEGAP_BASE_URL=", "EDGEGAP_APP=", "EDGEGAP_VERSION=")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func commandWithServer(server *sessionstest.Server) *exec.Cmd {
	return matchmakerCommand("EDGEGAP_API_KEY=s3cr3t", "EDGEGAP_BASE_URL="+server.URL(), "EDGEGAP_APP=arena", "EDGEGAP_VERSION=1.4.0")
}

func TestMakesAllCallsAndLeavesNothing(t *testing.T) {
	server := sessionstest.NewServer(t, sessionstest.WithReadyAfter(0))
	other, err := server.Client().Create(t.Context(), sessions.CreateRequest{AppName: "other"})
	if err != nil {
		t.Fatal(err)
	}
	before := len(server.Requests())
	output, err := commandWithServer(server).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var called []string
	for _, r := range server.Requests()[before:] {
		called = append(called, r.Operation)
		if r.Status != 200 {
			t.Errorf("%s: got status %d, want 200", r.Operation, r.Status)
		}
	}
	slices.Sort(called)
	called = slices.Compact(called)
	if len(called) != 8 {
		t.Errorf("called %v, want all eight operations", called)
	}
	for _, want := range append(called, "4 sessions, 3 of them created by this program") {
		if !strings.Contains(string(output), want) {
			t.Errorf("output lacks %q:\n%s", want, output)
		}
	}
	for _, secret := range []string{"203.0.113", "198.51.100", "192.0.2.", "s3cr3t"} {
		if strings.Contains(string(output), secret) {
			t.Errorf("output contains %q:\n%s", secret, output)
		}
	}
	if left := server.Sessions(); len(left) != 1 || left[0].SessionID != other.SessionID {
		t.Errorf("got %d sessions at the end, want only %s", len(left), other.SessionID)
	}
}

func TestStartsEmulatorWithoutKey(t *testing.T) {
	output, err := matchmakerCommand().CombinedOutput()
	if err != nil || !strings.Contains(string(output), "its own emulator") || !strings.Contains(string(output), "sessions-bulk-stop") {
		t.Errorf("error %v, output:\n%s", err, output)
	}
}

func TestCtrlCLeavesNothing(t *testing.T) {
	// The first session is being created, or it is ready and another one is being created.
	for _, line := range []string{"Two players are matched.", "Two more matches begin."} {
		server := sessionstest.NewServer(t)
		cmd := commandWithServer(server)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		for lines.Scan() && lines.Text() != line {
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, stdout); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), "context canceled") {
			t.Errorf("after %q: got %v and %q, want context canceled", line, err, stderr.String())
		}
		if left := server.Sessions(); len(left) != 0 {
			t.Errorf("after %q: %d sessions are left", line, len(left))
		}
	}
}

func TestRequiresAppWithKey(t *testing.T) {
	output, err := matchmakerCommand("EDGEGAP_API_KEY=s3cr3t").CombinedOutput()
	if err == nil || !strings.Contains(string(output), "EDGEGAP_APP") || strings.Contains(string(output), "s3cr3t") {
		t.Errorf("got %v, output %s, want an error that names EDGEGAP_APP", err, output)
	}
}
