package sessions_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// goodResponse is a successful response to every operation.
const goodResponse = `{"session_id":"950dd2eaff09-S","session_users":[],"data":[],"processable":[]}`

// respondFunc writes the response to a request. The connection is closed if it returns false.
type respondFunc func(conn net.Conn, req *http.Request) (keep bool)

// rawServer reads HTTP/1.1 requests. Its responses need not be valid.
type rawServer struct {
	respond  respondFunc
	conns    atomic.Int32 // connections accepted
	open     atomic.Int32 // connections that are open
	requests atomic.Int32
}

func (s *rawServer) serve(conn net.Conn) {
	s.conns.Add(1)
	s.open.Add(1)
	defer s.open.Add(-1)
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		s.requests.Add(1)
		if !s.respond(conn, req) {
			return
		}
	}
}

// pipeTransport returns the default transport, whose connections are in memory, also in a
// synctest bubble, and passes the other end of each to serve.
func pipeTransport(serve func(net.Conn)) *http.Transport {
	transport := sessions.NewTransport()
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go serve(server)
		return client, nil
	}
	return transport
}

// listen calls serve with each connection to a port of loopback, and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l.Addr().String()
}

// rawText writes text. If keep is true and text is not a whole response, the server does not
// respond until the client closes the connection.
func rawText(text string, keep bool) respondFunc {
	return func(conn net.Conn, _ *http.Request) bool {
		_, err := io.WriteString(conn, text)
		return keep && err == nil
	}
}

// rawStatus writes a response with an error body and header lines.
func rawStatus(status int, headers ...string) respondFunc {
	return rawResponse(status, `{"message":"no"}`, headers...)
}

// drip writes text and then, in virtual time, drop every second.
func drip(text, drop string) respondFunc {
	return func(conn net.Conn, _ *http.Request) bool {
		_, err := io.WriteString(conn, text)
		for err == nil {
			time.Sleep(time.Second)
			_, err = io.WriteString(conn, drop)
		}
		return false
	}
}

