package emulator_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// within runs a test in virtual time against an emulator that it then closes.
func within(t *testing.T, config emulator.Config, test func(t *testing.T, e *emulator.Emulator)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := emulator.New(config)
		defer e.Close()
		test(t, e)
	})
}

// send sends one request with a key and a JSON content type, in memory.
func send(t *testing.T, e *emulator.Emulator, method, path, body string) (*http.Response, error) {
	t.Helper()
	var payload io.Reader
	if body != "" {
		payload = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "https://emulator.invalid"+path, payload)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "token some-key")
	r.Header.Set("Content-Type", "application/json")
	return e.Transport().RoundTrip(r)
}

// answer is what a request is answered: a status and a whole body.
func answer(t *testing.T, e *emulator.Emulator, method, path, body string) (int, []byte) {
	t.Helper()
	response, err := send(t, e, method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, text
}

// status is the status and, of an error, the message of an answer.
func status(t *testing.T, e *emulator.Emulator, method, path, body string) (int, string) {
	t.Helper()
	code, text := answer(t, e, method, path, body)
	if code < 400 {
		return code, ""
	}
	var problem api.Error
	if err := json.Unmarshal(text, &problem); err != nil || problem.Message == "" {
		t.Errorf("%s %s: %d with the body %q, want an error with a message", method, path, code, text)
	}
	return code, problem.Message
}

// call is the decoded answer to a request that must succeed.
func call[T any](t *testing.T, e *emulator.Emulator, method, path, body string) (decoded T) {
	t.Helper()
	code, text := answer(t, e, method, path, body)
	if code != http.StatusOK {
		t.Fatalf("%s %s: %d: %s", method, path, code, text)
	}
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return decoded
}

// create creates a session from further fields of the request, such as
// `"ip_list": ["203.0.113.7"]`, and returns its id.
func create(t *testing.T, e *emulator.Emulator, fields string) string {
	t.Helper()
	if fields != "" {
		fields = "," + fields
	}
	return call[api.SessionRequest](t, e, "POST", "/v1/session", `{"app_name": "arena"`+fields+`}`).SessionID
}

func get(t *testing.T, e *emulator.Emulator, id string) api.SessionGet {
	t.Helper()
	return call[api.SessionGet](t, e, "GET", "/v1/session/"+id, "")
}

// settled creates a session and lets it become what it becomes.
func settled(t *testing.T, e *emulator.Emulator, fields string) api.SessionGet {
	t.Helper()
	id := create(t, e, fields)
	time.Sleep(2 * time.Second)
	return get(t, e, id)
}

// plan plans faults that must be good.
func plan(t *testing.T, e *emulator.Emulator, faults ...emulator.Fault) {
	t.Helper()
	if err := e.FailNext(faults...); err != nil {
		t.Fatal(err)
	}
}

func ips(n int) string {
	var quoted []string
	for i := range n {
		quoted = append(quoted, fmt.Sprintf("%q", fmt.Sprintf("203.0.113.%d", i+1)))
	}
	return "[" + strings.Join(quoted, ",") + "]"
}

func TestResetBeginsAnew(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		first := create(t, e, `"webhook_url": "http://127.0.0.1:9/"`)
		if err := e.FailNext(emulator.Fault{Status: 503}); err != nil {
			t.Fatal(err)
		}
		e.Reset()
		time.Sleep(time.Minute) // what was planned for the old session must not happen
		if got := len(e.Requests()) + len(e.Sessions()) + len(e.Deployments()) + len(e.Webhooks()); got != 0 {
			t.Errorf("%d things were remembered", got)
		}
		if again := create(t, e, ""); again != first {
			t.Errorf("the ids began with %s, then with %s", first, again)
		}
	})
}

