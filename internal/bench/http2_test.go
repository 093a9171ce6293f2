package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// TestHTTP2 has more goroutines than a connection has streams and than there
// may be connections: MaxConnsPerHost must not starve them.
func TestHTTP2(t *testing.T) {
	session := encode(aSession())
	var old atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			old.Add(1)
		}
		answer(w, session)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()

	transport := sessions.NewTransport()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	c, err := sessions.New(key, sessions.WithBaseURL(server.URL), sessions.WithTransport(transport))
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseIdleConnections()
	var all sync.WaitGroup
	for range 256 {
		all.Go(func() {
			for range 20 {
				if _, err := c.Get(t.Context(), sessionID); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if n := old.Load(); n > 0 {
		t.Errorf("%d requests did not come over HTTP/2", n)
	}
}
