package sessions

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"
)

// WaitOption changes a default of WaitReady and CreateAndWait. Of two that set
// the same thing the later one counts.
type WaitOption func(*wait)

type wait struct {
	first, most time.Duration
	onChange    func(*Session)
}

// OnChange calls f with the first session that is read, and with each later one
// whose Status, Ready or Linked differs from the one before: progress to show.
// The wait goes on when f returns. A panic of f is not caught, but CreateAndWait
// deletes its session first.
func OnChange(f func(*Session)) WaitOption {
	return func(w *wait) { w.onChange = f }
}

// PollEvery replaces the times between reads: first, then half as much again each
// time, up to most, all of them ±25 %. The default is 500 ms and 5 s; an hour is
// the longest. With a [Client.WebhookHandler] in the same process a minute for
// both is enough.
func PollEvery(first, most time.Duration) WaitOption {
	return func(w *wait) { w.first, w.most = min(first, time.Hour), min(most, time.Hour) }
}

const (
	longestWait  = 10 * time.Minute // of WaitReady, without a deadline
	timeToDelete = 10 * time.Second // of CreateAndWait, after all else failed
)

var errNeverReady = errors.New("not ready within " + longestWait.String())

// WaitReady reads a session until it is ready, that is until Ready is true,
// whatever the status. It reads at once and then as [PollEvery] says; what this
// client's [Client.WebhookHandler] reads of the session meanwhile counts at once.
//
// A session that ended in Error or Unprocessable, or is Terminating, gives a
// [*FailedError], and an answer of 4xx its [*Error], but for 408, 425 and 429.
// Any other fault is survived, whatever the retry policy. When the context ends,
// or after 10 minutes if it has no deadline, the error is the context's, its
// cause and the last fault. Beside an error comes the last session that was read,
// or nil. The session is not deleted.
func (c *Client) WaitReady(ctx context.Context, id string, opts ...WaitOption) (*Session, error) {
	if e := checkID(getSession, id); e != nil {
		return nil, e
	}
	w, e := newWait(getSession, opts)
	if e != nil {
		e.SessionID = c.transport.secret.mask(id)
		return nil, e
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, longestWait, errNeverReady)
		defer cancel()
	}
	self, leave := c.waiters.join(id)
	defer leave()

	var last *Session
	var fault *Error
	s, err := c.readOrWake(ctx, id, self)
	for interval := w.first; ; interval = min(interval+interval/2+1, w.most) { // ends with ctx
		if err != nil {
			e := err.(*Error) // as all of Get's are
			if isFinal(e.StatusCode) {
				return last, err
			}
			if fault == nil || !e.ended {
				fault = e
			}
		} else {
			if w.onChange != nil && (last == nil || last.Status != s.Status || last.Ready != s.Ready || last.Linked != s.Linked) {
				w.onChange(s)
			}
			last = s
			if s.Ready {
				return s, nil
			}
			if hasFailed(s) {
				s.Error = c.transport.secret.mask(s.Error)
				if c.transport.secret.mask(s.SessionID) == stars {
					s.SessionID = stars
				}
				return s, &FailedError{Session: s}
			}
		}
		timer := time.NewTimer(interval*3/4 + rand.N(interval/2+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return last, c.gaveUp(ctx, id, fault)
		case s = <-self.woken:
			timer.Stop()
			err = nil
		case <-timer.C:
			s, err = c.readOrWake(ctx, id, self)
		}
	}
}

// readOrWake reads the session, unless a webhook hands it over meanwhile: that
// ends a read that hangs.
func (c *Client) readOrWake(ctx context.Context, id string, self *waiter) (*Session, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	self.interrupt.Store(&cancel)
	s, err := c.Get(ctx, id)
	select {
	case s = <-self.woken:
		return s, nil
	default:
		return s, err
	}
}

// newWait reads the options of a wait; op is the call that a bad one refuses.
func newWait(op *operation, opts []WaitOption) (*wait, *Error) {
	w := &wait{first: 500 * time.Millisecond, most: 5 * time.Second}
	for _, opt := range opts {
		if opt == nil {
			return nil, invalid(op, "nil option")
		}
		opt(w)
	}
	if w.first <= 0 || w.most < w.first {
		return nil, invalid(op, "poll interval: first is not positive, or more than most")
	}
	return w, nil
}

// gaveUp is the end of a wait with its context.
func (c *Client) gaveUp(ctx context.Context, id string, fault *Error) error {
	if fault != nil && fault.ended {
		return fault // it was the first, and says all of it
	}
	e := &Error{Operation: getSession.name, SessionID: c.transport.secret.mask(id), detail: "waiting for the session to be ready"}
	e = c.transport.ended(ctx, e)
	if fault != nil {
		e = c.transport.because(e, fmt.Errorf("last fault: %w", fault))
	}
	return e
}

// hasFailed reports whether the status of s is one that a session does not get
// ready from.
func hasFailed(s *Session) bool {
	return StatusIs(s.Status, StatusError) || StatusIs(s.Status, StatusUnprocessable) || StatusIs(s.Status, StatusTerminating)
}

// isFinal reports whether a status will not change by waiting.
func isFinal(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

// CreateAndWait creates a session and waits until it is ready. When it cannot
// hand over a ready session it deletes what it created, for which it takes up to
// 10 s of its own, even after a cancel: seats do not leak. Beside the error it
// then returns the last session that was read, with at least its id; a session
// that may still be there makes the error [ErrNotDeleted], too: ask for that
// first, as the error is also whatever the delete failed with.
//
// An error of the create itself comes with no session; one that is
// [ErrOutcomeUnknown] leaves open whether there is one.
func (c *Client) CreateAndWait(ctx context.Context, r CreateRequest, opts ...WaitOption) (s *Session, err error) {
	if _, e := newWait(sessionPost, opts); e != nil {
		return nil, e // before there is a session to delete
	}
	created, err := c.Create(ctx, r)
	if err != nil {
		return nil, err
	}
	ready := false
	defer func() { // also when an OnChange function panics
		if ready {
			return
		}
		if s == nil {
			s = &Session{SessionID: created.SessionID}
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeToDelete)
		defer cancel()
		if _, fault := c.Delete(ctx, created.SessionID); fault != nil && !errors.Is(fault, ErrNotFound) && !errors.Is(fault, ErrGone) {
			err = notDeleted(fault.(*Error), err)
		}
	}()
	s, err = c.WaitReady(ctx, created.SessionID, opts...)
	ready = err == nil
	return s, err
}

// notDeleted is the error of a delete that failed with fault, after err, which a
// panic leaves nil.
func notDeleted(fault *Error, err error) *Error {
	e := &Error{Operation: fault.Operation, SessionID: fault.SessionID, kinds: []error{err, ErrNotDeleted, fault}}
	e.detail = fmt.Sprintf("%v: %s; after %s", ErrNotDeleted,
		strings.TrimPrefix(fault.Error(), e.Error()+": "), strings.TrimPrefix(fmt.Sprint(err), "sessions: "))
	return e
}
