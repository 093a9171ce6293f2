package sessions

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What went wrong, to be asked with [errors.Is]. More than one may hold of one
// error: a create that ended in a 502 is ErrServer and ErrOutcomeUnknown. The
// package documentation tells what to do about each.
var (
	// ErrInvalidArgument: refused by this package before anything was sent. The
	// text names the field, never its value.
	ErrInvalidArgument = errors.New("invalid argument")

	// ErrBadRequest: status 400, as for a disabled app version (seen).
	ErrBadRequest = errors.New("bad request")

	// ErrUnauthorized: status 401, for no key or a wrong one.
	ErrUnauthorized = errors.New("unauthorized")

	// ErrForbidden: status 403, which the vendor does not document.
	ErrForbidden = errors.New("forbidden")

	// ErrNotFound: status 404, as for a session that is gone or never was.
	ErrNotFound = errors.New("not found")

	// ErrConflict: status 409, which is documented for Create without a meaning.
	ErrConflict = errors.New("conflict")

	// ErrGone: status 410, as for a session that was deleted before.
	ErrGone = errors.New("gone")

	// ErrUnprocessable: status 422. Of AddUsers it probably means that no socket
	// is free (inferred). A session that ends Unprocessable is a FailedError and
	// not this.
	ErrUnprocessable = errors.New("unprocessable")

	// ErrRateLimited: status 429, after the waiting and trying that the package
	// documentation tells of.
	ErrRateLimited = errors.New("rate limited")

	// ErrServer: every status of 500 and above.
	ErrServer = errors.New("server error")

	// ErrBadResponse: a status 2xx, but not the JSON of the contract.
	ErrBadResponse = errors.New("not the promised answer")

	// ErrResponseTooLarge: a success of more than 1 MiB, or a page of sessions
	// of more than 32 MiB, after decompression.
	ErrResponseTooLarge = errors.New("answer too large")

	// ErrOutcomeUnknown: a Create, BulkStop, AddUsers or RemoveUsers failed, yet
	// may have been carried out, and was not sent again for that reason.
	ErrOutcomeUnknown = errors.New("outcome unknown: it may have been carried out")

	// ErrNotDeleted: CreateAndWait could not delete the session that it created.
	ErrNotDeleted = errors.New("not deleted")
)

// byStatus is what errors.Is knows of a status.
var byStatus = map[int]error{
	http.StatusBadRequest:          ErrBadRequest,
	http.StatusUnauthorized:        ErrUnauthorized,
	http.StatusForbidden:           ErrForbidden,
	http.StatusNotFound:            ErrNotFound,
	http.StatusConflict:            ErrConflict,
	http.StatusGone:                ErrGone,
	http.StatusUnprocessableEntity: ErrUnprocessable,
	http.StatusTooManyRequests:     ErrRateLimited,
}

// Error is every failure of a call. Its text and its slog value are safe to log:
// they hold neither the key nor an IP address that the server said. The fields
// Message and Body hold what the server said, the key masked, and may hold the
// IP addresses of players: do not log them unseen.
type Error struct {
	// Operation is the contract's name of the call, such as "get-session". It is
	// empty for what is refused outside of a call, as by New.
	Operation string

	// SessionID is the session that the call was about; empty for Create, List
	// and BulkStop, and for an id that was refused.
	SessionID string

	// StatusCode is the status of the answer, 0 when none arrived.
	StatusCode int

	// Message is the server's own sentence about what is wrong, at most 4 KiB;
	// empty when its answer had none.
	Message string

	// RetryAfter is how long the server asked to wait, by the header of that
	// name; 0 when it did not ask. It may be more than this package waits.
	RetryAfter time.Duration

	// Body holds the first 4 KiB of an answer that was not a success.
	Body []byte

	detail string  // what this package has to say about it
	kinds  []error // what it is beside its status: the errors above and the cause

	// What the retry rules ask.
	attempt int  // which one this was
	unsent  bool // no byte of the request can have reached the server
	cut     bool // refused, reset or cut short
	fatal   bool // sending it again cannot help
	ended   bool // by the caller's context
}

// Error says what was tried and what came of it, in one line of less than 1 KiB:
//
//	sessions: get-session 950dd2eaff09-S: 404 Not Found: no such session
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("sessions")
	if e.Operation != "" {
		b.WriteString(": " + e.Operation)
	}
	if e.SessionID != "" {
		b.WriteString(" " + cut(e.SessionID, 64))
	}
	if e.StatusCode != 0 {
		b.WriteString(": " + strconv.Itoa(e.StatusCode))
		if text := http.StatusText(e.StatusCode); text != "" {
			b.WriteString(" " + text)
		}
	}
	if e.RetryAfter > 0 {
		b.WriteString(", retry after " + e.RetryAfter.String())
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	text := withoutAddresses(b.String())
	if e.detail != "" {
		text += ": " + e.detail
	}
	if e.attempt > 1 {
		text = cut(text, maxText-20) + " (attempt " + strconv.Itoa(e.attempt) + ")"
	}
	return oneLine(text)
}

// say adds to what this package has to say about e.
func (e *Error) say(text string) { e.detail = strings.TrimPrefix(e.detail+": "+text, ": ") }

// Is reports whether target stands for the status of e. The other kinds are
// reached through Unwrap: use [errors.Is].
func (e *Error) Is(target error) bool {
	return target != nil && (byStatus[e.StatusCode] == target || target == ErrServer && e.StatusCode >= 500)
}

// Unwrap gives what e is beside its status: further errors of this package, and
// the cause, such as a [net.OpError] or context.DeadlineExceeded.
func (e *Error) Unwrap() []error { return e.kinds }

// LogValue is a group of the operation, the status and the text.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("operation", e.Operation),
		slog.Int("status", e.StatusCode),
		slog.String("error", e.Error()),
	)
}

// invalid is the error of an argument that is refused before anything is sent.
// op is nil where there is no call.
func invalid(op *operation, format string, args ...any) *Error {
	e := &Error{
		detail: ErrInvalidArgument.Error() + ": " + fmt.Sprintf(format, args...),
		kinds:  []error{ErrInvalidArgument},
		unsent: true,
	}
	if op != nil {
		e.Operation = op.name
	}
	return e
}

// FailedError says that a session ended without becoming ready: in Error or
// Unprocessable, or it is Terminating. WaitReady and CreateAndWait return it.
type FailedError struct {
	// Session is the last that was read. Its Status tells in what it ended, to be
	// compared with StatusIs, and its Error perhaps why.
	Session *Session
}

// Error names the session, its status and the reason that the server gave.
func (e *FailedError) Error() string {
	if e.Session == nil {
		return "sessions: session failed"
	}
	text := fmt.Sprintf("sessions: session %s ended in %s", e.Session.SessionID, e.Session.Status)
	if e.Session.Error != "" {
		text += ": " + e.Session.Error
	}
	return oneLine(withoutAddresses(text))
}
