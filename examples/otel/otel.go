// Package otel records OpenTelemetry traces and metrics of a sessions client:
//
//	tel, err := otel.New(otelapi.GetTracerProvider(), otelapi.GetMeterProvider())
//	client, err := sessions.NewFromEnv(sessions.WithTransport(tel.Transport(sessions.NewTransport())))
//	traced := tel.Client(client)
//	s, err := traced.CreateAndWait(ctx, request) // one span, with a child span per attempt
//
// It is a module of its own, so that importers of the sessions package do not depend on
// OpenTelemetry. To use it, copy the two files.
//
// # Traces
//
// A call of a Client is a span with the name of the method. Each HTTP request is a child span
// "GET Get", "POST Create" and so on, with http.request.resend_count if it repeats a failed one.
// A failed span has an error.type and no description. No trace header is sent to the API.
//
// # Metrics
//
//   - http.client.request.duration: histogram in seconds, by sessions.operation, status code and
//     error type; an attempt lasts until its body is read
//   - edgegap.sessions.retries: attempts, by sessions.operation, that send the request of the
//     previous attempt of the same call again, because that had no complete response, or a 429,
//     502, 503 or 504
//   - edgegap.sessions.waits: waits in progress
//   - edgegap.sessions.time_to_ready: histogram in seconds of the waits that succeeded
//   - edgegap.sessions.created: sessions
//   - edgegap.sessions.failed: waits that failed, by error.type
//   - edgegap.sessions.reclaimed: sessions that Reclaim deleted
//
// Neither contains the API key, an IP address of a player, a session id, a URL or the text of
// an error. This is why otelhttp.NewTransport is not used: it records url.full, which contains
// session ids, and texts of errors.
package otel

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/edgegap-community/edgegap/sessions"
)

const scope = "github.com/edgegap-community/edgegap/examples/otel"

// operationKey is the attribute with the name of the sessions.Client method.
const operationKey = attribute.Key("sessions.operation")

// Telemetry records the calls of a client. It must be created by New.
type Telemetry struct {
	tracer      trace.Tracer
	duration    httpconv.ClientRequestDuration
	retries     metric.Int64Counter
	waits       metric.Int64UpDownCounter
	timeToReady metric.Float64Histogram
	created     metric.Int64Counter
	failed      metric.Int64Counter
	reclaimed   metric.Int64Counter
}

// New returns a Telemetry that records to the providers.
func New(traces trace.TracerProvider, metrics metric.MeterProvider) (*Telemetry, error) {
	meter := metrics.Meter(scope)
	t := &Telemetry{tracer: traces.Tracer(scope)}
	var errs [7]error
	t.duration, errs[0] = httpconv.NewClientRequestDuration(meter,
		metric.WithExplicitBucketBoundaries(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30))
	t.retries, errs[1] = meter.Int64Counter("edgegap.sessions.retries", metric.WithDescription("Attempts that repeat the previous, failed one."))
	t.waits, errs[2] = meter.Int64UpDownCounter("edgegap.sessions.waits", metric.WithDescription("Waits in progress."))
	t.timeToReady, errs[3] = meter.Float64Histogram("edgegap.sessions.time_to_ready", metric.WithUnit("s"),
		metric.WithDescription("Duration of the waits that succeeded."), metric.WithExplicitBucketBoundaries(0.5, 1, 2, 3, 5, 10, 15, 20, 30, 60, 120, 300))
	t.created, errs[4] = meter.Int64Counter("edgegap.sessions.created", metric.WithDescription("Sessions created."))
	t.failed, errs[5] = meter.Int64Counter("edgegap.sessions.failed", metric.WithDescription("Waits that failed."))
	t.reclaimed, errs[6] = meter.Int64Counter("edgegap.sessions.reclaimed", metric.WithDescription("Sessions that Reclaim deleted."))
	return t, errors.Join(errs[:]...)
}

// call is a call of a Client. It sends its requests one after the other.
type call struct {
	mu       sync.Mutex
	request  string // method and URL of the last attempt
	failures int    // attempts of this request, up to the last one, whose failure is temporary
}

