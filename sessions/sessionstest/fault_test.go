package sessionstest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// TestFaults applies each kind of fault in memory and over a socket.
func TestFaults(t *testing.T) {
	const create = `{"app_name": "arena"}`
	for name, test := range map[string]struct {
		fault    sessionstest.Fault
		want     string // status, Content-Type, X-Test and body, or the error
		recorded string // Request.Status and Request.Fault
		created  int
	}{
		"status":       {sessionstest.Status(503), `503 application/json  {"message":"planned fault"}`, "503 503", 0},
		"rate limited": {sessionstest.RateLimited(1500 * time.Millisecond), `429 application/json 2 {"message":"planned fault"}`, "429 429", 0},
		"body":         {sessionstest.Fault{Status: 200, Body: "[]"}, "200 application/json  []", "200 200", 0},
		"page":         {sessionstest.Fault{Status: 200, Body: "<html>login"}, "200 text/html; charset=utf-8  <html>login", "200 200", 0},
		"executed":     {sessionstest.Fault{Status: 500, Execute: true}, `500 application/json  {"message":"planned fault"}`, "500 500, executed", 1},
		"headers":      {sessionstest.Fault{Headers: map[string]string{"Retry-After": "7"}}, `200 application/json 7 {"app":"arena",`, "200", 1},
		"reset":        {sessionstest.ConnectionReset(), "connection reset", "0 reset", 0},
		"lost":         {sessionstest.ResponseLost(), "connection reset", "0 reset, executed", 1},
		"truncated":    {sessionstest.Fault{Connection: "truncate"}, "unexpected EOF", "200 truncate", 1},
		"delayed":      {sessionstest.Fault{Delay: time.Millisecond, Status: 404}, `404 application/json  {"message":"planned fault"}`, "404 delay 1ms, 404", 0},
	} {
		t.Run(name, func(t *testing.T) {
			memory, socket := newFake(t), newFake(t)
			for f, rt := range map[*fake]http.RoundTripper{memory: memory.Transport(), socket: &http.Transport{DisableKeepAlives: true}} {
				url := "http://fake.invalid"
				if f == socket {
					url = f.URL()
				}
				f.FailNext(test.fault)
				got := exchange(t, rt, "POST", url+"/v1/session", create)
				if !strings.HasPrefix(got, test.want) {
					t.Errorf("got %s, want %s", got, test.want)
				}
				last := f.Requests()[len(f.Requests())-1]
				equal(t, "recorded", line(last.Status, last.Fault), test.recorded)
				equal(t, "sessions", len(f.Sessions()), test.created)
				got = exchange(t, rt, "GET", url+"/v1/sessions", "")
				if !strings.HasPrefix(got, "200") {
					t.Errorf("the next request: got %s, want 200", got)
				}
			}
		})
	}
}

// exchange describes a response, or the error that a client sees.
func exchange(t *testing.T, rt http.RoundTripper, method, url, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "token any")
	resp, err := rt.RoundTrip(req)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) { // a server cannot choose which
		return "connection reset"
	}
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(resp.StatusCode, " ", resp.Header.Get("Content-Type"), " ", resp.Header.Get("Retry-After"), " ", string(text))
}

func TestFaultHangsUntilTheCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.FailNext(sessionstest.Fault{Connection: "hang"}, sessionstest.Fault{Delay: time.Hour})
		client := &http.Client{Transport: f.Transport(), Timeout: time.Minute}
		for range 2 {
			start := time.Now()
			if resp, err := client.Get("http://fake.invalid/v1/sessions"); err == nil {
				resp.Body.Close()
				t.Error("no error")
			}
			equal(t, "duration", time.Since(start), time.Minute)
		}
	})
}

// TestFaultsAreTakenInOrder sends requests and compares their status codes.
func TestFaultsAreTakenInOrder(t *testing.T) {
	get, list := sessionstest.OpGet, sessionstest.OpList
	for name, test := range map[string]struct {
		faults   []sessionstest.Fault
		want     []int // of requests to the list
		leftOver int
	}{
		"one":         {[]sessionstest.Fault{{Status: 500}}, []int{500, 200}, 0},
		"in order":    {[]sessionstest.Fault{{Status: 500}, {Status: 502, Times: 2}, {Status: 503}}, []int{500, 502, 502, 503, 200}, 0},
		"operation":   {[]sessionstest.Fault{{Operation: get, Status: 500}, {Operation: list, Status: 502}}, []int{502, 200}, 1},
		"skip":        {[]sessionstest.Fault{{Skip: 2, Status: 500}}, []int{200, 200, 500, 200}, 0},
		"always":      {[]sessionstest.Fault{{Status: 500, Times: -1}, {Status: 502}}, []int{500, 500, 500}, 2},
		"certain":     {[]sessionstest.Fault{{Status: 500, Probability: 1}}, []int{500, 500, 500}, 1},
		"random":      {[]sessionstest.Fault{{Status: 500, Probability: 0.5}}, []int{200, 200, 500, 500, 500, 200, 200, 200}, 1}, // with seed 0
		"random once": {[]sessionstest.Fault{{Status: 500, Probability: 1, Times: 1}}, []int{500, 200}, 0},
	} {
		e, err := sessionstest.NewEmulator(sessionstest.Config{})
		if err != nil {
			t.Fatal(err)
		}
		f := &fake{e.Server, t}
		f.FailNext(test.faults...)
		var got []int
		for range test.want {
			status, _ := f.call("GET", "/v1/sessions", "")
			got = append(got, status)
		}
		equal(t, name, got, test.want)
		equal(t, name+": planned", len(e.Faults()), test.leftOver)
		equal(t, name+": cleared", len(e.ClearFaults()), test.leftOver)
		equal(t, name+": planned after clearing", len(e.Faults()), 0)
		e.Close()
	}
}

func TestInvalidFaultsAreRefused(t *testing.T) {
	e, err := sessionstest.NewEmulator(sessionstest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, fault := range []sessionstest.Fault{{}, {Operation: "get", Status: 500}, {Status: 100}, {Status: 600}, {Body: "x"},
		{Status: 500, Probability: 1.5}, {Status: 500, Delay: -1}, {Status: 500, Skip: -1}, {Connection: "break"}, {Execute: true}} {
		if err := e.PlanFaults(sessionstest.Status(500), fault); err == nil || !strings.Contains(err.Error(), "faults[1]: ") {
			t.Errorf("%+v: got error %v", fault, err)
		}
	}
	equal(t, "planned", len(e.Faults()), 0)
}
