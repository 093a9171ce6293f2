package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// matchmakerProgram builds the program that a reader runs.
func matchmakerProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "matchmaker")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// against is the environment of a run with a key, on the server's socket.
func against(server *sessionstest.Server) []string {
	return append(os.Environ(), "EDGEGAP_API_KEY=test", "EDGEGAP_API_KEY_FILE=", "EDGEGAP_BASE_URL="+server.URL(),
		"EDGEGAP_APP=arena", "EDGEGAP_VERSION=1.4.0")
}

func TestTheProgramMakesAllEightCallsAndLeavesNothing(t *testing.T) {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer server.Close()
	bystander, err := server.Client().Create(t.Context(), sessions.CreateRequest{AppName: "bystander"})
	if err != nil {
		t.Fatal(err)
	}
	before := len(server.Requests())

	cmd := exec.Command(matchmakerProgram(t))
	cmd.Env = against(server)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	met := map[string]int{}
	for _, r := range server.Requests()[before:] {
		met[r.Operation]++
		if r.Status < 200 || r.Status > 299 {
			t.Errorf("%s was answered %d", r.Operation, r.Status)
		}
	}
	for _, operation := range []string{"session-post", "get-session", "session-delete", "get-users-session",
		"put-users-session", "delete-users-session", "list-sessions", "sessions-bulk-stop"} {
		if met[operation] == 0 {
			t.Errorf("%s was not called", operation)
		}
		if !strings.Contains(string(out), operation) {
			t.Errorf("%s is not shown", operation)
		}
	}
	if len(met) != 8 {
		t.Errorf("called: %v", met)
	}
	if left := server.Sessions(); len(left) != 1 || left[0].SessionID != bystander.SessionID {
		t.Errorf("left: %v, of which %s was there before", left, bystander.SessionID)
	}
	for _, ip := range []string{"203.0.113", "198.51.100", "192.0.2."} {
		if strings.Contains(string(out), ip) {
			t.Errorf("a player's address is shown:\n%s", out)
		}
	}
	if !strings.Contains(string(out), "4 active, 3 of them made by this run") {
		t.Errorf("the list is not told as it is:\n%s", out)
	}
}

func TestTheProgramStartsTheEmulatorWithoutAKey(t *testing.T) {
	cmd := exec.Command(matchmakerProgram(t))
	cmd.Env = append(os.Environ(), "EDGEGAP_API_KEY=", "EDGEGAP_API_KEY_FILE=", "EDGEGAP_BASE_URL=", "EDGEGAP_APP=", "EDGEGAP_VERSION=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	if !strings.Contains(first, "emulator") || !strings.Contains(first, "http://127.0.0.1:") {
		t.Errorf("the first line is %q", first)
	}
	if !strings.Contains(string(out), "sessions-bulk-stop") {
		t.Errorf("it does not end well:\n%s", out)
	}
}

func TestTheProgramCleansUpOnCtrlC(t *testing.T) {
	// After the first session is handed over, and while the second is awaited.
	for _, last := range []string{"Two players are matched.", "Two more matches begin."} {
		server := sessionstest.NewServer()
		defer server.Close()
		cmd := exec.Command(matchmakerProgram(t))
		cmd.Env = against(server)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var told strings.Builder
		cmd.Stderr = &told
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && !strings.Contains(lines.Text(), last) {
		}
		for lines.Scan() && !strings.Contains(lines.Text(), "session-post") {
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, out); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(told.String(), "context canceled") {
			t.Errorf("it ends with %v: %s", err, told.String())
		}
		if left := server.Sessions(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	}
}

func TestTheProgramSaysWhatIsMissing(t *testing.T) {
	cmd := exec.Command(matchmakerProgram(t))
	cmd.Env = append(os.Environ(), "EDGEGAP_API_KEY=s3cr3t", "EDGEGAP_API_KEY_FILE=", "EDGEGAP_APP=")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "EDGEGAP_APP") || strings.Contains(string(out), "s3cr3t") {
		t.Errorf("%v\n%s", err, out)
	}
}
