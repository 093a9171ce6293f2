package sessions

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

var errNoAnswer = errors.New("the transport returned neither an answer nor an error")

// timeout is the end of an attempt's own deadline.
type timeout time.Duration

func (d timeout) Error() string   { return "no answer within " + time.Duration(d).String() }
func (d timeout) Timeout() bool   { return true }
func (d timeout) Is(t error) bool { return t == context.DeadlineExceeded }

// settle completes the error of an attempt that failed with err, or with its
// status alone, by what its contexts and its operation say.
func (t *transport) settle(ctx, within context.Context, op *operation, e *Error, err error) *Error {
	if mayBeDone := e.StatusCode < 300 || e.StatusCode >= 500; mayBeDone && !op.repeat && !e.unsent {
		e.kinds = append(e.kinds, ErrOutcomeUnknown)
		e.say(ErrOutcomeUnknown.Error())
	}
	switch {
	case ctx.Err() != nil:
		e.fatal = true
		return t.ended(ctx, e)
	case within.Err() != nil:
		e.fatal = true
		return t.because(e, timeout(t.timeout))
	case errors.As(err, new(*net.OpError)):
		return t.add(e, err, t.secret.mask(err.Error())) // its addresses are those of the API
	case err != nil:
		return t.because(e, err)
	}
	return e
}

// ended adds the end of the caller's context to e.
func (t *transport) ended(ctx context.Context, e *Error) *Error {
	e.ended = true
	cause := context.Cause(ctx)
	if cause != ctx.Err() {
		e = t.because(e, ctx.Err())
	}
	return t.because(e, cause)
}

// because adds the cause err to e, without the key and IP addresses.
func (t *transport) because(e *Error, err error) *Error {
	return t.add(e, err, withoutAddresses(t.secret.mask(err.Error())))
}

// add adds the cause err to e, with a text that may be told.
func (t *transport) add(e *Error, err error, text string) *Error {
	if cause := err; text != cause.Error() {
		err = masked{text, func(target error) bool { return errors.Is(cause, target) }}
	}
	e.kinds = append(e.kinds, err)
	e.say(text)
	return e
}

// masked stands for an error whose text holds the key or an IP address: it can
// be compared, and not be reached.
type masked struct {
	text string
	is   func(error) bool
}

func (m masked) Error() string        { return m.text }
func (m masked) Is(target error) bool { return m.is(target) }

// connection watches whether a request of a call that must not be doubled got a
// connection. Without one nothing was sent, whatever the error is: a deadline
// that passed in the queue for a connection, a host that does not answer, a
// handshake that failed.
type connection struct{ asked, got atomic.Bool }

func (c *connection) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { c.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) },
	})
}

// none is false also when nobody told, as with a transport that is not
// net/http's.
func (c *connection) none() bool { return c != nil && c.asked.Load() && !c.got.Load() }

// dialing reports whether err arose before there was a connection.
func dialing(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// untrusted reports whether err is a server that is not who it should be, or
// does not speak TLS: another attempt would meet the same.
func untrusted(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) ||
		errors.As(err, new(tls.RecordHeaderError)) ||
		errors.Is(err, http.ErrSchemeMismatch)
}
