package sessionstest

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
	"github.com/edgegap-community/edgegap/sessions"
)

// baseURL is where clients in memory believe the API to be. The name can't be
// looked up, so that nothing leaves the process by mistake.
const baseURL = "https://sessions.invalid"

// Server is a fake API with a state of its own. It is safe for concurrent use.
type Server struct {
	emulator *emulator.Emulator
	key      string

	listen sync.Once
	url    string
	http   *http.Server
	served chan struct{}
}

// NewServer starts a fake API. With no options it takes any key and any app and
// version: kind Seat, ten sockets, autodeploy on, and a session is Ready two
// seconds after it was created. It panics if options make no sense, and names
// each of them. Close the server, or have [WithT] do so.
func NewServer(opts ...Option) *Server {
	var c settings
	for _, opt := range opts {
		if opt == nil {
			opt = bad("a nil option")
		}
		opt(&c)
	}
	if err := errors.Join(append(c.wrong, c.Valid())...); err != nil {
		panic(ours(err).Error())
	}
	s := &Server{emulator: emulator.New(c.Config), key: cmp.Or(c.Key, "sessionstest")}
	if c.t != nil {
		c.t.Cleanup(func() {
			if c.t.Failed() {
				c.t.Log("the fake API saw and has:\n" + s.String())
			}
			s.Close()
		})
	}
	return s
}

// Client returns a client that reaches the server in memory, with a key that
// the server takes. The options come after its own base URL and transport. It
// panics if one of them is bad.
func (s *Server) Client(opts ...sessions.Option) *sessions.Client {
	own := []sessions.Option{sessions.WithBaseURL(baseURL), sessions.WithTransport(s.Transport())}
	client, err := sessions.New(s.key, append(own, opts...)...)
	if err != nil {
		panic("sessionstest: " + err.Error())
	}
	return client
}

// Transport reaches the server in memory, whatever the host of a request. It is
// for a client made with sessions.New and for transports that wrap another.
func (s *Server) Transport() http.RoundTripper { return s.emulator.Transport() }

// URL is the server's address on loopback, such as http://127.0.0.1:40123, for
// programs that need a socket. It listens from the first call on, and panics if
// it can't. Do not call it in a testing/synctest bubble.
func (s *Server) URL() string {
	s.listen.Do(func() {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			panic("sessionstest: " + err.Error())
		}
		s.url = "http://" + listener.Addr().String()
		s.http = &http.Server{Handler: s.emulator, ReadHeaderTimeout: 10 * time.Second}
		s.served = make(chan struct{})
		go func() {
			defer close(s.served)
			s.http.Serve(listener)
		}()
	})
	return s.url
}

// Close ends every request and webhook and waits for them. Requests that come
// later find the connection refused, and URL is then empty if it was not called
// before. What the server saw and has can still be looked at. A second Close
// does nothing.
func (s *Server) Close() {
	s.listen.Do(func() {}) // no listening from now on
	if s.http != nil {
		s.http.Close()
		<-s.served
	}
	s.emulator.Close()
}

// ours is an error of the emulator under the name of this package.
func ours(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sessionstest: %w", err)
}
