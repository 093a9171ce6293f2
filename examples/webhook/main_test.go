package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// calls tells of each call of one operation that is sent.
type calls struct {
	http.RoundTripper
	of   string
	seen chan struct{}
}

func (c calls) RoundTrip(r *http.Request) (*http.Response, error) {
	if sessions.Operation(r.Context()) == c.of {
		c.seen <- struct{}{}
	}
	return c.RoundTripper.RoundTrip(r)
}

func see(operation string) calls {
	return calls{sessions.NewTransport(), operation, make(chan struct{}, 100)}
}

// start runs the service at a socket. stop ends it and waits for that.
func start(t *testing.T, server *sessionstest.Server, opts ...sessions.Option) (s *service, base string, stop func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base = "http://" + listener.Addr().String()
	s = &service{app: "arena", secret: "s3cret"}
	if s.webhook, err = sessions.WebhookURL(base+"/webhook", s.secret); err != nil {
		t.Fatal(err)
	}
	opts = append([]sessions.Option{sessions.WithBaseURL(server.URL()), sessions.WithRetry(sessions.RetryPolicy{})}, opts...)
	if s.client, err = sessions.New("test", opts...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, listener) }()
	stop = sync.OnceValue(func() error {
		cancel()
		defer s.client.CloseIdleConnections()
		return <-ended
	})
	t.Cleanup(func() { stop() })
	return s, base, stop
}

// ask sends a request on a connection of its own.
func ask(ctx context.Context, method, url, body string) (status int, header http.Header, answer string, err error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(content), err
}

const pair = `{"players": ["203.0.113.7", "2001:db8::7"]}`

type made struct {
	SessionID string `json:"session_id"`
	Address   string
}

func TestMatchesAreWokenByWebhooks(t *testing.T) {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(300 * time.Millisecond))
	defer server.Close()
	bystander, err := server.Client().Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
	if err != nil {
		t.Fatal(err)
	}
	s, base, _ := start(t, server)

	// After the read that begins a wait, the next comes 7.5 s later at the earliest.
	ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
	defer cancel()
	matches := make([]made, 12)
	var wg sync.WaitGroup
	for i := range matches {
		wg.Go(func() {
			status, _, answer, err := ask(ctx, "POST", base+"/match", pair)
			if err == nil {
				err = json.Unmarshal([]byte(answer), &matches[i])
			}
			if status != 200 || err != nil {
				t.Errorf("%d, %v: %s", status, err, answer)
			}
		})
	}
	wg.Wait()

	reads := map[string]int{}
	for _, r := range server.Requests() {
		if r.Operation == "get-session" {
			reads[r.SessionID]++
		}
	}
	for _, m := range matches {
		if n := reads[m.SessionID]; n == 0 || n > 3 {
			t.Errorf("%d reads of %s", n, m.SessionID)
		}
		session, err := server.Client().Get(t.Context(), m.SessionID)
		if err != nil {
			t.Fatal(err)
		}
		if address, err := sessions.Endpoint(session, "gameport"); err != nil || m.Address != address || session.UserCount != 2 {
			t.Errorf("%d players were told %q: it is %q, %v", session.UserCount, m.Address, address, err)
		}
		if status, _, answer, err := ask(t.Context(), "DELETE", base+"/match/"+m.SessionID, ""); status != 204 || err != nil {
			t.Errorf("to end a match: %d, %v: %s", status, err, answer)
		}
	}
	for _, id := range []string{matches[0].SessionID, bystander.SessionID, ""} {
		if status, _, _, err := ask(t.Context(), "DELETE", base+"/match/"+id, ""); status != 404 || err != nil {
			t.Errorf("to end what is no match: %d, %v", status, err)
		}
	}
	if len(server.Sessions()) != 1 || len(s.running) != 0 {
		t.Errorf("left: %v, %v; %s was there before", server.Sessions(), s.running, bystander.SessionID)
	}
}

func TestBadInputIsToldByItsField(t *testing.T) {
	server := sessionstest.NewServer()
	defer server.Close()
	_, base, _ := start(t, server)
	for body, want := range map[string]string{
		``:                                   "players:",
		`v4lue`:                              "players:",
		`["v4lue"]`:                          "players:",
		`null`:                               "players:",
		`{"players": "v4lue"}`:               "players:",
		`{"players": ["203.0.113.7", 4]}`:    "players:",
		`{"players": []}`:                    "players:",
		`{"ips": ["203.0.113.7"]}`:           "players:",
		`{"players": ["v4lue"]}`:             "players[0]:",
		`{"players": ["203.0.113.7", ""]}`:   "players[1]:",
		`{"players": ["fe80::1%v4lue"]}`:     "players[0]:",
		strings.Repeat(" ", 64<<10) + pair:   "players:",
		`{"players": ["203.0.113.7"]} v4lue`: "players:",
	} {
		status, _, answer, err := ask(t.Context(), "POST", base+"/match", body)
		if err != nil || status != 400 || !strings.HasPrefix(answer, want) || strings.Contains(answer, "v4lue") {
			t.Errorf("%.50s: %d, %v: %s", body, status, err, answer)
		}
	}
	if seen := server.Requests(); len(seen) != 0 {
		t.Errorf("%d requests were sent", len(seen))
	}
}

