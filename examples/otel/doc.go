// Package otel shows how to trace a client with OpenTelemetry: see its Example.
// It is a module of its own, so that nobody else needs that one; to use it, copy
// transport.go.
//
// Each attempt is a span of its own, below the span of the caller's context, and
// is named after the call, such as "get-session". So retries show, and spans
// group by what was done. No span holds the id of a session, the key or a
// player's IP address. No header goes out with the trace's id: the API is
// another company's.
//
// otelhttp.NewTransport would not do. It records url.full, which holds the id of
// the session, and no option leaves that out. It also records the text of errors,
// among them whatever a caller gave as the cause of a cancel.
package otel
