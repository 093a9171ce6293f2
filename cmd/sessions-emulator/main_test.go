package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// start runs the program until the test ends, and returns its address.
func start(t *testing.T, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	output, stdout := io.Pipe()
	code := make(chan int, 1)
	var stderr bytes.Buffer // read after the end only
	go func() {
		code <- run(ctx, append([]string{"-addr", "localhost:0"}, args...), stdout, &stderr)
		stdout.Close()
	}()
	t.Cleanup(func() {
		stop()
		if code := <-code; code != 0 {
			t.Errorf("exit code %d: %s", code, &stderr)
		}
	})
	return address(t, output)
}

// address is the one in the first line.
func address(t *testing.T, output io.Reader) string {
	t.Helper()
	line, err := bufio.NewReader(output).ReadString('\n')
	found := regexp.MustCompile(`^sessions-emulator: listening on (http://\S+) \(controls: (http://\S+)/_emulator/\)\n$`).FindStringSubmatch(line)
	if err != nil || found == nil || found[1] != found[2] {
		t.Fatalf("the first line is %q, %v", line, err)
	}
	return found[1]
}

func TestTheProgram(t *testing.T) {
	base := start(t, "-key", "k3y", "-ready-after", "0s", "-sockets", "3", "-kind", "Match")
	client, err := sessions.New("k3y", sessions.WithBaseURL(base))
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	s, err := client.CreateAndWait(t.Context(), sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
	if err != nil || s.Kind != "Match" || s.Deployment.Sockets != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	// Only openapi.yaml says that a list is not null.
	request, err := http.NewRequestWithContext(t.Context(), "POST", base+"/v1/session",
		strings.NewReader(`{"app_name": "arena", "ip_list": null}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token k3y")
	request.Header.Set("Content-Type", "application/json")
	if status, body := fetch(t, request); status != 400 || !strings.Contains(body, "ip_list") {
		t.Errorf("what openapi.yaml forbids: %d %s", status, body)
	}
	for _, path := range []string{"/", prefix} {
		request, err := http.NewRequestWithContext(t.Context(), "GET", base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, text := fetch(t, request); status != 200 || !strings.Contains(text, prefix+"faults") {
			t.Errorf("GET %s: %d %s", path, status, text)
		}
	}
}

func fetch(t *testing.T, request *http.Request) (status int, body string) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestAPortThatIsTaken(t *testing.T) {
	addr := strings.TrimPrefix(start(t), "http://")
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"-addr", addr}, io.Discard, &stderr); code != 1 || !strings.Contains(stderr.String(), "in use") {
		t.Errorf("two programs at one port: exit code %d, %s", code, &stderr)
	}
}

// What go install gives is one file that runs anywhere, and ends as -help says.
func TestTheBinary(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "sessions-emulator")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		t.Cleanup(cancel)
		c := exec.CommandContext(ctx, binary, args...)
		c.Dir, c.Env = empty, []string{}
		var stderr bytes.Buffer
		c.Stderr = &stderr
		return c, &stderr
	}
	for args, want := range map[string]int{
		"--help":               0,
		"-sockets -1":          2,
		"-config nowhere.yaml": 2,
		"-addr 192.0.2.1:0":    1, // not an address of this machine
	} {
		c, stderr := command(strings.Fields(args)...)
		c.Run()
		if got := c.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit code %d, want %d: %s", args, got, want, stderr)
		}
	}
	for _, signal := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
		c, stderr := command("-addr", "localhost:0", "-key", "s3cret-key")
		output, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		base := address(t, output)
		request, err := http.NewRequestWithContext(t.Context(), "GET", base+"/v1/sessions?page=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "token s3cret-key")
		if status, body := fetch(t, request); status != 200 {
			t.Errorf("%d %s", status, body)
		}
		// Somebody waits, and must not hold it up.
		waiting, stop := context.WithCancel(t.Context())
		defer stop()
		request, err = http.NewRequestWithContext(waiting, "GET", base+prefix+"webhooks?wait=1&timeout=60s", nil)
		if err != nil {
			t.Fatal(err)
		}
		go http.DefaultClient.Do(request)
		begin := time.Now()
		c.Process.Signal(signal)
		rest, _ := io.ReadAll(output)
		if err := c.Wait(); err != nil || len(rest) > 0 {
			t.Errorf("after %v: %v, %s", signal, err, rest)
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("after %v: it took %v", signal, took)
		}
		if log := stderr.String(); !strings.Contains(log, "msg=call operation=list-sessions status=200 duration=") || strings.Contains(log, "s3cret-key") {
			t.Errorf("the log: %s", log)
		}
	}
}
