package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// start runs the emulator as a process and returns the URL that it prints.
func start(t *testing.T, stderr io.Writer, args ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command("edgegap-sessions", append([]string{"emulator", "--addr", "localhost:0"}, args...)...)
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line[strings.Index(line, "http"):])
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, _ := http.NewRequest("GET", url, nil)
	req.Header.Set("Authorization", "token any")
	client := http.Client{Timeout: 20 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

func TestEmulatorEndsOnSIGTERM(t *testing.T) {
	cmd, url := start(t, io.Discard)
	req, _ := http.NewRequest("GET", url+"/_emulator/events", nil)
	res, err := http.DefaultClient.Do(req) // a stream that is open does not delay the end
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("exit: %v, want code 0", err)
	}
}

// TestLogDelaysNothing makes more requests than a pipe that nobody reads can hold lines.
func TestLogDelaysNothing(t *testing.T) {
	for _, closed := range []bool{false, true} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_, url := start(t, w)
		w.Close()
		if closed {
			r.Close()
		}
		for range 1500 {
			if status, body := get(t, url+"/v1/sessions"); status != 200 {
				t.Fatalf("got %d %s, want 200", status, body)
			}
		}
		r.Close()
	}
}

func TestLogNamesWhatHappened(t *testing.T) {
	var log bytes.Buffer
	cmd, url := start(t, &log, "--ready-after", "0s", "--seed", "1")
	post(t, url, `{"app_name": "arena", "colour": 1, "ip_list": ["203.0.113.7"], "webhook_url": "http://127.0.0.1:9/hook?secret=abc"}`)
	_, events := stream(t, url, `"type":"webhook"`)
	cmd.Process.Signal(os.Interrupt)
	cmd.Wait()
	for _, want := range []string{"request session-post", "Ready", "webhook", "connection refused", `"colour"`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &log)
		}
	}
	for _, secret := range []string{"203.0.113.7", "abc"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log contains %s:\n%s", secret, &log)
		}
	}
	if !strings.HasPrefix(events, `{"id":1,`) {
		t.Errorf("events: got %.80s, want the first event", events)
	}
}