func TestOnlyAValidConfigurationIsTaken(t *testing.T) {
	wrong := []struct {
		setting string
		config  emulator.Config
	}{
		{"speed", emulator.Config{Speed: -1}},
		{"speed", emulator.Config{Speed: math.NaN()}},
		{"apps[0].kind", emulator.Config{Apps: []emulator.App{{Kind: "Seats"}}}},
		{"apps[1].sockets", emulator.Config{Apps: []emulator.App{{}, {Sockets: -1}}}},
		{"apps[0].empty_ttl", emulator.Config{Apps: []emulator.App{{EmptyTTL: -1}}}},
		{"apps[0].session_max_duration", emulator.Config{Apps: []emulator.App{{SessionMaxDuration: time.Hour - 1}}}},
		{"apps[0].session_max_duration", emulator.Config{Apps: []emulator.App{{SessionMaxDuration: -1}}}},
		{"initializing_for and seeking_for", emulator.Config{InitializingFor: 2*time.Second + 1}},
		{"initializing_for and seeking_for", emulator.Config{InitializingFor: -1, SeekingFor: 2*time.Second + 1}},
		{"initializing_for and seeking_for", emulator.Config{ReadyAfter: -1, SeekingFor: 1}},
		{"initializing_for and seeking_for", emulator.Config{InitializingFor: time.Second, SeekingFor: time.Second + 1, ReadyAfterMost: time.Hour}},
		{"rate_limit.per_second", emulator.Config{RateLimit: emulator.RateLimit{PerSecond: -1}}},
		{"rate_limit.burst", emulator.Config{RateLimit: emulator.RateLimit{Burst: -1}}},
		{"rate_limit.retry_after", emulator.Config{RateLimit: emulator.RateLimit{RetryAfter: -1}}},
		{"unknown.unknown_app", emulator.Config{Unknown: emulator.Unknown{UnknownApp: 200}}},
		{"unknown.unknown_session", emulator.Config{Unknown: emulator.Unknown{UnknownSession: 399}}},
		{"unknown.deleted_session", emulator.Config{Unknown: emulator.Unknown{DeletedSession: 600}}},
		{"unknown.sessionless_app", emulator.Config{Unknown: emulator.Unknown{SessionlessApp: 201}}},
		{"unknown.unknown_field", emulator.Config{Unknown: emulator.Unknown{UnknownField: 302}}},
		{"unknown.full_deployment", emulator.Config{Unknown: emulator.Unknown{FullDeployment: -1}}},
		{"unknown.no_socket", emulator.Config{Unknown: emulator.Unknown{NoSocket: 1}}},
		{"unknown.duplicate_ip", emulator.Config{Unknown: emulator.Unknown{DuplicateIP: 302}}},
		{"unknown.unknown_ip", emulator.Config{Unknown: emulator.Unknown{UnknownIP: 302}}},
		{"unknown.empty_ip_list", emulator.Config{Unknown: emulator.Unknown{EmptyIPList: 302}}},
		{"unknown.empty_filters", emulator.Config{Unknown: emulator.Unknown{EmptyFilters: 302}}},
		{"unknown.page_beyond_end", emulator.Config{Unknown: emulator.Unknown{PageBeyondEnd: 302}}},
		{"unknown.default_limit", emulator.Config{Unknown: emulator.Unknown{DefaultLimit: -1}}},
		{"unknown.max_limit", emulator.Config{Unknown: emulator.Unknown{MaxLimit: -1}}},
		{"unknown.bulk_stop_takes", emulator.Config{Unknown: emulator.Unknown{BulkStopTakes: -1}}},
		{"unknown.ended_status", emulator.Config{Unknown: emulator.Unknown{EndedStatus: "Ready"}}},
		{"unknown.webhook_retries", emulator.Config{Unknown: emulator.Unknown{WebhookRetries: -1}}},
		{"unknown.webhook_timeout", emulator.Config{Unknown: emulator.Unknown{WebhookTimeout: -1}}},
		{"unknown.webhook_headers", emulator.Config{Unknown: emulator.Unknown{WebhookHeaders: map[string]string{"X Y": "a"}}}},
		{"unknown.webhook_headers", emulator.Config{Unknown: emulator.Unknown{WebhookHeaders: map[string]string{"X": "a\nb"}}}},
		{"rate_limit.per_second", emulator.Config{RateLimit: emulator.RateLimit{PerSecond: math.NaN()}}},
		{"key", emulator.Config{Key: "token abc"}},
		{"key", emulator.Config{Key: "a\n"}},
		{"speed", emulator.Config{Speed: math.Inf(1)}},
		{"speed", emulator.Config{Speed: 1e-12}},
		{"ready_after_most", emulator.Config{ReadyAfterMost: math.MaxInt64}},
		{"initializing_for", emulator.Config{InitializingFor: 1 << 62}},
		{"apps[0].empty_ttl", emulator.Config{Apps: []emulator.App{{EmptyTTL: math.MaxInt64}}}},
		{"apps[0].ports.web", emulator.Config{Apps: []emulator.App{{Ports: map[string]api.PortMapping{"web": {Internal: -5}}}}}},
		{"apps[0].ports.web", emulator.Config{Apps: []emulator.App{{Ports: map[string]api.PortMapping{"web": {Internal: 65536}}}}}},
	}
	within(t, emulator.Config{Key: "first"}, func(t *testing.T, e *emulator.Emulator) {
		for _, c := range wrong {
			if err := e.Configure(c.config); err == nil || !strings.HasPrefix(err.Error(), c.setting) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", c.setting, err)
			}
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: New took it", c.setting)
					}
				}()
				emulator.New(c.config)
			}()
		}
		if e.Config().Key != "first" {
			t.Error("a bad configuration was taken")
		}
		both := emulator.Config{Speed: -1, Apps: []emulator.App{{Sockets: -1}}}.Valid()
		if both == nil || both.Error() != "apps[0].sockets must not be negative\nspeed must be 0.001 to 1000000" {
			t.Errorf("not all that is wrong: %v", both)
		}
		for _, fine := range []emulator.Config{
			{InitializingFor: 2 * time.Second, SeekingFor: -1, TerminatingFor: -1, ReadyAfterMost: 1},
			{Apps: []emulator.App{{Kind: "Default", SessionMaxDuration: time.Hour}}, Unknown: emulator.Unknown{UnknownIP: 200, UnknownApp: 599, EndedStatus: "Error"}},
			{Key: "another"},
		} {
			if err := e.Configure(fine); err != nil {
				t.Error(err)
			}
		}
		if got, _ := status(t, e, "GET", "/v1/sessions", ""); got != 401 {
			t.Errorf("the new key was not asked for: %d", got)
		}
	})
}

