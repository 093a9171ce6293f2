package sessionstest_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestExtraFields(t *testing.T) {
	fake := sessionstest.NewServer(t, sessionstest.WithReadyAfter(0),
		sessionstest.WithAssumptions(sessionstest.Assumptions{ExtraFields: true}))
	var body []byte
	client, err := sessions.New("key", sessions.WithBaseURL(fake.URL()), sessions.WithTransport(roundTripper(
		func(r *http.Request) (*http.Response, error) {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err == nil {
				body, err = io.ReadAll(resp.Body)
				resp.Body = io.NopCloser(bytes.NewReader(body))
			}
			return resp, err
		})))
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.CreateAndWait(t.Context(), sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
	if err != nil {
		t.Fatal(err)
	}
	// The session, its two lists of one user, its deployment, the location and a port.
	if got := bytes.Count(body, []byte(`"unknown_field":`)); got != 6 {
		t.Errorf("%d objects have an extra field, want 6: %s", got, body)
	}
	if address, err := s.Endpoint("gameport"); err != nil || address == "" {
		t.Errorf("Endpoint = %q, %v", address, err)
	}
}