func TestFailuresOfTheAPI(t *testing.T) {
	at := func(status int) sessionstest.Fault {
		return sessionstest.Fault{Operation: "session-post", Status: status}
	}
	lost := func(how string) sessionstest.Fault {
		return sessionstest.Fault{Operation: "session-post", Break: how, Done: true}
	}
	app := func(a sessionstest.App) sessionstest.Option {
		a.Name = "arena"
		return sessionstest.WithApp(a)
	}
	for name, c := range map[string]struct {
		option     sessionstest.Option
		fault      sessionstest.Fault
		status     int
		retryAfter string
	}{
		"a refusal":              {fault: at(400), status: 502},
		"a wrong key":            {fault: at(401), status: 502},
		"too many requests":      {fault: at(429), status: 503},
		"with a Retry-After":     {option: sessionstest.WithRateLimit(0.001, 1, 2*time.Minute), status: 503, retryAfter: "120"},
		"a fault":                {fault: at(500), status: 502},
		"no room":                {option: app(sessionstest.App{NoAutodeploy: true}), status: 503},
		"a failed deployment":    {option: app(sessionstest.App{FailsToStart: true}), status: 503},
		"a lost answer":          {fault: lost("reset"), status: 502},
		"half an answer":         {fault: lost("cut"), status: 502},
		"an answer that is none": {fault: lost("garble"), status: 502},
		"silence":                {fault: lost("stall"), status: 504},
		"which port?":            {option: app(sessionstest.App{Ports: map[string]sessions.Port{"a": {Internal: 1}, "b": {Internal: 2}}}), status: 502},
	} {
		t.Run(name, func(t *testing.T) {
			opts := []sessionstest.Option{sessionstest.WithReadyAfter(0)}
			if c.option != nil {
				opts = append(opts, c.option)
			}
			server := sessionstest.NewServer(opts...)
			defer server.Close()
			// It takes the one call that the rate limit lets pass.
			if _, err := server.Client().List(t.Context(), sessions.ListOptions{}); err != nil {
				t.Fatal(err)
			}
			server.FailNext(c.fault)
			s, base, _ := start(t, server, sessions.WithTimeout(time.Second))
			status, header, answer, err := ask(t.Context(), "POST", base+"/match", pair)
			if err != nil || status != c.status || header.Get("Retry-After") != c.retryAfter {
				t.Errorf("%d, Retry-After %q, %v", status, header.Get("Retry-After"), err)
			}
			if want := http.StatusText(c.status); strings.TrimSpace(answer) != want {
				t.Errorf("%q tells more than %q", answer, want)
			}
			if left := server.Sessions(); len(left) != 0 || len(s.running) != 0 {
				t.Errorf("left: %v, %v", left, s.running)
			}
		})
	}
}

