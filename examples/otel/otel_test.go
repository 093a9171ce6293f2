package otel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/edgegap-community/edgegap/examples/otel"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

const (
	key  = "s3cr3t-k3y"
	ip   = "203.0.113.7"
	hook = "https://match.example.com/hook"
)

// recorded is a fake API, an instrumented client of it, and what the client recorded.
type recorded struct {
	t      *testing.T
	srv    *sessionstest.Server
	client *otel.Client
	spans  *tracetest.InMemoryExporter
	reader *sdkmetric.ManualReader
}

func newRecorded(t *testing.T, opts ...sessionstest.Option) *recorded {
	r := &recorded{t: t, srv: sessionstest.NewServer(t, append(opts, sessionstest.WithKey(key))...),
		spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	tel, err := otel.New(sdktrace.NewTracerProvider(sdktrace.WithSyncer(r.spans)), sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader)))
	if err != nil {
		t.Fatal(err)
	}
	r.client = tel.Client(r.srv.Client(sessions.WithTransport(tel.Transport(r.srv.Transport()))))
	return r
}

// tree returns the spans, each with its parent and selected attributes, in the order of their end.
func (r *recorded) tree() (lines []string) {
	spans := r.spans.GetSpans()
	names := make(map[string]string)
	for _, s := range spans {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	for _, s := range spans {
		line := s.Name
		if parent := names[s.Parent.SpanID().String()]; parent != "" {
			line = parent + " > " + line
		}
		attrs := attribute.NewSet(s.Attributes...)
		for _, name := range []attribute.Key{"http.response.status_code", "error.type", "http.request.resend_count"} {
			if v, ok := attrs.Value(name); ok {
				line += " " + v.String()
			}
		}
		if _, hasError := attrs.Value("error.type"); hasError != (s.Status.Code == codes.Error) {
			r.t.Errorf("span %q: status %v does not agree with its error.type", line, s.Status.Code)
		}
		lines = append(lines, line)
	}
	return lines
}

// metrics returns the values by metric and attributes: sums, and the counts of histograms.
func (r *recorded) metrics() map[string]float64 {
	r.t.Helper()
	var data metricdata.ResourceMetrics
	if err := r.reader.Collect(r.t.Context(), &data); err != nil {
		r.t.Fatal(err)
	}
	values := make(map[string]float64)
	add := func(name string, attrs attribute.Set, value float64) {
		for _, kv := range attrs.ToSlice() {
			if kv.Key != "http.request.method" && kv.Key != "server.address" && kv.Key != "server.port" {
				name += " " + kv.Value.String()
			}
		}
		values[name] = value
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch points := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range points.DataPoints {
					add(m.Name, p.Attributes, float64(p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range points.DataPoints {
					add(m.Name, p.Attributes, float64(p.Count))
				}
			}
		}
	}
	return values
}

func TestCallsAndAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorded(t, sessionstest.WithReadyAfter(5*time.Second))
		r.srv.FailNext(
			sessionstest.Fault{Operation: "get-session", Status: http.StatusServiceUnavailable, Times: 2},
		)
		s, err := r.client.CreateAndWait(t.Context(), sessions.CreateRequest{AppName: "arena", IPList: []string{ip}})
		if err != nil {
			t.Fatal(err)
		}
		r.srv.FailNext(sessionstest.Status(http.StatusUnauthorized))
		if _, err := r.client.Get(t.Context(), s.SessionID); !errors.Is(err, sessions.ErrUnauthorized) {
			t.Fatal(err)
		}
		r.srv.FailNext(sessionstest.ConnectionReset())
		if err := r.client.Delete(t.Context(), s.SessionID); err != nil {
			t.Fatal(err)
		}
		lines := r.tree()
		want := []string{
			"CreateAndWait > POST Create 200",
			"CreateAndWait > GET Get 503 503",
			"CreateAndWait > GET Get 503 503 1",
			"CreateAndWait > GET Get 200 2",
		}
		if len(lines) < 4 || !slices.Equal(lines[:4], want) {
			t.Errorf("first spans: got %q, want %q", lines, want)
		}
		want = []string{"Get > GET Get 401 401", "Get unauthorized", "Delete > DELETE Delete *net.OpError", "Delete > DELETE Delete 200 1", "Delete"}
		if got := lines[max(0, len(lines)-5):]; !slices.Equal(got, want) {
			t.Errorf("last spans: got %q, want %q", got, want)
		}
		got := r.metrics()
		delete(got, "http.client.request.duration 200 Get") // the number of reads is random
		wantMetrics := map[string]float64{
			"http.client.request.duration 200 Create":          1,
			"http.client.request.duration 503 503 Get":         2,
			"http.client.request.duration 401 401 Get":         1,
			"http.client.request.duration *net.OpError Delete": 1,
			"http.client.request.duration 200 Delete":          1,
			"edgegap.sessions.retries Get":                     2,
			"edgegap.sessions.retries Delete":                  1,
			"edgegap.sessions.waits":                           0,
			"edgegap.sessions.time_to_ready":                   1,
			"edgegap.sessions.created":                         1,
		}
		if !maps.Equal(got, wantMetrics) {
			t.Errorf("metrics:\ngot  %v\nwant %v", got, wantMetrics)
		}
	})
}

func TestFailedAndReclaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorded(t, sessionstest.WithReadyAfter(time.Second))
		hooks, err := r.client.Webhooks(hook, "secret")
		if err != nil {
			t.Fatal(err)
		}
		created, err := r.client.Create(t.Context(), sessions.CreateRequest{AppName: "arena", IPList: []string{ip}, WebhookURL: hooks.URL("1")})
		if err != nil {
			t.Fatal(err)
		}
		inProgress := make(chan float64, 1)
		time.AfterFunc(500*time.Millisecond, func() {
			inProgress <- r.metrics()["edgegap.sessions.waits"]
			r.srv.SetStatus(created.SessionID, sessions.StatusError)
		})
		if _, err := r.client.WaitReady(t.Context(), created.SessionID); !errors.As(err, new(*sessions.SessionFailedError)) {
			t.Fatal(err)
		}
		if got := <-inProgress; got != 1 {
			t.Errorf("waits in progress: got %v, want 1", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		waiting, err := r.client.Create(t.Context(), sessions.CreateRequest{AppName: "arena", IPList: []string{ip}})
		if err != nil {
			t.Fatal(err)
		}
		r.srv.SetStatus(waiting.SessionID, sessions.StatusSeeking)
		if _, err := r.client.WaitReady(ctx, waiting.SessionID); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		found, err := hooks.Find(t.Context(), "1")
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		unused := func(context.Context, string) (bool, error) { return false, nil }
		if deleted, err := hooks.Reclaim(t.Context(), unused); err != nil || len(deleted) != 1 {
			t.Fatal(deleted, err)
		}
		got := r.metrics()
		for name, want := range map[string]float64{
			"edgegap.sessions.failed Error": 1, "edgegap.sessions.failed canceled": 1, "edgegap.sessions.created": 2, "edgegap.sessions.reclaimed": 1, "edgegap.sessions.waits": 0, "edgegap.sessions.time_to_ready": 0,
		} {
			if got[name] != want {
				t.Errorf("%s: got %v, want %v", name, got[name], want)
			}
		}
	})
}

