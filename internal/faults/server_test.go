package faults_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// server reads requests like a good one, and answers as it is told: an answer
// writes bytes to a connection, so that nothing holds it to HTTP. It keeps
// account of requests and connections.
type server struct {
	url     string
	address string
	roots   *x509.CertPool // trusts it, when it speaks TLS

	mu       sync.Mutex
	answer   answer
	requests []request
	accepted int
	open     map[net.Conn]bool
	closed   *sync.Cond
}

// answer answers r, and reports whether the connection can be used again.
type answer func(c net.Conn, r request) bool

// request is one that arrived whole.
type request struct {
	method, target string // the target as it was on the wire
	header         http.Header
	body           []byte
}

// newServer listens on loopback. When the test is over, every connection must
// have been closed by the client, and none of its goroutines be left.
func newServer(t *testing.T) *server {
	t.Helper()
	return serve(t, listen(t), "http://")
}

// newTLSServer is newServer over TLS, for 127.0.0.1 and example.com.
func newTLSServer(t *testing.T) *server {
	t.Helper()
	config, roots := certificate(t)
	s := serve(t, tls.NewListener(listen(t), config), "https://")
	s.roots = roots
	return s
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// certificate borrows the certificate of net/http/httptest.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	defer s.Close()
	return &tls.Config{Certificates: s.TLS.Certificates},
		s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
}

func serve(t *testing.T, l net.Listener, scheme string) *server {
	s := &server{url: scheme + l.Addr().String(), address: l.Addr().String(), open: make(map[net.Conn]bool)}
	s.closed = sync.NewCond(&s.mu)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.accepted++
			s.open[c] = true
			s.mu.Unlock()
			go s.connection(c)
		}
	}()
	t.Cleanup(func() {
		s.assertClosed(t)
		l.Close()
		assertGone(t)
	})
	return s
}

func (s *server) connection(c net.Conn) {
	defer func() {
		c.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, c)
		s.closed.Broadcast()
	}()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		arrived := request{r.Method, r.RequestURI, r.Header, body}
		s.mu.Lock()
		s.requests = append(s.requests, arrived)
		answer := s.answer
		s.mu.Unlock()
		if !answer(c, arrived) {
			return
		}
	}
}

// assertClosed waits until the client has closed every connection.
func (s *server) assertClosed(t *testing.T) {
	t.Helper()
	late := time.AfterFunc(patience, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		t.Errorf("the client left %d of %d connections open", len(s.open), s.accepted)
		for c := range s.open {
			c.Close()
		}
	})
	defer late.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.open) > 0 {
		s.closed.Wait()
	}
}

// answers sets what follows, and forgets the requests so far.
func (s *server) answers(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.requests = a, nil
}

// arrived are the requests since answers.
func (s *server) arrived() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// connections is how many there ever were.
func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}

// say answers with text.
func say(text string) answer {
	return func(c net.Conn, _ request) bool {
		_, err := io.WriteString(c, text)
		return err == nil
	}
}

// hangUp answers with text and closes the connection.
func hangUp(text string) answer {
	return func(c net.Conn, _ request) bool {
		io.WriteString(c, text)
		return false
	}
}

// stall answers with text, and then with nothing until the client goes.
func stall(text string) answer {
	return func(c net.Conn, _ request) bool {
		io.WriteString(c, text)
		io.Copy(io.Discard, c)
		return false
	}
}

// repeated is s, over and over, in a block worth writing at once.
func repeated(s string) []byte {
	return bytes.Repeat([]byte(s), 1+(64<<10)/len(s))
}
