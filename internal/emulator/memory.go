package emulator

import (
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
)

// Transport reaches the emulator without a socket, so it works in a
// testing/synctest bubble. Like a real one it returns at once when the
// request's context ends, streams the answer's body, and fails with the errors
// of a reset, cut or refused connection.
func (e *Emulator) Transport() http.RoundTripper { return memory{e, e} }

// memory carries requests to a handler, as a piece of work of the emulator.
type memory struct {
	e       *Emulator
	handler http.Handler
}

// RoundTrip implements http.RoundTripper.
func (m memory) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, leave, ok := m.e.enter(request.Context())
	if !ok {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	r := served(ctx, request)
	x := &exchange{header: http.Header{}, bodiless: r.Method == http.MethodHead, begun: make(chan struct{})}
	x.ended = func() error { return m.ended(request.Context()) }
	x.read, x.write = io.Pipe()
	stop := context.AfterFunc(ctx, func() {
		x.write.CloseWithError(x.ended())
		r.Body.Close()
	})
	go func() {
		defer leave()
		defer stop()
		defer r.Body.Close()
		x.run(m.handler, r)
	}()
	select {
	case <-x.begun:
	case <-ctx.Done():
	}
	if err := x.ended(); err != nil {
		return nil, err // even if the handler, which sees that too, has answered
	}
	if x.failure != nil {
		return nil, x.failure
	}
	return x.response(request), nil
}

// ended is why an exchange was broken off, if it was: the caller's own reason,
// or that the emulator was closed.
func (m memory) ended(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if m.e.ctx.Err() != nil {
		return errReset
	}
	return nil
}

var errReset = &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}

// served is the request as a server has it.
func served(ctx context.Context, request *http.Request) *http.Request {
	r := request.Clone(ctx)
	r.Method = orElse(r.Method, http.MethodGet)
	r.RequestURI = request.URL.RequestURI()
	r.URL = &url.URL{Path: orElse(request.URL.Path, "/"), RawPath: request.URL.RawPath, RawQuery: request.URL.RawQuery}
	r.Header = http.Header{}
	for name, values := range request.Header {
		for _, value := range values {
			r.Header.Add(name, value) // under its canonical name, however it was set
		}
	}
	if r.Host == "" {
		r.Host = request.URL.Host
	}
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.1", 1, 1
	r.RemoteAddr = "192.0.2.1:1234"
	if r.Body == nil {
		r.Body = http.NoBody
	}
	return r
}

// exchange is the http.ResponseWriter of one request in memory.
type exchange struct {
	header   http.Header
	bodiless bool
	ended    func() error
	read     *io.PipeReader
	write    *io.PipeWriter

	begun   chan struct{} // closed when the next three are settled
	status  int
	sent    http.Header
	failure error
}

func (x *exchange) Header() http.Header { return x.header }

func (x *exchange) hasBegun() bool {
	select {
	case <-x.begun:
		return true
	default:
		return false
	}
}

func (x *exchange) WriteHeader(status int) {
	if x.hasBegun() {
		return
	}
	x.status, x.sent = status, x.header.Clone()
	close(x.begun)
}

func (x *exchange) Write(p []byte) (int, error) {
	x.WriteHeader(http.StatusOK)
	if x.bodiless {
		return len(p), nil
	}
	return x.write.Write(p)
}

// Flush implements http.Flusher; nothing is held back anyway.
func (x *exchange) Flush() { x.WriteHeader(http.StatusOK) }

// reset breaks the exchange off with the error of a reset connection.
func (x *exchange) reset() { x.fail(errReset) }

func (x *exchange) fail(err error) {
	if !x.hasBegun() {
		x.failure = err
		close(x.begun)
	}
	x.write.CloseWithError(err)
}

// run has the handler answer. As with net/http, http.ErrAbortHandler breaks the
// connection; another panic is a bug and stays one.
func (x *exchange) run(handler http.Handler, r *http.Request) {
	defer func() {
		switch problem := recover(); problem {
		case nil:
		case http.ErrAbortHandler:
			x.fail(cmp.Or(x.ended(), error(io.ErrUnexpectedEOF)))
		default:
			panic(problem)
		}
	}()
	handler.ServeHTTP(x, r)
	x.WriteHeader(http.StatusOK)
	x.write.Close()
}

func (x *exchange) response(request *http.Request) *http.Response {
	length, err := strconv.ParseInt(x.sent.Get("Content-Length"), 10, 64)
	if err != nil {
		length = -1
	}
	return &http.Response{
		Status:        strconv.Itoa(x.status) + " " + http.StatusText(x.status),
		StatusCode:    x.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        x.sent,
		Body:          x.read,
		ContentLength: length,
		Request:       request,
	}
}