// TestRetriesAreOfTheSameRequest reclaims three sessions, and the first deletes fail.
func TestRetriesAreOfTheSameRequest(t *testing.T) {
	for name, c := range map[string]struct {
		fault   sessionstest.Fault
		retries float64
		errors  bool
	}{
		"no failure":   {retries: 0},
		"refused":      {fault: sessionstest.Fault{Status: http.StatusBadRequest, Times: 1}, retries: 0, errors: true},
		"server error": {fault: sessionstest.Fault{Status: http.StatusInternalServerError, Times: 1}, retries: 0, errors: true},
		"repeated":     {fault: sessionstest.Fault{Status: http.StatusServiceUnavailable, Times: 2}, retries: 2},
		"rate limited": {fault: sessionstest.Fault{Status: http.StatusTooManyRequests, Times: 1}, retries: 1},
		"reset":        {fault: sessionstest.Fault{Connection: "reset", Times: 1}, retries: 1},
		"given up":     {fault: sessionstest.Fault{Status: http.StatusServiceUnavailable, Times: 3}, retries: 2, errors: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecorded(t, sessionstest.WithReadyAfter(0))
				hooks, err := r.client.Webhooks(hook, "secret")
				if err != nil {
					t.Fatal(err)
				}
				for _, reference := range []string{"1", "2", "3"} {
					if _, err := r.client.Create(t.Context(), sessions.CreateRequest{AppName: "arena", WebhookURL: hooks.URL(reference)}); err != nil {
						t.Fatal(err)
					}
				}
				if c.fault.Times > 0 {
					c.fault.Operation = "session-delete"
					r.srv.FailNext(c.fault)
				}
				_, err = hooks.Reclaim(t.Context(), func(context.Context, string) (bool, error) { return false, nil })
				if (err != nil) != c.errors {
					t.Fatal(err)
				}
				if got := r.metrics()["edgegap.sessions.retries Delete"]; got != c.retries {
					t.Errorf("got %v retries, want %v; spans %q", got, c.retries, r.tree())
				}
			})
		})
	}
}

// TestPollsAreNotRetries waits for a session that the API does not show yet.
func TestPollsAreNotRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorded(t, sessionstest.WithVisibleAfter(3*time.Second))
		if _, err := r.client.CreateAndWait(t.Context(), sessions.CreateRequest{AppName: "arena"}); err != nil {
			t.Fatal(err)
		}
		got := r.metrics()
		if got["http.client.request.duration 404 404 Get"] == 0 || got["edgegap.sessions.retries Get"] != 0 {
			t.Errorf("want reads with 404 and no retries: %v", got)
		}
	})
}

func TestNothingRecordedIsSecretOrUnbounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorded(t, sessionstest.WithReadyAfter(0))
		ctx := t.Context()
		s, err := r.client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{ip}, WebhookURL: hook})
		if err != nil {
			t.Fatal(err)
		}
		var errs [5]error
		_, errs[0] = r.client.AddUsers(ctx, s.SessionID, "198.51.100.23")
		_, errs[1] = r.client.RemoveUsers(ctx, s.SessionID, "198.51.100.23")
		_, errs[2] = r.client.Users(ctx, s.SessionID)
		_, errs[3] = r.client.List(ctx, sessions.ListOptions{})
		_, errs[4] = r.client.BulkStop(ctx, sessions.StopByID("950dd2eaff09-S"))
		if err := errors.Join(errs[:]...); err != nil {
			t.Fatal(err)
		}
		// A server that echoes the request, and a caller's cause.
		r.srv.FailNext(
			sessionstest.Fault{Status: 400, Body: `{"message": "` + s.SessionID + " " + key + " " + ip + `"}`},
			sessionstest.Fault{Connection: "hang"},
		)
		if _, err := r.client.Get(ctx, s.SessionID); err == nil {
			t.Error("a 400 is no error")
		}
		canceled, cancel := context.WithTimeoutCause(ctx, time.Second, errors.New("the player at "+ip+" left"))
		defer cancel()
		if _, err := r.client.Get(canceled, s.SessionID); err == nil {
			t.Error("a canceled call is no error")
		}
		recorded := strings.Join(r.tree(), "\n") + fmt.Sprint(r.metrics())
		for _, s := range r.spans.GetSpans() {
			recorded += fmt.Sprint(s.Name, s.Status.Description, s.Attributes, s.Events, s.Links)
		}
		for _, secret := range []string{s.SessionID, "950dd2eaff09-S", key, ip, "198.51.100.23", "/v1/", "match.example.com"} {
			if strings.Contains(recorded, secret) {
				t.Errorf("%s is recorded", secret)
			}
		}
		for _, operation := range []string{"Create", "Get", "AddUsers", "RemoveUsers", "Users", "List", "BulkStop"} {
			if r.metrics()["http.client.request.duration 200 "+operation] == 0 {
				t.Errorf("%s has no duration", operation)
			}
		}
	})
}