func post(t *testing.T, url, body string) (status int, response string) {
	t.Helper()
	req, _ := http.NewRequest("POST", url+"/v1/session", strings.NewReader(body))
	req.Header.Set("Authorization", "token any")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// stream reads events as ndjson until one contains text.
func stream(t *testing.T, url, text string) (last, all string) {
	t.Helper()
	req, _ := http.NewRequest("GET", url+"/_emulator/events", nil)
	req.Header.Set("Accept", "application/x-ndjson")
	client := http.Client{Timeout: 20 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if all += lines.Text() + "\n"; strings.Contains(lines.Text(), text) {
			return lines.Text(), all
		}
	}
	t.Fatalf("no event contains %s:\n%s", text, all)
	return "", ""
}

func TestListen(t *testing.T) {
	listeners, url, err := listen("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range listeners {
		defer l.Close()
	}
	if !strings.HasPrefix(url, "http://localhost:") {
		t.Errorf("got %s, want http://localhost:PORT", url)
	}
	_, port, _ := net.SplitHostPort(listeners[0].Addr().String())
	if _, _, err := listen("localhost:" + port); err == nil {
		t.Error("listen on a port that is in use succeeded")
	}
	if len(listeners) == 2 { // also if only the second loopback is in use
		listeners[0].Close()
		if _, _, err := listen("localhost:" + port); err == nil {
			t.Error("listen on a port that is in use on ::1 succeeded")
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Errorf("listen kept 127.0.0.1 after the error: %v", err)
		} else {
			l.Close()
		}
	}
	for _, addr := range []string{":0", "0.0.0.0:0"} {
		listeners, url, err := listen(addr)
		if err != nil {
			t.Fatal(err)
		}
		listeners[0].Close()
		if !strings.HasPrefix(url, "http://127.0.0.1:") || strings.HasSuffix(url, ":0") {
			t.Errorf("%s: got %s, want http://127.0.0.1:PORT", addr, url)
		}
	}
	if _, _, err := listen("localhost"); err == nil {
		t.Error("an address without port is accepted")
	}
}

func TestControlsRejectForeignPages(t *testing.T) {
	fake, err := newEmulator(sessionstest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	for _, test := range []struct {
		path, host, origin string
		loopback           bool
		want               int
	}{
		{"/_emulator/health", "localhost:8080", "", true, 200},
		{"/_emulator/health", "[::1]:8080", "", true, 200},
		{"/_emulator/health", "127.0.0.1:8080", "http://127.0.0.1:8080", true, 200},
		{"/_emulator/health", "127.0.0.1:8080", "http://evil.example", true, 403},
		{"/_emulator/health", "127.0.0.1:8080", "null", true, 403},
		{"/_emulator/health", "evil.example:8080", "", true, 403},
		{"/", "evil.example:8080", "", true, 403},
		{"/_emulator/health", "emulator:8080", "", false, 200},
		{"/_emulator/health", "emulator:8080", "http://evil.example", false, 403},
		{"/v1/sessions", "evil.example:8080", "", true, 200},
	} {
		r := httptest.NewRequest("GET", test.path, nil)
		r.Host = test.host
		r.Header.Set("Authorization", "token any")
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		w := httptest.NewRecorder()
		newHandler(fake.Emulator, sessionstest.Config{}, test.loopback).ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%+v: got %d", test, w.Code)
		}
	}
}

// TestResetUnderLoad changes and resets the settings while requests use them.
func TestResetUnderLoad(t *testing.T) {
	fake, err := newEmulator(sessionstest.Config{Key: "secret", Assumptions: sessionstest.Assumptions{Status: map[string]int{"unknown_ip": 404}}})
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	do := func(method, path, key, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Host = "localhost"
		r.Header.Set("Authorization", "token "+key)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		fake.handler.ServeHTTP(w, r)
		return w
	}
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for range 50 {
				do("PATCH", "/_emulator/config", "", `{"assumptions": {"status": {"unknown_ip": 422, "duplicate_ip": 400}}}`)
				do("POST", "/v1/session", "secret", `{"app_name": "arena", "ip_list": ["203.0.113.7", "203.0.113.7"]}`)
				do("POST", "/_emulator/reset", "", "null")
			}
		})
	}
	load.Wait()
	if got := do("POST", "/_emulator/reset", "", "").Body.String(); !strings.Contains(got, `"status":{"unknown_ip":404}`) {
		t.Errorf("after a reset: %s, want the settings of the start", got)
	}
	for _, body := range []string{"", "null", "{}", " \n"} {
		do("POST", "/_emulator/reset", "", body)
		if status := do("GET", "/v1/sessions", "other", "").Code; status != 401 {
			t.Errorf("after a reset with body %q, another key gets %d, want 401", body, status)
		}
	}
	for _, body := range []string{`{"key": ""}`, `{"key": null}`, `{"key": "other"}`} {
		if w := do("POST", "/_emulator/reset", "", body); w.Code != 400 || !strings.Contains(w.Body.String(), "key: cannot be changed") {
			t.Errorf("reset with %s: got %d %s, want 400", body, w.Code, w.Body)
		}
	}
	config := do("GET", "/_emulator/config", "", "").Body.String()
	if strings.Contains(config, "secret") || do("POST", "/_emulator/reset", "", config).Code != 200 {
		t.Errorf("the settings must not show the key, and must be accepted by a reset: %s", config)
	}
}

// TestCreateIsEndedBySignals sends a signal, such as that of a terminal that is closed, while
// create waits.
func TestCreateIsEndedBySignals(t *testing.T) {
	for _, test := range []struct {
		signal  syscall.Signal
		command []string
		ends    bool
	}{
		{syscall.SIGTERM, []string{"edgegap-sessions"}, true},
		{syscall.SIGHUP, []string{"edgegap-sessions"}, !signal.Ignored(syscall.SIGHUP)},
		{syscall.SIGHUP, []string{"nohup", "edgegap-sessions"}, false},
	} {
		fake, err := newEmulator(sessionstest.Config{ReadyAfter: new(time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		srv := httptest.NewServer(fake.handler)
		cmd := exec.Command(test.command[0], append(test.command[1:], "create", "arena")...)
		cmd.Env = append(os.Environ(), "EDGEGAP_BASE_URL="+srv.URL, "EDGEGAP_API_KEY=key")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stream(t, srv.URL, `"operation":"get-session"`)
		cmd.Process.Signal(test.signal)
		if err := cmd.Wait(); (err != nil) != test.ends {
			t.Errorf("%v: %v, want an error: %v", test.command, err, test.ends)
		}
		if left := len(fake.Sessions()); (left == 0) != test.ends {
			t.Errorf("%v: %d sessions are left, want none: %v", test.command, left, test.ends)
		}
		srv.CloseClientConnections()
		srv.Close()
		fake.Close()
	}
}
