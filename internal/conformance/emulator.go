package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// operations are those of the contract.
var operations = []string{
	"session-post", "get-session", "session-delete", "get-users-session",
	"put-users-session", "delete-users-session", "list-sessions", "sessions-bulk-stop",
}

// emulator is a sessions-emulator that runs in a process of its own.
type emulator struct {
	url  string
	stop func()
}

func startEmulator(ctx context.Context) (*emulator, error) {
	binary, err := filepath.Abs(filepath.Join("generated", "sessions-emulator"))
	if err != nil {
		return nil, err
	}
	if err := command(ctx, root, nil, "go", "build", "-o", binary, "./cmd/sessions-emulator"); err != nil {
		return nil, err
	}
	url, stop, err := serve(ctx, regexp.MustCompile(`listening on (http://\S+)`), binary, "-addr", "localhost:0", "-key", key, "-ready-after", "300ms", "-quiet")
	return &emulator{url, stop}, err
}

// attempt runs a script against the emulator in one of the ways, and counts the
// operations that the emulator carried out. What else must have arrived, and
// did not, is an error.
func (e *emulator) attempt(ctx context.Context, way, script string) (int, error) {
	if err := e.begin(ctx, map[string]any{"unknown": map[string]any{"nulls": way == "nulls"}}); err != nil {
		return 0, err
	}
	url, stop := e.url, func() {}
	var err error
	switch way {
	case "new fields":
		url, stop = withNewFields(e.url)
	case "Prism":
		url, stop, err = throughPrism(ctx, e.url)
	}
	if err != nil {
		return 0, err
	}
	ran := command(ctx, root, []string{"EDGEGAP_BASE_URL=" + url}, "bash", "-euo", "pipefail", "-c", script)
	stop()
	count, seen := e.judge(ctx)
	if ran != nil {
		return count, ran // what it did not come to need not be told
	}
	return count, seen
}

// begin has the emulator forget everything and take these settings.
func (e *emulator) begin(ctx context.Context, settings any) error {
	return errors.Join(
		e.control(ctx, http.MethodPost, "reset", nil, nil),
		e.control(ctx, http.MethodPut, "config", settings, nil))
}

// judge reads from the emulator's record what a program did.
func (e *emulator) judge(ctx context.Context) (int, error) {
	var requests []struct {
		Operation   string      `json:"operation"`
		Status      int         `json:"status"`
		KeyAccepted bool        `json:"key_accepted"`
		Header      http.Header `json:"header"`
		Body        string      `json:"body"`
	}
	var sessions []struct {
		SessionID  string   `json:"session_id"`
		Exists     bool     `json:"exists"`
		WebhookURL string   `json:"webhook_url"`
		IPs        []string `json:"ips"`
	}
	var deployments []struct {
		Tags []string          `json:"tags"`
		Env  map[string]string `json:"env"`
	}
	if err := errors.Join(
		e.control(ctx, http.MethodGet, "requests", nil, &requests),
		e.control(ctx, http.MethodGet, "sessions", nil, &sessions),
		e.control(ctx, http.MethodGet, "deployments", nil, &deployments)); err != nil {
		return 0, err
	}

	var problems []error
	missing := func(format string, arguments ...any) {
		problems = append(problems, fmt.Errorf("the record: "+format, arguments...))
	}
	done, refused := map[string]bool{}, map[string]bool{}
	for _, r := range requests {
		switch {
		case r.Body != "" && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
			missing("%s has a body of type %q", r.Operation, r.Header.Get("Content-Type"))
		case r.Status == http.StatusOK && r.KeyAccepted && (r.Body != "" || r.Operation != "delete-users-session"):
			done[r.Operation] = true
		default:
			refused[fmt.Sprint(r.Operation, " ", r.Status)] = true
		}
	}
	for _, operation := range operations {
		if !done[operation] {
			missing("%s was not carried out", operation)
		}
	}
	delete(refused, "session-delete 404") // or 410: one of the two is enough
	delete(refused, "session-delete 410")
	for _, refusal := range []string{"list-sessions 401", "put-users-session 422"} {
		if !refused[refusal] {
			missing("%s did not happen", refusal)
		}
		delete(refused, refusal)
	}
	for refusal := range refused {
		missing("%s should not happen", refusal)
	}
	if len(sessions) != 2 || sessions[0].WebhookURL == "" || !slices.Equal(sessions[0].IPs, []string{"198.51.100.20", "2001:db8::30"}) {
		missing("the sessions are %+v", sessions)
	}
	for _, s := range sessions {
		if s.Exists {
			missing("%s is left", s.SessionID)
		}
	}
	if len(deployments) != 1 || !slices.Equal(deployments[0].Tags, []string{"ranked"}) || deployments[0].Env["MATCH_ID"] != "m-1042" {
		missing("the deployments are %+v", deployments)
	}
	return len(done), errors.Join(problems...)
}

// control speaks to what the emulator offers beside the API.
func (e *emulator) control(ctx context.Context, method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, e.url+"/_emulator/"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %d: %s", method, path, response.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// patience is for one command, downloads and compilation included.
const patience = 5 * time.Minute

// command runs a program to its end. Only of one that fails the output is
// shown, its last lines, as generators tell of every file that they write.
func command(ctx context.Context, folder string, environment []string, name string, arguments ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	run := group(exec.CommandContext(ctx, name, arguments...))
	run.Dir = folder
	run.Env = append(os.Environ(), environment...)
	output, err := run.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimRight(string(output), "\n"), "\n")
		fmt.Println(strings.Join(lines[max(0, len(lines)-50):], "\n"))
		return fmt.Errorf("%s: %w", name, errors.Join(err, ctx.Err()))
	}
	return nil
}

// serve starts a program, and returns the address that it prints.
func serve(ctx context.Context, address *regexp.Regexp, name string, arguments ...string) (url string, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	run := group(exec.CommandContext(ctx, name, arguments...))
	run.Stderr = os.Stderr
	output, err := run.StdoutPipe()
	if err == nil {
		err = run.Start()
	}
	if err != nil {
		cancel()
		return "", nil, err
	}
	found := make(chan string, 1)
	go func() {
		defer close(found)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if match := address.FindStringSubmatch(lines.Text()); match != nil && len(found) == 0 {
				found <- match[1]
			}
		}
	}()
	stop = func() {
		cancel()
		run.Wait()
	}
	select {
	case url = <-found:
	case <-time.After(30 * time.Second):
	}
	if url == "" {
		stop()
		return "", nil, fmt.Errorf("%s does not say where it listens", name)
	}
	return url, stop, nil
}

// group has a program end with all that it started.
func group(run *exec.Cmd) *exec.Cmd {
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
	run.WaitDelay = 5 * time.Second
	return run
}
