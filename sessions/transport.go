package sessions

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// transport carries every call: it sets the key, waits its turn, tries again
// where that is safe, caps and decodes bodies, and makes an *Error of every
// answer that is not a success. The generated client calls its Do.
type transport struct {
	next    http.RoundTripper
	base    *url.URL
	secret  *secret
	agent   []string // the value of the user-agent header
	retry   RetryPolicy
	timeout time.Duration
	limiter Limiter
	logger  *slog.Logger
	pause   pause
}

// Do is for the generated client: it sends a request of the contract, to the
// base URL and nowhere else, and hands over the checked body of a success.
func (t *transport) Do(req *http.Request) (*http.Response, error) {
	op, id, ok := route(t.base, req)
	if !ok {
		return nil, invalid(nil, "the request is not one of the contract's calls below the base URL")
	}
	own := req.WithContext(req.Context())
	own.Header = http.Header{}
	maps.Copy(own.Header, req.Header)
	var answer http.Response
	var content bytes.Buffer
	err := t.call(req.Context(), op, id, own, func(res *http.Response) error {
		answer = *res
		content.Reset()
		return op.check(io.TeeReader(res.Body, &content))
	})
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(&content)
	answer.ContentLength = int64(content.Len())
	answer.Request = req // as it came: without the key
	return &answer, nil
}

var acceptJSON = []string{"application/json"}

// call makes the call op, about the session id if it is about one. accept reads
// the answer of a success. The header of req is call's to change.
func (t *transport) call(ctx context.Context, op *operation, id string, req *http.Request, accept func(*http.Response) error) error {
	if e := t.attempts(ctx, op, req, accept); e != nil {
		e.Operation, e.SessionID = op.name, t.secret.mask(id)
		return e
	}
	return nil
}

// attempts sends req until it is answered, or until another attempt would be
// unsafe or in vain.
func (t *transport) attempts(ctx context.Context, op *operation, req *http.Request, accept func(*http.Response) error) *Error {
	req.Header["Authorization"] = t.secret.header()
	req.Header["Accept"] = acceptJSON
	req.Header["User-Agent"] = t.agent
	replayable := req.Body == nil || req.GetBody != nil

	var r retry
	for attempt := 1; ; attempt++ { // ends by retry.next: its attempts, and a minute
		if e := t.admit(ctx, &r); e != nil {
			return e
		}
		start := time.Now()
		status, e := t.attempt(ctx, op, req, attempt, accept)
		if e == nil {
			t.log(ctx, op, attempt, status, start, 0)
			return nil
		}
		e.attempt = attempt
		e.fatal = e.fatal || !replayable
		wait, again := r.next(ctx, t, op, e)
		t.log(ctx, op, attempt, status, start, wait)
		if !again {
			return e
		}
		if !e.asks() && !sleep(ctx, wait) {
			return t.ended(ctx, e)
		}
	}
}

// admit waits until a request may be sent: for the limiter, and for the pause
// after a 429, which is asked once more as the limiter may have taken its time.
func (t *transport) admit(ctx context.Context, r *retry) *Error {
	e := t.hold(ctx, r)
	if e != nil || t.limiter == nil {
		return e
	}
	if err := t.limiter.Wait(ctx); err != nil {
		e := &Error{unsent: true}
		if ctx.Err() != nil {
			return t.ended(ctx, e)
		}
		return t.because(e, err)
	}
	return t.hold(ctx, r)
}

// attempt sends req once, for the nth time. The status is 0 when no answer
// arrived; the error is nil when accept took the answer.
func (t *transport) attempt(ctx context.Context, op *operation, req *http.Request, n int, accept func(*http.Response) error) (int, *Error) {
	within := context.WithValue(ctx, operationKey{}, op)
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > t.timeout {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeout(within, t.timeout)
		defer cancel()
	}
	var conn *connection
	if !op.repeat {
		conn = new(connection)
		within = conn.trace(within)
	}
	out := req.WithContext(within)
	if n > 1 && req.GetBody != nil {
		content, err := req.GetBody()
		if err != nil {
			return 0, t.because(&Error{unsent: true, fatal: true}, err)
		}
		out.Body = content
	}

	res, err := t.next.RoundTrip(out)
	if res != nil && res.Body != nil {
		defer res.Body.Close()
	}
	if err == nil && (res == nil || res.Body == nil) {
		err = errNoAnswer
	}
	if err != nil {
		e := &Error{unsent: conn.none() || dialing(err), fatal: untrusted(err), cut: true}
		return 0, t.settle(ctx, within, op, e, err)
	}

	e, err := t.judge(op, res, accept)
	if e != nil {
		e = t.settle(ctx, within, op, e, err)
	}
	return res.StatusCode, e
}

// log writes one record for an attempt. Nothing else may be added: a URL, an id
// or a message could tell who a player is.
func (t *transport) log(ctx context.Context, op *operation, attempt, status int, start time.Time, wait time.Duration) {
	if t.logger == nil {
		return
	}
	t.logger.LogAttrs(ctx, slog.LevelDebug, "sessions: attempt",
		slog.String("operation", op.name),
		slog.Int("attempt", attempt),
		slog.Int("status", status),
		slog.Duration("duration", time.Since(start)),
		slog.Duration("next_delay", wait),
	)
}
