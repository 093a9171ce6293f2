package faults_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// redirects lead from https://example.com to everywhere that a key must not go.
var redirects = []struct{ name, target string }{
	{"another host", "https://example.net/v1/session"},
	{"another port", "https://example.com:8443/v1/session"},
	{"a subdomain", "https://api.example.com/v1/session"},
	{"http on the same host", "http://example.com/v1/session"},
	{"another host, without a scheme", "//example.net/v1/session"},
	{"the same server", "/v2/session"},
	{"the same URL", ""},
	{"what is no URL", "https://[::"},
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	source := newTLSServer(t)
	target := newServer(t)
	transport := sessions.NewTransport()
	transport.Proxy = nil
	transport.TLSClientConfig = &tls.Config{RootCAs: source.roots}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		to := target
		if address == "example.com:443" {
			to = source
		}
		return new(net.Dialer).DialContext(ctx, network, to.address)
	}
	c := newClient(t, "https://example.com", sessions.WithTransport(transport))
	for _, redirect := range redirects {
		for status := 300; status <= 308; status++ {
			body := "moved"
			if status == 304 {
				body = "" // must not have one
			}
			source.answers(say(reply(status, "Location: "+redirect.target+"\r\n", body)))
			for i, call := range calls {
				t.Run(fmt.Sprintf("%s/%d/%s", redirect.name, status, call.name), func(t *testing.T) {
					if e := fails(t, c, call, sessionID); e.StatusCode != status {
						t.Errorf("the status is %d", e.StatusCode)
					}
					if n := len(source.arrived()); n != i+1 {
						t.Errorf("%d requests arrived after %d calls", n, i+1)
					}
				})
			}
		}
	}
	// Not even a connection: a key could be in its first bytes.
	if n := target.connections(); n != 0 {
		t.Errorf("%d connections were opened to where the redirects lead", n)
	}
}

func redirectRows() (rows []row) {
	for _, r := range redirects {
		rows = append(rows, row{"300 to 308, to " + r.name, "`*Error` with the 3xx; one request, and none to the target"})
	}
	return rows
}