func TestPlayersWhoGoAwayLeaveNoSession(t *testing.T) {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(time.Hour))
	defer server.Close()
	reads := see("get-session")
	deletes := reads
	deletes.RoundTripper, deletes.of, deletes.seen = reads, "session-delete", make(chan struct{}, 1)
	_, base, stop := start(t, server, sessions.WithTransport(deletes))

	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-reads.seen
		leave()
	}()
	if status, _, _, err := ask(ctx, "POST", base+"/match", pair); err == nil {
		t.Errorf("answered %d", status)
	}
	<-deletes.seen // before the stop, which would delete it, too
	if err := stop(); err != nil {
		t.Error(err)
	}
	if left := server.Sessions(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestWhatCannotBeDeletedIsStoppedAtTheEnd(t *testing.T) {
	for name, app := range map[string]sessionstest.App{
		"a session that fails":         {Name: "arena", FailsToStart: true},
		"one that cannot be connected": {Name: "arena", Ports: map[string]sessions.Port{"a": {Internal: 1}, "b": {Internal: 2}}},
		"one whose create was lost":    {Name: "arena"},
	} {
		t.Run(name, func(t *testing.T) {
			server := sessionstest.NewServer(sessionstest.WithReadyAfter(0), sessionstest.WithApp(app))
			defer server.Close()
			faults := []sessionstest.Fault{{Operation: "session-delete", Status: 500}}
			if !app.FailsToStart && app.Ports == nil {
				faults = append(faults, sessionstest.Fault{Operation: "session-post", Break: "reset", Done: true})
			}
			server.FailNext(faults...)
			_, base, stop := start(t, server)
			if status, _, _, err := ask(t.Context(), "POST", base+"/match", pair); status < 502 || err != nil {
				t.Errorf("%d, %v", status, err)
			}
			if len(server.Sessions()) != 1 {
				t.Errorf("there are: %v", server.Sessions())
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			if left := server.Sessions(); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// program builds what a reader runs.
func program(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "webhook")
	if out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// process is the program as it runs. Its log is read up to a line that matches.
type process struct {
	*exec.Cmd
	log   *bufio.Scanner
	lines strings.Builder
}

func begin(t *testing.T, env ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(program(t))}
	p.Env = append(os.Environ(), append([]string{"EDGEGAP_API_KEY=", "EDGEGAP_API_KEY_FILE=", "GAME_PORT=", "LISTEN=127.0.0.1:0"}, env...)...)
	stderr, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	p.log = bufio.NewScanner(stderr)
	return p
}

// read returns the first submatch of the next line of the log that matches.
func (p *process) read(t *testing.T, expression string) string {
	t.Helper()
	r := regexp.MustCompile(expression)
	for p.log.Scan() {
		p.lines.WriteString(p.log.Text() + "\n")
		if found := r.FindStringSubmatch(p.log.Text()); found != nil {
			return found[1]
		}
	}
	t.Fatalf("the log ends without %s:\n%s", expression, p.lines.String())
	return ""
}

// end sends a signal, and returns the log.
func (p *process) end(t *testing.T, s os.Signal) string {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	for p.log.Scan() {
		p.lines.WriteString(p.log.Text() + "\n")
	}
	if err := p.Wait(); err != nil {
		t.Errorf("it ends with %v:\n%s", err, p.lines.String())
	}
	return p.lines.String()
}

func TestTheProgramCleansUpOnCtrlC(t *testing.T) {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(time.Hour))
	defer server.Close()
	bystander, err := server.Client().Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
	if err != nil {
		t.Fatal(err)
	}
	// The public URL is that of a proxy, as it would be on the internet.
	target := make(chan *url.URL, 1)
	service := sync.OnceValue(func() *url.URL { return <-target })
	front := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(service()) }})
	defer front.Close()

	p := begin(t, "EDGEGAP_API_KEY=s3cr3t-k3y", "EDGEGAP_BASE_URL="+server.URL(), "EDGEGAP_APP=arena", "PUBLIC_URL="+front.URL+"/")
	target <- &url.URL{Scheme: "http", Host: p.read(t, `listening.* address=(\S+)`)}
	answers := make(chan int, 1)
	post := func() {
		ctx, cancel := context.WithTimeout(context.Background(), 7*time.Second) // before the second read
		defer cancel()
		status, _, _, err := ask(ctx, "POST", front.URL+"/match", pair)
		if err != nil {
			t.Error(err)
		}
		answers <- status
	}
	// One match runs, and one is awaited.
	go post()
	if err := server.SetStatus(p.read(t, `session_id=(\S+)`), "Ready"); err != nil {
		t.Fatal(err)
	}
	if status := <-answers; status != 200 {
		t.Errorf("the match that runs: %d", status)
	}
	go post()
	p.read(t, `session_id=(\S+) status=Init`)
	log := p.end(t, os.Interrupt)
	if status := <-answers; status != 503 {
		t.Errorf("the match that was awaited: %d", status)
	}
	if left := server.Sessions(); len(left) != 1 {
		t.Errorf("left: %v; %s was there before", left, bystander.SessionID)
	}
	if !strings.Contains(log, "stopped sessions=1 left=[]") {
		t.Errorf("the log does not tell of the end:\n%s", log)
	}
	for _, secret := range []string{"s3cr3t-k3y", "203.0.113.7", "2001:db8::7", "secret="} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log:\n%s", secret, log)
		}
	}
}

func TestTheProgramStartsTheEmulatorWithoutAKey(t *testing.T) {
	p := begin(t)
	base := "http://" + p.read(t, `listening.* address=(\S+)`)
	ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second) // before the second read
	defer cancel()
	if status, _, answer, err := ask(ctx, "POST", base+"/match", pair); status != 200 || err != nil {
		t.Errorf("%d, %v: %s", status, err, answer)
	}
	if log := p.end(t, syscall.SIGTERM); !strings.Contains(log, "stopped sessions=1 left=[]") {
		t.Errorf("the log does not tell of the end:\n%s", log)
	}
}

func TestTheProgramSaysWhatIsMissing(t *testing.T) {
	file := program(t)
	for _, env := range [][]string{
		{"EDGEGAP_APP=", "PUBLIC_URL=https://match.example.com"},
		{"EDGEGAP_APP=arena", "PUBLIC_URL="},
		{"EDGEGAP_APP=arena", "PUBLIC_URL=match.example.com"},
	} {
		cmd := exec.Command(file)
		cmd.Env = append(os.Environ(), append(env, "EDGEGAP_API_KEY=s3cr3t-k3y", "EDGEGAP_API_KEY_FILE=", "LISTEN=127.0.0.1:0")...)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "PUBLIC_URL") || strings.Contains(string(out), "s3cr3t-k3y") {
			t.Errorf("%v: %v\n%s", env, err, out)
		}
	}
}