func TestSpeed(t *testing.T) {
	within(t, emulator.Config{Speed: 10, ReadyAfter: 10 * time.Second}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, "")
		time.Sleep(990 * time.Millisecond)
		if s := get(t, e, id); s.Ready || s.Elapsed != 9 {
			t.Errorf("after 9.9 s of its time: %+v", s)
		}
		time.Sleep(10 * time.Millisecond)
		if s := get(t, e, id); !s.Ready || s.Elapsed != 10 {
			t.Errorf("after 10 s of its time: %+v", s)
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		create(t, e, `"webhook_url": "http://127.0.0.1:9/"`) // a timer is set
		if err := e.FailNext(emulator.Fault{Break: emulator.BreakStall}); err != nil {
			t.Fatal(err)
		}
		stalled := make(chan error)
		go func() {
			_, err := send(t, e, "GET", "/v1/sessions", "")
			stalled <- err
		}()
		synctest.Wait()
		start := time.Now()
		closed := make(chan bool)
		go func() {
			e.Close()
			e.Close()
			close(closed)
		}()
		if err := <-stalled; err == nil || !strings.Contains(err.Error(), "connection reset") {
			t.Errorf("the stalled call ended with %v", err)
		}
		<-closed
		if waited := time.Since(start); waited != 0 {
			t.Errorf("Close took %v", waited)
		}
		if _, err := send(t, e, "POST", "/v1/session", "{}"); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("a call after Close: %v", err)
		}
	})
}

// What a caller changes in the configuration it gave is its own.
func TestTheConfigurationIsACopy(t *testing.T) {
	ports := map[string]api.PortMapping{"gameport": {Internal: 7777}}
	config := emulator.Config{Apps: []emulator.App{{Name: "arena", Ports: ports}}}
	within(t, config, func(t *testing.T, e *emulator.Emulator) {
		ports["late"] = api.PortMapping{}
		config.Apps[0].Name = "chess"
		if s := settled(t, e, ""); len(s.Deployment.Ports) != 1 {
			t.Errorf("%+v", s.Deployment.Ports)
		}
	})
}

func TestResetTo(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		create(t, e, "")
		if err := e.ResetTo(emulator.Config{Speed: -1}); err == nil || len(e.Sessions()) != 1 {
			t.Errorf("a bad configuration: %v, %d sessions", err, len(e.Sessions()))
		}
		if err := e.ResetTo(emulator.Config{ReadyAfter: -1}); err != nil || len(e.Sessions()) != 0 || get(t, e, create(t, e, "")).Status != "Ready" {
			t.Errorf("%v, %+v", err, e.Sessions())
		}
	})
}
