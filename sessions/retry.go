package sessions

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryPolicy says how often a call is tried, and how long it waits in between:
// a random time from zero to First, then to twice First, and so on up to Most.
// The package documentation tells which failures are tried again. The zero value
// is a single request, whatever the server answers.
type RetryPolicy struct {
	// Attempts is how many requests a call makes at most, the first one counted.
	// A 429 that says when to come back uses up none; but with 0 or 1 it is not
	// waited out by the call that met it, only by those that come later.
	Attempts int

	// First and Most bound the waits. 0 is the default, 500 ms and 8 s. More than
	// a minute is never waited.
	First, Most time.Duration
}

var defaultRetry = RetryPolicy{Attempts: 3, First: 500 * time.Millisecond, Most: 8 * time.Second}

// backoff is the wait after the nth failure, with full jitter.
func (p RetryPolicy) backoff(n int) time.Duration {
	limit, most := p.First, min(p.Most, patience)
	for ; n > 1 && limit < most; n-- {
		limit *= 2
	}
	return rand.N(min(limit, most) + 1)
}

// patience is the longest that one call waits, for a retry or because the server
// asked it to.
const patience = time.Minute

// retry is what one call has used up of its policy.
type retry struct {
	failures int           // attempts that count
	waited   time.Duration // at the server's bidding
}

// next decides what follows the failed attempt e: how long to wait, and whether
// there is another. Where the server asked for the wait it is begun here for
// every call of the client, and sat out in hold.
func (r *retry) next(ctx context.Context, t *transport, op *operation, e *Error) (wait time.Duration, again bool) {
	if e.asks() && e.RetryAfter <= patience {
		t.pause.extend(e)
	}
	limited := e.StatusCode == http.StatusTooManyRequests
	if t.retry.Attempts <= 1 || e.fatal || !(limited || e.unsent || op.repeat && (e.cut || passing(e.StatusCode))) {
		return 0, false
	}
	wait = e.RetryAfter
	if !e.asks() {
		if r.failures++; r.failures >= t.retry.Attempts {
			return 0, false
		}
		if wait <= 0 {
			wait = t.retry.backoff(r.failures)
		}
	}
	if wait > patience || passes(ctx, wait) {
		return 0, false
	}
	return wait, true
}

// asks reports whether e is a 429 that says when to come back.
func (e *Error) asks() bool {
	return e.StatusCode == http.StatusTooManyRequests && e.RetryAfter > 0
}

func (e *Error) copy() *Error {
	return &Error{StatusCode: e.StatusCode, Message: e.Message, RetryAfter: e.RetryAfter, Body: bytes.Clone(e.Body)}
}

// passes reports whether a wait of d would pass the deadline of ctx.
func passes(ctx context.Context, d time.Duration) bool {
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Add(d).Before(deadline)
}

// passing reports whether a status tells of a state that may pass.
func passing(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// retryAfter reads the header of that name: whole seconds or a date. What is
// past, negative or unreadable is as good as none.
func retryAfter(h http.Header) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		const most = uint64(1<<63-1) / uint64(time.Second)
		return time.Duration(min(seconds, most)) * time.Second
	}
	if digits := strings.Trim(value, "0123456789"); value != "" && digits == "" {
		return 1<<63 - 1 // beyond any count
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

// sleep waits for d, or returns false as soon as ctx is done.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
