package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

// operations are the contract's names of the routes.
var operations = map[string]string{
	"POST /v1/session":                      "session-post",
	"GET /v1/session/{session_id}":          "get-session",
	"DELETE /v1/session/{session_id}":       "session-delete",
	"GET /v1/session/{session_id}/users":    "get-users-session",
	"PUT /v1/session/{session_id}/users":    "put-users-session",
	"DELETE /v1/session/{session_id}/users": "delete-users-session",
	"GET /v1/sessions":                      "list-sessions",
	"POST /v1/sessions/bulk-stop":           "sessions-bulk-stop",
}

// newMux has the generated handlers answer for e.
func newMux(e *Emulator) *http.ServeMux {
	mux := http.NewServeMux()
	wrong := func(w http.ResponseWriter, _ *http.Request, err error) {
		writeError(w, bad("%s", reason(err)))
	}
	failed := func(w http.ResponseWriter, _ *http.Request, err error) {
		var r *refusal
		if !errors.As(err, &r) {
			r = refuse(http.StatusInternalServerError, "the emulator failed: %v", err)
		}
		writeError(w, r)
	}
	HandlerWithOptions(
		NewStrictHandlerWithOptions(calls{e}, nil, StrictHTTPServerOptions{RequestErrorHandlerFunc: wrong, ResponseErrorHandlerFunc: failed}),
		StdHTTPServerOptions{BaseRouter: mux, ErrorHandlerFunc: wrong})
	return mux
}

// reason says what could not be decoded, without its value.
func reason(err error) string {
	var field *json.UnmarshalTypeError
	var parameter *InvalidParamFormatError
	switch {
	case errors.As(err, &field):
		return orElse(field.Field, "the body") + ": has the wrong type"
	case errors.As(err, &parameter):
		return parameter.ParamName + ": is malformed"
	}
	return "the request cannot be read"
}

// ServeHTTP answers one request: it is recorded, loses to a planned fault or
// not, and passes the key, the rate limit and the checks, in this order, before
// its operation is carried out.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, leave, ok := e.enter(r.Context())
	if !ok {
		panic(http.ErrAbortHandler)
	}
	defer leave()
	r = r.WithContext(ctx)
	name, allow := e.route(r)
	secret := secretOf(r, e.Config().Key)
	call := e.record(r, name, secret)
	// The body comes first: before its end net/http does not notice, over a
	// socket, that the client goes away.
	var body []byte
	if r.Body != http.NoBody {
		var err error
		if body, err = io.ReadAll(io.LimitReader(r.Body, mostBody+1)); err != nil {
			panic(http.ErrAbortHandler) // the client went away
		}
	}
	e.note(func() { call.Body = clipped(secret.mask(string(body)), mostRecordedBody) })
	fault := e.fault(name)
	if !sleep(ctx, fault.Delay) {
		panic(http.ErrAbortHandler)
	}
	if fault.Break == BreakReset && !fault.Done {
		reset(w)
		return
	}
	var a *answer
	if fault.Done || fault.Status == 0 {
		a = e.answer(r, call, body, allow)
	}
	if fault.Status != 0 {
		a = fault.answer()
	}
	for name, value := range fault.Headers {
		a.header.Set(name, value)
	}
	if w, ok := w.(Planner); ok && fault.Status != 0 {
		w.Planned()
	}
	if fault.Break != BreakReset && fault.Break != BreakStall {
		message := ""
		if fault.Body == "" { // a planned one may hold anything
			message = secret.mask(a.message())
		}
		e.note(func() { call.Status, call.Message = a.status, message })
	}
	send(w, r, a, fault)
}

// Planner is an http.ResponseWriter that wants to know that its answer is one
// of a planned fault, whose body may hold anything.
type Planner interface{ Planned() }

// route names the operation that a request is for. If there is none, it lists
// the methods that its path takes.
func (e *Emulator) route(r *http.Request) (name string, allow []string) {
	escaped := r.URL.EscapedPath()
	if path.Clean(escaped) != escaped {
		return "", nil // the mux would answer with a redirect
	}
	_, pattern := e.mux.Handler(r)
	if name, ok := operations[pattern]; ok && strings.HasPrefix(pattern, r.Method) { // else the mux takes a HEAD for a GET
		return name, nil
	}
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPost, http.MethodPut} {
		probe := *r
		probe.Method = method
		if _, pattern := e.mux.Handler(&probe); operations[pattern] != "" {
			allow = append(allow, method)
		}
	}
	return "", allow
}