type callKey struct{}

// Transport returns a transport, for sessions.WithTransport, that records each attempt and
// sends it through next.
func (t *Telemetry) Transport(next http.RoundTripper) http.RoundTripper {
	return &transport{t, next}
}

type transport struct {
	*Telemetry
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	operation := cmp.Or(sessions.OperationFromContext(req.Context()), "other") // "other": a request of Client.API
	port, _ := strconv.Atoi(cmp.Or(req.URL.Port(), map[string]string{"http": "80", "https": "443"}[req.URL.Scheme]))
	a := &attempt{
		Telemetry: t.Telemetry, start: time.Now(), operation: operation,
		attrs: []attribute.KeyValue{operationKey.String(operation)}, method: httpconv.RequestMethodAttr(req.Method), host: req.URL.Hostname(), port: port,
	}
	a.call, _ = req.Context().Value(callKey{}).(*call)
	a.ctx, a.span = t.tracer.Start(req.Context(), req.Method+" "+operation, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(operationKey.String(operation), semconv.HTTPRequestMethodKey.String(req.Method), semconv.ServerAddress(a.host), semconv.ServerPort(port)))
	if n := a.call.resendCount(req.Method + " " + req.URL.String()); n > 0 {
		t.retries.Add(a.ctx, 1, metric.WithAttributes(operationKey.String(operation)))
		a.span.SetAttributes(semconv.HTTPRequestResendCount(n))
	}
	res, err := t.next.RoundTrip(req.WithContext(a.ctx))
	if err != nil {
		a.end(semconv.ErrorType(err), true)
		return nil, err
	}
	a.attrs = append(a.attrs, semconv.HTTPResponseStatusCode(res.StatusCode))
	b := &body{ReadCloser: res.Body, attempt: a}
	if res.StatusCode >= 400 {
		b.errorType = semconv.ErrorTypeKey.String(strconv.Itoa(res.StatusCode))
		b.temporary = res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= http.StatusBadGateway && res.StatusCode <= http.StatusGatewayTimeout
	}
	res.Body = b
	return res, nil
}

// attempt is one HTTP request.
type attempt struct {
	*Telemetry
	ctx       context.Context
	span      trace.Span
	call      *call // nil if the caller does not use a Client
	start     time.Time
	operation string
	method    httpconv.RequestMethodAttr
	host      string
	port      int
	attrs     []attribute.KeyValue
}

// resendCount returns how many attempts of the request have failed. It is called before each
// attempt.
func (c *call) resendCount(request string) int {
	if c == nil {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.request != request {
		c.request, c.failures = request, 0
	}
	return c.failures
}

// ended is called after each attempt.
func (c *call) ended(temporaryFailure bool) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures++
	if !temporaryFailure {
		c.failures = 0
	}
}

// end records the attempt. errorType is empty if it succeeded.
func (a *attempt) end(errorType attribute.KeyValue, temporary bool) {
	a.call.ended(temporary)
	if errorType.Valid() {
		a.attrs = append(a.attrs, errorType)
		a.span.SetStatus(codes.Error, "")
	} else if a.operation == "Create" {
		a.created.Add(a.ctx, 1)
	}
	a.duration.Record(a.ctx, time.Since(a.start).Seconds(), a.method, a.host, a.port, a.attrs...)
	a.span.SetAttributes(a.attrs[1:]...) // the first one is set
	a.span.End()
}

// body ends the attempt when it is closed.
type body struct {
	io.ReadCloser
	attempt   *attempt
	errorType attribute.KeyValue // empty if there is no error
	temporary bool
	closed    sync.Once
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF && !b.errorType.Valid() {
		b.errorType, b.temporary = semconv.ErrorType(err), true
	}
	return n, err
}

func (b *body) Close() error {
	b.closed.Do(func() { b.attempt.end(b.errorType, b.temporary) })
	return b.ReadCloser.Close()
}
