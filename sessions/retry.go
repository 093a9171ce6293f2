package sessions

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RetryPolicy says how often a call is tried, and how long it waits in between:
// a random time between zero and First, then twice First, and so on up to Most.
// The package documentation tells which failures are tried again.
//
// Attempts counts the first one; zero, like one, means a single request,
// whatever the server answers. First and Most default to 500 ms and 8 s.
type RetryPolicy struct {
	Attempts    int
	First, Most time.Duration
}

var defaultRetry = RetryPolicy{Attempts: 3, First: 500 * time.Millisecond, Most: 8 * time.Second}

// backoff is the wait after the nth failure, with full jitter.
func (p RetryPolicy) backoff(n int) time.Duration {
	limit := p.First
	for ; n > 1 && limit < p.Most; n-- {
		limit *= 2
	}
	return rand.N(min(limit, p.Most) + 1)
}

// patience is the longest that one call waits because the server asked it to.
const patience = time.Minute

// retry is what one call has used up of its policy.
type retry struct {
	failures int           // attempts that count
	waited   time.Duration // at the server's bidding
}

// next decides what follows the failed attempt e: how long to wait, and whether
// there is another.
func (r *retry) next(ctx context.Context, t *transport, op *operation, e *Error) (time.Duration, bool) {
	limited := e.StatusCode == http.StatusTooManyRequests
	asked := limited && e.RetryAfter > 0
	if asked && e.RetryAfter <= patience {
		t.pause.extend(e)
	}
	if t.retry.Attempts <= 1 || e.fatal || !(limited || e.unsent || op.repeat && (e.cut || passing(e.StatusCode))) {
		return 0, false
	}
	wait := e.RetryAfter
	if !asked {
		if r.failures++; r.failures >= t.retry.Attempts {
			return 0, false
		}
		if wait <= 0 {
			wait = t.retry.backoff(r.failures)
		}
	}
	if !r.patient(ctx, wait, asked) {
		return 0, false
	}
	return wait, true
}

// patient reports whether the call can wait for d, and counts it as waited when
// the server asked for it.
func (r *retry) patient(ctx context.Context, d time.Duration, asked bool) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Add(d).Before(deadline) {
		return false
	}
	if asked {
		// A second at least, so that a server that asks for less cannot be
		// called without end.
		r.waited += max(d, time.Second)
		return r.waited <= patience
	}
	return d <= patience
}

// passing reports whether a status tells of a state that may pass.
func passing(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

// pause holds every call of a client until the moment that a 429 named.
type pause struct {
	mu     sync.Mutex
	until  time.Time
	answer *Error
}

func (p *pause) extend(e *Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(e.RetryAfter); until.After(p.until) {
		p.until, p.answer = until, e
	}
}

// rest is what is left of the pause, and the 429 that it is for.
func (p *pause) rest() (time.Duration, *Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Until(p.until), p.answer
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
