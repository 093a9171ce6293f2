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
// error: a create that ended in a 502 is ErrServer and ErrOutcomeUnknown.
var (
	// ErrInvalidArgument: refused before anything was sent. The text names the
	// field, never its value.
	ErrInvalidArgument = errors.New("invalid argument")

	ErrBadRequest    = errors.New("bad request")             // 400
	ErrUnauthorized  = errors.New("unauthorized")            // 401: no key, or a wrong one
	ErrForbidden     = errors.New("forbidden")               // 403
	ErrNotFound      = errors.New("not found")               // 404
	ErrConflict      = errors.New("conflict")                // 409
	ErrGone          = errors.New("gone")                    // 410: deleted before
	ErrUnprocessable = errors.New("unprocessable")           // 422: for added users, probably no socket is free; a session that ends Unprocessable is a FailedError
	ErrRateLimited   = errors.New("rate limited")            // 429
	ErrServer        = errors.New("server error")            // every 5xx
	ErrBadResponse   = errors.New("not the promised answer") // 2xx, but not the JSON of the contract
	ErrNotDeleted    = errors.New("not deleted")             // CreateAndWait could not delete what it created

	// ErrResponseTooLarge: a success of more than 1 MiB, or a page of sessions
	// of more than 32 MiB.
	ErrResponseTooLarge = errors.New("answer too large")

	// ErrOutcomeUnknown: the call failed, yet may have been carried out, and
	// was not sent again for that reason. See the package documentation for how
	// to find out.
	ErrOutcomeUnknown = errors.New("outcome unknown: it may have been carried out")
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

// Error is every failure of a call. Its text is safe to log: it holds neither
// the key nor an IP address that the server said. The fields Message and Body hold what the server
// said, the key masked, and may hold the IP addresses of players.
type Error struct {
	Operation  string        // the contract's name of the call, such as "get-session"
	SessionID  string        // the session the call was about, if about one
	StatusCode int           // 0 when no answer arrived
	Message    string        // the server's own message, at most 4 KiB
	RetryAfter time.Duration // as the server said it; 0 when it did not
	Body       []byte        // the first 4 KiB of an answer that was not a success

	detail string  // what this package has to say about it
	kinds  []error // what it is beside its status: the errors above and the cause

	// What the retry rules ask.
	attempt int  // which one this was
	unsent  bool // no byte of the request can have reached the server
	cut     bool // refused, reset or cut short
	fatal   bool // sending it again cannot help
	ended   bool // by the caller's context
}

// Error says what was tried, and what came of it, in less than 1 KiB.
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

// Is reports whether the status of e is what target stands for.
func (e *Error) Is(target error) bool {
	return target != nil && (byStatus[e.StatusCode] == target || target == ErrServer && e.StatusCode >= 500)
}

// Unwrap gives the further kinds of e and its cause.
func (e *Error) Unwrap() []error { return e.kinds }

// LogValue is the operation, the status and the text.
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
// Unprocessable, or it is Terminating. Session is the last that was read.
type FailedError struct {
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
