package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// watch is the handler of the program, and what it logs, without the times.
func watch(t *testing.T) (h http.Handler, lines func() []string) {
	t.Helper()
	o, err := parse([]string{"-ready-after", "0s"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	e, h, err := newProgram(o.config, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return h, func() []string {
		text := log.String()
		log.Reset()
		text = regexp.MustCompile(`(?m)^time=\S+ level=INFO msg=`).ReplaceAllString(text, "")
		text = regexp.MustCompile(`(?m) duration=[0-9.]+[mµn]?s$`).ReplaceAllString(text, "")
		return strings.Split(strings.TrimSpace(text), "\n")
	}
}

func TestEachCallIsALine(t *testing.T) {
	h, lines := watch(t)
	id := answer[map[string]string](t, send(h, "POST", "/v1/session", `{"app_name": "arena", "webhook_url": "https://match.example/?secret=s3cret"}`))["session_id"]
	if got := lines(); len(got) != 1 || got[0] != "call operation=session-post session_id="+id+" status=200" {
		t.Errorf("%q", got)
	}
	for _, c := range []struct{ call, body, want string }{
		{"GET /v1/session/" + id, ``, "call operation=get-session session_id=" + id + " status=200"},
		{"GET /v1/session/000000000000-S", ``, `call operation=get-session session_id=000000000000-S status=404 message="session not found"`},
		{"GET /v1/session/203.0.113.7", ``, `call operation=get-session status=404 message="session not found"`},
		{"GET /v1/session/token-k3y", ``, `call operation=get-session status=404 message="session not found"`},
		{"GET /v1/sessions?page=203.0.113.7", ``, `call operation=list-sessions status=400 message="page can't be parsed"`},
		{"POST /v1/session", `{"app_name": 5}`, `call operation=session-post status=400 message="app_name: value must be a string"`},
		{"POST /v1/session", `{"app_name": "arena", "ip_list": ["198.51.100.300"]}`, `call operation=session-post status=400 message="ip_list[0]: is not an IP address"`},
		{"PUT /v1/session/" + id + "/users", `{"ip_list": ["203.0.113.9"]}`, "call operation=put-users-session session_id=" + id + " status=200"},
		{"PATCH /v1/session/" + id, ``, `call operation="PATCH /v1/session/{session_id}" status=405 message="the method is not allowed for this path"`},
		{"GET /v1/session/" + id + "/user/203.0.113.7", ``, `call operation="GET /v1/session/*/*/*" status=404 message="there is nothing at this path"`},
		{"GET /v2/k3y/session", ``, `call operation="GET /*/*/session" status=404 message="there is nothing at this path"`},
		{"GET /v1/session/" + id + "/%0Alevel", ``, `call operation="GET /v1/session/*/*" status=404 message="there is nothing at this path"`},
		{"POST /_emulator/faults", `{"statsu": 5}`, `control operation=plan-faults status=400 message="the body: property \"statsu\" is unsupported"`},
		{"POST /_emulator/faults", `{"status": 503, "body": "<html>203.0.113.7"}`, "control operation=plan-faults status=204"},
		{"GET /v1/session/" + id, ``, "call operation=get-session session_id=" + id + " status=503"},
		{"POST /_emulator/faults", `[{"status": 500, "body": "{\"message\": \"203.0.113.7\"}\n"}]`, "control operation=plan-faults status=204"},
		{"GET /v1/session/" + id, ``, "call operation=get-session session_id=" + id + " status=500"},
		{"POST /_emulator/faults", `{"status": 500}`, "control operation=plan-faults status=204"},
		{"GET /v1/session/" + id, ``, "call operation=get-session session_id=" + id + " status=500"},
		{"PUT /_emulator/sessions/" + id + "/status", `{"status": "Error"}`, "control operation=set-status session_id=" + id + " status=204"},
		{"GET /_emulator/", ``, "control operation=show-controls status=200"},
		{"GET /_emulator/nothing", ``, `control operation="GET /_emulator/*" status=404 message="there is no such control; GET /_emulator/ tells them"`},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		send(h, method, path, c.body)
		if got := lines(); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s %s:\n got %q\nwant %q", c.call, c.body, got, c.want)
		}
	}
}

func TestTheLineOfALongAnswer(t *testing.T) {
	h, lines := watch(t)
	w := send(h, "POST", "/v1/session", `{"app_name": "arena", "version_name": "`+strings.Repeat("v", 5000)+`"}`)
	id := answer[map[string]any](t, w)["session_id"].(string)
	if got := lines(); len(got) != 1 || got[0] != "call operation=session-post session_id="+id+" status=200" || w.Body.Len() < 5000 {
		t.Errorf("%d bytes: %q", w.Body.Len(), got)
	}
}

// A connection that a fault breaks is broken through the log, too.
func TestTheLogOfABrokenCall(t *testing.T) {
	h, lines := watch(t)
	ended := make(chan bool, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- true }() // after the line is written
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, c := range []struct{ fault, problem, want string }{
		{`{"break": "reset"}`, "connection reset by peer", "call operation=list-sessions broken=true"},
		{`{"break": "cut"}`, "unexpected EOF", "call operation=list-sessions status=200 broken=true"},
	} {
		send(h, "POST", prefix+"faults", c.fault)
		if err := get(client, server.URL+"/v1/sessions"); err == nil || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%s: %v", c.fault, err)
		}
		<-ended
		if got := lines(); got[len(got)-1] != c.want {
			t.Errorf("%s: %q", c.fault, got)
		}
	}
}
