package otel

import (
	"io"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/edgegap-community/edgegap/sessions"
)

// NewTransport makes a span of every request that goes through next, for
// sessions.WithTransport. Without tracing settings of its own a program gives it
// otel.GetTracerProvider().
func NewTransport(next http.RoundTripper, provider trace.TracerProvider) http.RoundTripper {
	return transport{next, provider.Tracer("github.com/edgegap-community/edgegap/examples/otel")}
}

type transport struct {
	next   http.RoundTripper
	tracer trace.Tracer
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, span := t.tracer.Start(r.Context(), sessions.OperationFromContext(r.Context()),
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(semconv.HTTPRequestMethodKey.String(r.Method), semconv.ServerAddress(r.URL.Hostname())))
	res, err := t.next.RoundTrip(r.WithContext(ctx))
	if err != nil || res == nil || res.Body == nil {
		failed(span, semconv.ErrorType(err))
		span.End()
		return res, err
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(res.StatusCode))
	if res.StatusCode < 200 || res.StatusCode > 299 {
		failed(span, semconv.ErrorTypeKey.String(strconv.Itoa(res.StatusCode)))
	}
	// The attempt goes on until its body is read.
	res.Body = &body{res.Body, span}
	return res, nil
}

// failed marks a span by the kind of its error, and not the text: a caller's
// cause of a cancel may hold anything.
func failed(span trace.Span, kind attribute.KeyValue) {
	span.SetStatus(codes.Error, "")
	span.SetAttributes(kind)
}

// body ends the span with the answer.
type body struct {
	io.ReadCloser
	span trace.Span
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		failed(b.span, semconv.ErrorType(err))
	}
	return n, err
}

func (b *body) Close() error {
	defer b.span.End()
	return b.ReadCloser.Close()
}
