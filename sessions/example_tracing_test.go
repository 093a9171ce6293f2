package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// traced is a transport that tells of each request that passes through it. Where
// it prints, a span begins and ends. It leaves alone what may hold a secret: the
// URL, the headers and the bodies.
type traced struct{ next http.RoundTripper }

func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	name := sessions.Operation(r.Context())
	fmt.Println("begin", name)
	res, err := t.next.RoundTrip(r)
	if err != nil {
		fmt.Println("end", name, "without an answer")
		return nil, err
	}
	fmt.Println("end", name, res.StatusCode)
	return res, nil
}

func ExampleWithTransport() {
	server := sessionstest.NewServer()
	defer server.Close()
	next := server.Transport() // in a program: sessions.NewTransport()
	client := server.Client(sessions.WithTransport(traced{next}))

	_, err := client.Get(context.Background(), "no-such-session")
	fmt.Println(errors.Is(err, sessions.ErrNotFound))
	// Output:
	// begin get-session
	// end get-session 404
	// true
}
