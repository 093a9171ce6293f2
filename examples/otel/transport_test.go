package otel_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/edgegap-community/edgegap/examples/otel"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

const (
	key = "s3cr3t-k3y"
	ip  = "203.0.113.7"
)

// traced is a fake API, a client of it, and the spans of that.
func traced(t *testing.T, opts ...sessions.Option) (*sessionstest.Server, *sessions.Client, *tracetest.InMemoryExporter) {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0), sessionstest.WithKey(key))
	t.Cleanup(srv.Close)
	exporter := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))
	opts = append([]sessions.Option{sessions.WithTransport(otel.NewTransport(srv.Transport(), provider))}, opts...)
	return srv, srv.Client(opts...), exporter
}

func TestSpansHoldNoIDKeyOrAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, client, exporter := traced(t)
		check := func(_ any, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		ctx := t.Context()
		s, err := client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{ip}})
		check(s, err)
		check(client.AddUsers(ctx, s.SessionID, "198.51.100.23"))
		check(client.RemoveUsers(ctx, s.SessionID, "198.51.100.23"))
		check(client.Users(ctx, s.SessionID))
		check(client.List(ctx, sessions.ListOptions{}))
		check(client.BulkStop(ctx, sessions.StopIDs("950dd2eaff09-S")))
		check(client.Delete(ctx, s.SessionID))
		// A server that echoes what it should not, and a caller with a cause of its own.
		srv.FailNext(
			sessionstest.Fault{Status: 400, Body: `{"message": "` + s.SessionID + " " + key + " " + ip + `"}`},
			sessionstest.Fault{Break: "stall"},
		)
		client.Get(ctx, s.SessionID)
		ctx, cancel := context.WithTimeoutCause(ctx, time.Second, errors.New("the player at "+ip+" left"))
		defer cancel()
		client.Get(ctx, s.SessionID)

		names := map[string]bool{}
		spans := exporter.GetSpans()
		for _, span := range spans {
			names[span.Name] = true
			told := fmt.Sprint(span.Name, span.Status.Description, span.Attributes, span.Events, span.Links)
			for _, secret := range []string{s.SessionID, "950dd2eaff09-S", key, ip, "198.51.100.23", "/v1/"} {
				if strings.Contains(told, secret) {
					t.Errorf("%s is in a span: %s", secret, told)
				}
			}
		}
		want := []string{"delete-users-session", "get-session", "get-users-session", "list-sessions",
			"put-users-session", "session-delete", "session-post", "sessions-bulk-stop"}
		if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, want) || len(spans) != len(srv.Requests()) {
			t.Errorf("%d spans of %d requests: %q", len(spans), len(srv.Requests()), got)
		}
	})
}

func TestASpanTellsHowTheAttemptEnded(t *testing.T) {
	for name, c := range map[string]struct {
		fault sessionstest.Fault
		code  codes.Code
		want  string
	}{
		"success":   {sessionstest.Fault{}, codes.Unset, "status 200"},
		"a refusal": {sessionstest.Fault{Status: 401}, codes.Error, "status 401, error 401"},
		"a reset":   {sessionstest.Fault{Break: "reset"}, codes.Error, "error *net.OpError"},
		"half an answer": {sessionstest.Fault{Break: "cut"}, codes.Error,
			"status 200, error *errors.errorString"},
	} {
		t.Run(name, func(t *testing.T) {
			srv, client, exporter := traced(t, sessions.WithRetry(sessions.RetryPolicy{}))
			srv.FailNext(c.fault)
			_, err := client.List(t.Context(), sessions.ListOptions{})
			if failed := err != nil; failed != (c.code == codes.Error) {
				t.Fatal(err)
			}
			spans := exporter.GetSpans()
			if len(spans) != 1 || len(srv.Requests()) != 1 {
				t.Fatalf("%d spans of %d requests", len(spans), len(srv.Requests()))
			}
			var told []string
			for _, a := range spans[0].Attributes {
				switch a.Key {
				case "http.response.status_code":
					told = append(told, "status "+a.Value.String())
				case "error.type":
					told = append(told, "error "+a.Value.String())
				}
			}
			if got := strings.Join(told, ", "); spans[0].Status.Code != c.code || got != c.want {
				t.Errorf("%v: %s; want %v: %s", spans[0].Status.Code, got, c.code, c.want)
			}
		})
	}
}
