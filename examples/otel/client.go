package otel

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/edgegap-community/edgegap/sessions"
)

// Client is a sessions.Client whose calls are recorded. Of All, which the embedded client
// provides, only the attempts are recorded.
type Client struct {
	*sessions.Client
	t *Telemetry
}

// Client returns c with its calls recorded. The transport of c should be t.Transport.
func (t *Telemetry) Client(c *sessions.Client) *Client { return &Client{c, t} }

// record runs f in a span.
func record[T any](ctx context.Context, t *Telemetry, operation string, f func(context.Context) (T, error)) (T, error) {
	ctx = context.WithValue(ctx, callKey{}, &call{})
	ctx, span := t.tracer.Start(ctx, operation)
	defer span.End()
	result, err := f(ctx)
	if err != nil {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(errorType(err))
	}
	return result, err
}

// wait runs f, which waits for a session, in a span.
func wait(ctx context.Context, t *Telemetry, operation string, f func(context.Context) (*sessions.Session, error)) (*sessions.Session, error) {
	t.waits.Add(ctx, 1)
	defer t.waits.Add(ctx, -1)
	start := time.Now()
	s, err := record(ctx, t, operation, f)
	if err != nil {
		t.failed.Add(ctx, 1, metric.WithAttributes(errorType(err)))
	} else {
		t.timeToReady.Record(ctx, time.Since(start).Seconds())
	}
	return s, err
}

// errorType returns the class of an error. Its text may contain anything, such as the cause of
// a canceled context.
func errorType(err error) attribute.KeyValue {
	var failed *sessions.SessionFailedError
	if errors.As(err, &failed) && failed.Session.Status.Failed() {
		return semconv.ErrorTypeKey.String(string(failed.Session.Status))
	}
	for _, class := range []struct {
		err  error
		name string
	}{
		{sessions.ErrInvalidArgument, "invalid_argument"}, {sessions.ErrCleanupFailed, "cleanup_failed"},
		{context.Canceled, "canceled"}, {context.DeadlineExceeded, "deadline_exceeded"}, {sessions.ErrOutcomeUnknown, "outcome_unknown"}, {sessions.ErrUnauthorized, "unauthorized"},
		{sessions.ErrNotFound, "not_found"}, {sessions.ErrRateLimited, "rate_limited"}, {sessions.ErrServer, "server_error"},
		{sessions.ErrUnexpectedResponse, "unexpected_response"},
	} {
		if errors.Is(err, class.err) {
			return semconv.ErrorTypeKey.String(class.name)
		}
	}
	return semconv.ErrorTypeOther
}

// Create calls Client.Create.
func (c *Client) Create(ctx context.Context, r sessions.CreateRequest) (*sessions.CreateResult, error) {
	return record(ctx, c.t, "Create", func(ctx context.Context) (*sessions.CreateResult, error) { return c.Client.Create(ctx, r) })
}

// CreateAndWait calls Client.CreateAndWait.
func (c *Client) CreateAndWait(ctx context.Context, r sessions.CreateRequest, opts ...sessions.WaitOption) (*sessions.Session, error) {
	return wait(ctx, c.t, "CreateAndWait", func(ctx context.Context) (*sessions.Session, error) { return c.Client.CreateAndWait(ctx, r, opts...) })
}

// WaitReady calls Client.WaitReady.
func (c *Client) WaitReady(ctx context.Context, id string, opts ...sessions.WaitOption) (*sessions.Session, error) {
	return wait(ctx, c.t, "WaitReady", func(ctx context.Context) (*sessions.Session, error) { return c.Client.WaitReady(ctx, id, opts...) })
}

// Get calls Client.Get.
func (c *Client) Get(ctx context.Context, id string) (*sessions.Session, error) {
	return record(ctx, c.t, "Get", func(ctx context.Context) (*sessions.Session, error) { return c.Client.Get(ctx, id) })
}

// Delete calls Client.Delete.
func (c *Client) Delete(ctx context.Context, id string) error {
	_, err := record(ctx, c.t, "Delete", func(ctx context.Context) (any, error) { return nil, c.Client.Delete(ctx, id) })
	return err
}

// Users calls Client.Users.
func (c *Client) Users(ctx context.Context, id string) ([]sessions.User, error) {
	return record(ctx, c.t, "Users", func(ctx context.Context) ([]sessions.User, error) { return c.Client.Users(ctx, id) })
}

// AddUsers calls Client.AddUsers.
func (c *Client) AddUsers(ctx context.Context, id string, ips ...string) ([]sessions.User, error) {
	return record(ctx, c.t, "AddUsers", func(ctx context.Context) ([]sessions.User, error) { return c.Client.AddUsers(ctx, id, ips...) })
}

// RemoveUsers calls Client.RemoveUsers.
func (c *Client) RemoveUsers(ctx context.Context, id string, ips ...string) ([]sessions.User, error) {
	return record(ctx, c.t, "RemoveUsers", func(ctx context.Context) ([]sessions.User, error) { return c.Client.RemoveUsers(ctx, id, ips...) })
}

// List calls Client.List.
func (c *Client) List(ctx context.Context, o sessions.ListOptions) (*sessions.Page, error) {
	return record(ctx, c.t, "List", func(ctx context.Context) (*sessions.Page, error) { return c.Client.List(ctx, o) })
}

// BulkStop calls Client.BulkStop.
func (c *Client) BulkStop(ctx context.Context, filters ...sessions.StopFilter) ([]string, error) {
	return record(ctx, c.t, "BulkStop", func(ctx context.Context) ([]string, error) { return c.Client.BulkStop(ctx, filters...) })
}

// Webhooks is a sessions.Webhooks whose calls are recorded.
type Webhooks struct {
	*sessions.Webhooks
	t *Telemetry
}

// Webhooks calls Client.Webhooks.
func (c *Client) Webhooks(base, secret string) (*Webhooks, error) {
	w, err := c.Client.Webhooks(base, secret)
	if err != nil {
		return nil, err
	}
	return &Webhooks{w, c.t}, nil
}

// Find calls Webhooks.Find.
func (w *Webhooks) Find(ctx context.Context, reference string) ([]sessions.SessionSummary, error) {
	return record(ctx, w.t, "Find", func(ctx context.Context) ([]sessions.SessionSummary, error) { return w.Webhooks.Find(ctx, reference) })
}

// Reclaim calls Webhooks.Reclaim.
func (w *Webhooks) Reclaim(ctx context.Context, inUse func(context.Context, string) (bool, error)) ([]string, error) {
	deleted, err := record(ctx, w.t, "Reclaim", func(ctx context.Context) ([]string, error) { return w.Webhooks.Reclaim(ctx, inUse) })
	w.t.reclaimed.Add(ctx, int64(len(deleted)))
	return deleted, err
}