// answer is what the API would say if nothing went wrong on the way.
func (e *Emulator) answer(r *http.Request, call *Request, body []byte, allow []string) *answer {
	a := &answer{header: http.Header{}}
	switch {
	case len(allow) > 0:
		a.header.Set("Allow", strings.Join(allow, ", "))
		writeError(a, refuse(http.StatusMethodNotAllowed, "the method is not allowed for this path"))
	case call.Operation == "":
		writeError(a, refuse(http.StatusNotFound, "there is nothing at this path"))
	case !e.authorized(r.Header.Get("Authorization")):
		writeError(a, refuse(http.StatusUnauthorized, "the authorization header is not the word token and a valid key"))
	default:
		e.note(func() { call.KeyAccepted = true })
		e.carryOut(a, r, call.Operation, body)
	}
	return a
}

func (e *Emulator) carryOut(a *answer, r *http.Request, operation string, body []byte) {
	config := e.Config()
	if !e.admit() {
		if seconds := config.RateLimit.RetryAfter; seconds > 0 {
			a.header.Set("Retry-After", strconv.Itoa(seconds))
		}
		writeError(a, refuse(http.StatusTooManyRequests, "too many requests"))
		return
	}
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		writeError(a, bad("the query is malformed"))
		return
	}
	object, wrong := readBody(r, operation, body)
	if wrong != nil {
		writeError(a, wrong)
		return
	}
	if config.Check != nil {
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err := config.Check(r); err != nil {
			writeError(a, bad("%v", err))
			return
		}
	}
	if body, wrong = fit(operation, object, body, config.Unknown.UnknownField); wrong != nil {
		writeError(a, wrong)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	e.mux.ServeHTTP(a, r)
	if config.Unknown.Nulls && a.status == http.StatusOK {
		a.body = *bytes.NewBuffer(withNulls(operation, a.body.Bytes()))
	}
}

// authorized is whether the header is the word token and a key that is taken.
func (e *Emulator) authorized(header string) bool {
	key, ok := strings.CutPrefix(header, "token ")
	key = strings.TrimSpace(key)
	wanted := e.Config().Key
	return ok && key != "" && (wanted == "" || key == wanted)
}

// answer is a response that is made whole before any of it is sent.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// message is that of an error body.
func (a *answer) message() string {
	var problem api.Error
	if a.status < 400 || json.Unmarshal(a.body.Bytes(), &problem) != nil {
		return ""
	}
	return problem.Message
}

func writeError(w http.ResponseWriter, r *refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.status)
	json.NewEncoder(w).Encode(api.Error{Message: r.message})
}

// send sends an answer, or what a fault leaves of it.
func send(w http.ResponseWriter, r *http.Request, a *answer, fault Fault) {
	body := a.body.Bytes()
	switch fault.Break {
	case BreakReset:
		reset(w)
		return
	case BreakStall:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case BreakGarble:
		body = garbled(body)
	}
	maps.Copy(w.Header(), a.header)
	if a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		w.Header().Del("Content-Type")
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	if fault.Break == BreakCut {
		body = body[:len(body)/2]
	}
	if fault.Slow > 0 {
		trickle(w, r, body, fault.Slow)
	} else {
		w.Write(body)
	}
	if fault.Break == BreakCut {
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// trickle writes a body in ten pieces over a time, or until the client has gone.
func trickle(w http.ResponseWriter, r *http.Request, body []byte, over time.Duration) {
	const pieces = 10
	for i := range pieces {
		if http.NewResponseController(w).Flush(); !sleep(r.Context(), over/pieces) {
			panic(http.ErrAbortHandler)
		}
		w.Write(body[i*len(body)/pieces : (i+1)*len(body)/pieces])
	}
}

// sessionOf is the session id in a path, as the operation's handler sees it.
func sessionOf(u *url.URL) string {
	segments := strings.Split(u.EscapedPath(), "/")
	if len(segments) < 4 || segments[2] != "session" {
		return ""
	}
	id, _ := url.PathUnescape(segments[3])
	return id
}