func rawResponse(status int, body string, headers ...string) respondFunc {
	headers = append(headers, "Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)))
	return rawText(fmt.Sprintf("HTTP/1.1 %d %s\r\n%s\r\n\r\n%s", status, http.StatusText(status), strings.Join(headers, "\r\n"), body), true)
}

// TestIdleConnectionsClosedByLoadBalancer has sixty idle connections that end at once, which is
// more than the number of attempts and of new connections for one attempt.
func TestIdleConnectionsClosedByLoadBalancer(t *testing.T) {
	for _, noticed := range []bool{true, false} { // by the client, before the call
		for _, op := range operations {
			if !noticed && !op.idempotent {
				continue // net/http must not repeat the request, which may have been carried out
			}
			t.Run(fmt.Sprintf("noticed %v/%s", noticed, op.name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					const idle = 60
					respond := make(chan struct{})
					closed, closeAll := context.WithCancel(t.Context())
					srv := &rawServer{}
					srv.respond = func(conn net.Conn, req *http.Request) bool {
						<-respond
						switch {
						case closed.Err() == nil && noticed:
							context.AfterFunc(closed, func() { conn.Close() })
						case closed.Err() != nil && srv.conns.Load() <= idle:
							return false
						}
						return rawResponse(200, goodResponse)(conn, req)
					}
					c := newClient(t, pipeTransport(srv.serve), sessions.WithBaseURL("http://127.0.0.1"))
					defer c.CloseIdleConnections()
					var all sync.WaitGroup
					for range idle {
						all.Go(func() {
							if _, err := op.call(t.Context(), c); err != nil {
								t.Error(err)
							}
						})
					}
					synctest.Wait()
					close(respond)
					all.Wait()
					synctest.Wait()
					if n := srv.open.Load(); n != idle {
						t.Fatalf("%d connections are open, want %d", n, idle)
					}
					closeAll()
					synctest.Wait()
					if _, err := op.call(t.Context(), c); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// TestConnectionsAreLimited makes 256 calls at once.
func TestConnectionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		respond := make(chan struct{})
		srv := &rawServer{respond: func(conn net.Conn, req *http.Request) bool {
			<-respond
			return rawResponse(200, goodResponse)(conn, req)
		}}
		c := newClient(t, pipeTransport(srv.serve), sessions.WithBaseURL("http://127.0.0.1"))
		var all sync.WaitGroup
		for range 256 {
			all.Go(func() {
				if _, err := c.Get(t.Context(), testID); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := srv.open.Load(); n != 64 {
			t.Errorf("%d connections, want 64", n)
		}
		close(respond)
		all.Wait()
		if n := srv.conns.Load(); n != 64 {
			t.Errorf("%d connections for 256 calls, want 64", n)
		}
		c.CloseIdleConnections()
		if synctest.Wait(); srv.open.Load() != 0 {
			t.Errorf("%d connections are open after CloseIdleConnections", srv.open.Load())
		}
	})
}

// The frames of HTTP/2 that http2Server reads and writes, and codes of errors.
const (
	frameData, frameHeaders, frameRSTStream, frameSettings, frameGoAway = 0, 1, 3, 4, 7
	flagEndStream, flagEndHeaders, flagAck                              = 1, 4, 1
	noError, protocolError, internalError, refusedStream, cancelError   = 0, 1, 2, 7, 8
)

func frame(kind, flags byte, stream uint32, payload ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	return append(binary.BigEndian.AppendUint32(append(b, flags), stream), payload...)
}

func code(values ...uint32) (payload []byte) {
	for _, v := range values {
		payload = binary.BigEndian.AppendUint32(payload, v)
	}
	return payload
}

// okFrames are a response with a JSON body.
func okFrames(stream uint32, body string) []byte {
	fields := append([]byte{0x88, 0x0f, 0x10, 16}, "application/json"...) // :status: 200, content-type
	return append(frame(frameHeaders, flagEndHeaders, stream, fields...), frame(frameData, flagEndStream, stream, []byte(body)...)...)
}

// http2Server reads HTTP/2 requests and responds to each with the frames that respond returns.
// The connection is closed after the frames if keep is false. If frames is nil and keep is
// true, the server neither responds to this request nor to anything else.
type http2Server struct {
	respond  func(conn int32, stream uint32) (frames []byte, keep bool)
	conns    atomic.Int32
	requests atomic.Int32
}

func (s *http2Server) serve(conn net.Conn) {
	number := s.conns.Add(1)
	out := make(chan []byte, 100)
	defer close(out)
	go func() { // net.Pipe has no buffer: client and server must not wait for each other
		defer conn.Close()
		for b := range out {
			conn.Write(b)
		}
	}()
	r := bufio.NewReader(conn)
	if _, err := io.CopyN(io.Discard, r, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return
	}
	out <- frame(frameSettings, 0, 0)
	header := make([]byte, 9)
	for {
		if _, err := io.ReadFull(r, header); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, r, int64(binary.BigEndian.Uint32(header)>>8)); err != nil {
			return
		}
		kind, flags, stream := header[3], header[4], binary.BigEndian.Uint32(header[5:])
		switch {
		case kind == frameSettings && flags&flagAck == 0:
			out <- frame(frameSettings, flagAck, 0)
		case kind == frameHeaders:
			s.requests.Add(1)
			fallthrough
		case kind == frameData:
			if flags&flagEndStream == 0 {
				break
			}
			frames, keep := s.respond(number, stream)
			if frames == nil && keep {
				io.Copy(io.Discard, r)
				return
			}
			if out <- frames; !keep {
				return
			}
		}
	}
}

// transport returns the default transport, with connections to s in memory and without TLS.
func (s *http2Server) transport() *http.Transport {
	transport := pipeTransport(s.serve)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	return transport
}

// newHTTP2Client returns a client that is connected to s by TLS.
func newHTTP2Client(t *testing.T, s *http2Server) *sessions.Client {
	t.Helper()
	certified := httptest.NewTLSServer(nil) // only its certificate is used
	certified.Close()
	config := certified.TLS.Clone()
	config.NextProtos = []string{"h2"}
	addr := listen(t, func(conn net.Conn) { s.serve(tls.Server(conn, config)) })
	transport := sessions.NewTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: certified.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	c := newClient(t, transport, sessions.WithBaseURL("https://"+addr))
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// TestHTTP2CallsReachTheServerOnce ends the stream or the connection after a request that must
// not be sent twice.
func TestHTTP2CallsReachTheServerOnce(t *testing.T) {
	reset := func(errorCode uint32) func(int32, uint32) ([]byte, bool) {
		return func(_ int32, stream uint32) ([]byte, bool) {
			return frame(frameRSTStream, 0, stream, code(errorCode)...), true
		}
	}
	for _, test := range []struct {
		name    string
		respond func(int32, uint32) ([]byte, bool)
	}{
		{"RST_STREAM with PROTOCOL_ERROR", reset(protocolError)},
		{"RST_STREAM with INTERNAL_ERROR", reset(internalError)},
		{"RST_STREAM with CANCEL", reset(cancelError)},
		{"RST_STREAM with REFUSED_STREAM", reset(refusedStream)},
		{"RST_STREAM with NO_ERROR", reset(noError)},
		{"closed connection", func(int32, uint32) ([]byte, bool) { return nil, false }},
		{"GOAWAY after the request", func(_ int32, stream uint32) ([]byte, bool) {
			return frame(frameGoAway, 0, 0, code(stream, noError)...), false
		}},
		{"GOAWAY before the request", func(int32, uint32) ([]byte, bool) {
			return frame(frameGoAway, 0, 0, code(0, noError)...), true
		}},
		{"GOAWAY with INTERNAL_ERROR", func(_ int32, stream uint32) ([]byte, bool) {
			return frame(frameGoAway, 0, 0, code(stream, internalError)...), false
		}},
	} {
		for _, op := range operations {
			if op.idempotent {
				continue
			}
			t.Run(test.name+"/"+op.name, func(t *testing.T) {
				srv := &http2Server{respond: test.respond}
				c := newHTTP2Client(t, srv)
				_, err := op.call(t.Context(), c)
				if n := srv.requests.Load(); n != 1 || !errors.Is(err, sessions.ErrOutcomeUnknown) {
					t.Errorf("error %v after %d requests, want ErrOutcomeUnknown after 1", err, n)
				}
			})
		}
	}
}

// TestHTTP2CallsAreSentAgain ends the first stream or connection of calls that may be repeated.
func TestHTTP2CallsAreSentAgain(t *testing.T) {
	for _, op := range operations {
		if !op.idempotent {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := &http2Server{}
				srv.respond = func(_ int32, stream uint32) ([]byte, bool) {
					switch srv.requests.Load() {
					case 1:
						return frame(frameRSTStream, 0, stream, code(internalError)...), true
					case 2:
						return nil, false
					}
					return okFrames(stream, op.response), true
				}
				c := newClient(t, srv.transport(), sessions.WithBaseURL("http://127.0.0.1"))
				defer c.CloseIdleConnections()
				if _, err := op.call(t.Context(), c); err != nil || srv.requests.Load() != 3 {
					t.Errorf("error %v after %d requests, want none after 3", err, srv.requests.Load())
				}
			})
		})
	}
}

// TestHTTP2ServerThatProcessesNothing ends each connection with a GOAWAY after which net/http
// opens another one, without limit.
func TestHTTP2ServerThatProcessesNothing(t *testing.T) {
	srv := &http2Server{respond: func(int32, uint32) ([]byte, bool) {
		return frame(frameGoAway, 0, 0, code(0, noError)...), true
	}}
	_, err := newHTTP2Client(t, srv).Get(t.Context(), testID)
	if n := srv.conns.Load(); err == nil || n < 2 || n > 5 {
		t.Errorf("error %v after %d connections, want one after at most 5", err, n)
	}
}

// TestDeadHTTP2ConnectionIsFoundByPings uses a connection whose server has stopped responding,
// without TLS to work in memory.
func TestDeadHTTP2ConnectionIsFoundByPings(t *testing.T) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := &http2Server{}
				srv.respond = func(conn int32, stream uint32) ([]byte, bool) {
					if conn == 1 && srv.requests.Load() > 1 {
						return nil, true
					}
					return okFrames(stream, op.response), true
				}
				c := newClient(t, srv.transport(), sessions.WithBaseURL("http://127.0.0.1"))
				defer c.CloseIdleConnections()
				if _, err := op.call(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err := op.call(t.Context(), c)
				if op.idempotent {
					if elapsed := time.Since(start); err != nil || elapsed > 10500*time.Millisecond || srv.conns.Load() != 2 {
						t.Errorf("error %v after %v and %d connections, want none within 10s and a backoff, after 2", err, elapsed, srv.conns.Load())
					}
					return
				}
				if elapsed := time.Since(start); !errors.Is(err, sessions.ErrOutcomeUnknown) || elapsed > 10*time.Second || srv.requests.Load() != 2 {
					t.Errorf("error %v after %v and %d requests, want ErrOutcomeUnknown within 10s and after 2", err, elapsed, srv.requests.Load())
				}
				if _, err := op.call(t.Context(), c); err != nil {
					t.Errorf("next call: %v", err)
				}
			})
		})
	}
}

