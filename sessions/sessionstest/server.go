// Package sessionstest is a fake of the Edgegap Sessions API for tests, in the
// manner of net/http/httptest. It keeps state: a session that a test creates
// passes through the statuses of the real API, is given a deployment with an
// address and ports, takes up sockets, and is gone after it was deleted.
//
// NewServer opens no socket. Its clients reach it in memory, so a test inside
// a testing/synctest bubble waits for a session in no time at all. Make the
// server, its clients and what uses them inside the bubble.
//
// What nobody outside the vendor knows about the API, and how the fake does it,
// is listed at Unknown.
package sessionstest

import (
	"cmp"
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
// seconds after it was created. It panics if an option makes no sense. Close the
// server.
func NewServer(opts ...Option) *Server {
	var c settings
	for _, opt := range opts {
		opt(&c)
	}
	s := &Server{emulator: emulator.New(c.Config), key: cmp.Or(c.Key, "sessionstest")}
	if c.t != nil {
		c.t.Cleanup(func() {
			if c.t.Failed() {
				c.t.Log("the fake API saw and has:\n" + s.String())
			}
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

// URL is the server's address on loopback, for programs that need a socket. It
// listens from the first call on, and panics if it can't. Do not call it in a
// testing/synctest bubble.
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
// later find no server, and URL is then empty if it was not called before.
func (s *Server) Close() {
	s.listen.Do(func() {}) // no listening from now on
	if s.http != nil {
		s.http.Close()
		<-s.served
	}
	s.emulator.Close()
}

// SetStatus puts a session into a status at once, whatever was to happen to it
// otherwise, and has its webhook sent where that status has one. Ready and
// Waiting give it a deployment of its own if it has none; Initializing, Seeking
// and Waiting hold it there; Terminating deletes it. A status that the API does
// not have is taken as it is. It is an error if there is no such session or it
// is deleted.
func (s *Server) SetStatus(id, status string) error { return s.emulator.SetStatus(id, status) }

// Deploy has a deployment of an app version running at once, with tags, and
// returns its request id, for CreateRequest.DeploymentRequestID or for an app
// version without autodeploy. An empty version is the app's first. It is an
// error if no app of WithApp fits.
func (s *Server) Deploy(app, version string, tags ...string) (requestID string, err error) {
	return s.emulator.Deploy(app, version, tags...)
}

// SetJoinable has a deployment take new sessions or not, also those that ask for
// it by its request id. Deployments are joinable at first. It is an error if
// there is no such deployment.
func (s *Server) SetJoinable(requestID string, joinable bool) error {
	return s.emulator.SetJoinable(requestID, joinable)
}

// EndDeployment has a deployment end at once. Its sessions end in Error, or as
// Unknown.EndedStatus says, and can be read for App.SessionMaxDuration more. It is
// an error if there is no such deployment.
func (s *Server) EndDeployment(requestID string) error { return s.emulator.EndDeployment(requestID) }
