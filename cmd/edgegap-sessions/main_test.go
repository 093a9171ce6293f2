package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"edgegap-sessions": main})
}

// TestScripts runs testdata/*.txtar, each with an emulator of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "control": control, "await": await, "received": received,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// setUp starts an emulator and a receiver of webhooks.
func setUp(env *testscript.Env) error {
	fake, err := newEmulator(sessionstest.Config{ReadyAfter: new(100 * time.Millisecond)})
	if err != nil {
		return err
	}
	srv := httptest.NewServer(fake.handler)
	hooks := make(receiver, 100)
	hookServer := httptest.NewServer(hooks)
	env.Defer(func() { srv.Close(); fake.Close(); hookServer.Close() })
	env.Values["emulator"], env.Values["hooks"] = srv.URL, hooks
	env.Setenv("EDGEGAP_BASE_URL", srv.URL)
	env.Setenv("EDGEGAP_API_KEY", "the-secret-key")
	env.Setenv("HOOK", hookServer.URL)
	env.Setenv("TERM", "xterm")
	env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector sleeps 1 s at the end of a program
	return nil
}

type testEmulator struct {
	*sessionstest.Emulator
	handler http.Handler
}

func newEmulator(config sessionstest.Config) (*testEmulator, error) {
	document, err := contract.Load()
	if err != nil {
		return nil, err
	}
	config.ValidateRequest = document.ValidateRequest
	fake, err := sessionstest.NewEmulator(config)
	if err != nil {
		return nil, err
	}
	return &testEmulator{fake, newHandler(fake, config, true)}, nil
}

// exits runs a command and checks its exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// control sends a request to the emulator: METHOD PATH [BODY]. With a !, it must be rejected.
func control(ts *testscript.TestScript, neg bool, args []string) {
	body := ""
	if len(args) > 2 {
		body = args[2]
	}
	req, err := http.NewRequest(args[0], ts.Value("emulator").(string)+args[1], strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Authorization", "token any")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), res.StatusCode, string(text))
	if neg == (res.StatusCode == 200) {
		ts.Fatalf("%s %s: %d %s", args[0], args[1], res.StatusCode, text)
	}
}

// await waits until n events of the emulator, by default 1, match a pattern: [N] PATTERN.
func await(ts *testscript.TestScript, _ bool, args []string) {
	req, err := http.NewRequest("GET", ts.Value("emulator").(string)+"/_emulator/events", nil)
	ts.Check(err)
	req.Header.Set("Accept", "application/x-ndjson")
	client := http.Client{Timeout: 20 * time.Second}
	res, err := client.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	n := 1
	if len(args) > 1 {
		n, _ = strconv.Atoi(args[0])
	}
	pattern := regexp.MustCompile(args[len(args)-1])
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if pattern.MatchString(lines.Text()) {
			if n--; n == 0 {
				return
			}
		}
	}
	ts.Fatalf("too few events match %s", pattern)
}

// receiver receives webhooks, and responds with the status code in the query.
type receiver chan string

func (h receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	status, _ := strconv.Atoi(r.URL.Query().Get("status"))
	w.WriteHeader(max(status, 204))
	h <- r.Method + " " + r.URL.String() + " " + string(body)
}

// received waits until a webhook matches a pattern, and prints the webhooks up to it.
func received(ts *testscript.TestScript, _ bool, args []string) {
	pattern, timeout := regexp.MustCompile(args[0]), time.After(20*time.Second)
	for {
		select {
		case hook := <-ts.Value("hooks").(receiver):
			if fmt.Fprintln(ts.Stdout(), hook); pattern.MatchString(hook) {
				return
			}
		case <-timeout:
			ts.Fatalf("no webhook matches %s", pattern)
		}
	}
}