// TestHTTP2 makes calls to the HTTP/2 server of net/http, with more goroutines than a connection
// has streams.
func TestHTTP2(t *testing.T) {
	var http1 atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			http1.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, goodResponse)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // the client closes connections that it does not need
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	transport := sessions.NewTransport()
	transport.TLSClientConfig = &tls.Config{RootCAs: srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	c := newClient(t, transport, sessions.WithBaseURL(srv.URL))
	defer c.CloseIdleConnections()
	var all sync.WaitGroup
	for i := range 300 {
		all.Go(func() {
			op := operations[i%len(operations)]
			if _, err := op.call(t.Context(), c); err != nil {
				t.Errorf("%s: %v", op.name, err)
			}
		})
	}
	all.Wait()
	if n := http1.Load(); n > 0 {
		t.Errorf("%d requests used HTTP/1", n)
	}
}

// TestMemoryIsBounded sends bodies of 1 GiB, plain and compressed.
func TestMemoryIsBounded(t *testing.T) {
	const size = 1 << 30
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(bytes.Repeat([]byte("a"), 1<<20))
	w.Close()
	for _, test := range []struct {
		call, encoding, head string
		status               int
		block                []byte // repeated
		blocks               int
		most                 uint64 // bytes that the call may allocate in all, twice as many with the race detector
	}{
		{"Get", "identity", `{"session_id":"`, 200, bytes.Repeat([]byte("a"), 1<<16), size >> 16, 16 << 20},
		{"List", "identity", `{"data":[`, 200, bytes.Repeat([]byte(`{"session_id":"950dd2eaff09-S","status":"Seeking"},`), 1000), size / 50000, 96 << 20},
		{"Get", "gzip", "", 200, packed.Bytes(), size >> 20, 16 << 20},
		{"List", "gzip", "", 200, packed.Bytes(), size >> 20, 96 << 20},
		{"Get", "gzip", "", 500, packed.Bytes(), size >> 20, 8 << 20},
		{"Delete", "gzip", "", 200, packed.Bytes(), size >> 20, 16 << 20},
	} {
		t.Run(fmt.Sprint(test.call, test.status, test.encoding), func(t *testing.T) {
			var sent int
			srv := &rawServer{respond: func(conn net.Conn, _ *http.Request) bool {
				_, err := fmt.Fprintf(conn, "HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Encoding: %s\r\n\r\n%s", test.status, test.encoding, test.head)
				for ; err == nil && sent < test.blocks; sent++ {
					_, err = conn.Write(test.block)
				}
				return false
			}}
			c := newClient(t, nil, sessions.WithBaseURL("http://"+listen(t, srv.serve)), sessions.WithMaxAttempts(1))
			defer c.CloseIdleConnections()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, op := range operations {
				if op.name == test.call {
					_, err = op.call(t.Context(), c)
				}
			}
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > test.most {
				t.Errorf("allocated %d MiB, want at most %d", allocated>>20, test.most>>20)
			}
			if test.call == "Delete" {
				if err != nil {
					t.Errorf("error %v, want none", err)
				}
				return
			}
			e := asError(t, err)
			if e.StatusCode != test.status || len(e.Body) > 4<<10 || errors.Is(err, sessions.ErrUnexpectedResponse) != (test.status == 200) {
				t.Errorf("error %v with a body of %d bytes, want status %d", err, len(e.Body), test.status)
			}
		})
	}
}
