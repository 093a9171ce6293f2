package otel_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/edgegap-community/edgegap/examples/otel"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func Example() {
	ctx := context.Background()
	// A program exports to a collector, with sdk.WithBatcher.
	exporter := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))

	// It stands in for the API, and the first read of the session fails.
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()
	srv.FailNext(sessionstest.Fault{Operation: "get-session", Status: http.StatusServiceUnavailable})
	// Else sessions.New(key, sessions.WithTransport(otel.NewTransport(sessions.NewTransport(), provider))).
	client := srv.Client(
		sessions.WithTransport(otel.NewTransport(srv.Transport(), provider)),
		sessions.WithRetry(sessions.RetryPolicy{Attempts: 3, First: time.Millisecond}),
	)

	ctx, match := provider.Tracer("matchmaker").Start(ctx, "match")
	_, err := client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
	if err != nil {
		log.Fatal(err)
	}
	match.End()

	names := map[trace.SpanID]string{}
	for _, span := range exporter.GetSpans() {
		names[span.SpanContext.SpanID()] = span.Name
	}
	for _, span := range exporter.GetSpans() {
		fmt.Printf("%s, in %q: %v\n", span.Name, names[span.Parent.SpanID()], span.Status.Code)
		for _, a := range span.Attributes {
			fmt.Printf("    %s=%s\n", a.Key, a.Value)
		}
	}
	// Output:
	// session-post, in "match": Unset
	//     http.request.method=POST
	//     server.address=sessions.invalid
	//     http.response.status_code=200
	// get-session, in "match": Error
	//     http.request.method=GET
	//     server.address=sessions.invalid
	//     http.response.status_code=503
	//     error.type=503
	// get-session, in "match": Unset
	//     http.request.method=GET
	//     server.address=sessions.invalid
	//     http.response.status_code=200
	// match, in "": Unset
}
