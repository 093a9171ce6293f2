package sessionstest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"syscall"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// ctx stands for t.Context() of a test.
var ctx = context.Background()

// arena is a create that any server of these examples takes.
var arena = sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7", "198.51.100.23"}}

func Example() {
	srv := sessionstest.NewServer(
		sessionstest.WithApp(sessionstest.App{Name: "arena", Sockets: 2}),
		sessionstest.WithReadyAfter(0), // or in a testing/synctest bubble, where waiting takes no time
	)
	defer srv.Close()
	client := srv.Client()

	address, err := seat(ctx, client, "203.0.113.7", "198.51.100.23")
	fmt.Println(address, err)

	// Three players, but a deployment has two sockets.
	_, err = seat(ctx, client, "203.0.113.7", "198.51.100.23", "192.0.2.40")
	fmt.Println(err)

	fmt.Println("sessions left:", len(srv.Sessions()))
	// Output:
	// 2ccdfb9482a2.deployments.example:33600 <nil>
	// sessions: session e8151ca30cac-S ended in Unprocessable: the session needs more sockets than a deployment has
	// sessions left: 1
}

func ExampleNewServer() {
	srv := sessionstest.NewServer()
	defer srv.Close()

	created, err := srv.Client().Create(ctx, sessions.CreateRequest{AppName: "any", VersionName: "1.4.0"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(created.App, created.Version)
	// Output: any 1.4.0
}

func ExampleServer_Client() {
	srv := sessionstest.NewServer()
	defer srv.Close()

	// The options of the program under test hold for its tests, too.
	client := srv.Client(sessions.WithUserAgent("matchmaker/1.4"), sessions.WithRetry(sessions.RetryPolicy{Attempts: 5}))

	page, err := client.List(ctx, sessions.ListOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(page.Total)
	// Output: 0
}

// traced counts what passes through it, as a program's own transport might.
type traced struct {
	next     http.RoundTripper
	requests int
}

func (t *traced) RoundTrip(r *http.Request) (*http.Response, error) {
	t.requests++
	return t.next.RoundTrip(r)
}

func ExampleServer_Transport() {
	srv := sessionstest.NewServer()
	defer srv.Close()

	transport := &traced{next: srv.Transport()}
	client := srv.Client(sessions.WithTransport(transport))
	if _, err := client.Create(ctx, arena); err != nil {
		log.Fatal(err)
	}
	fmt.Println("requests:", transport.requests)
	// Output: requests: 1
}

func ExampleServer_URL() {
	srv := sessionstest.NewServer(sessionstest.WithKey("0f3a"), sessionstest.WithReadyAfter(0))
	defer srv.Close()

	// A program under test would get these two from its environment.
	client, err := sessions.New("0f3a", sessions.WithBaseURL(srv.URL()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseIdleConnections()
	s, err := client.CreateAndWait(ctx, arena)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Status, "and in the server:", srv.Sessions()[0].Status)
	// Output: Ready and in the server: Ready
}

func ExampleServer_Close() {
	srv := sessionstest.NewServer()
	client := srv.Client(sessions.WithRetry(sessions.RetryPolicy{})) // one attempt
	srv.Close()

	_, err := client.Create(ctx, arena)
	fmt.Println("refused:", errors.Is(err, syscall.ECONNREFUSED))
	fmt.Println("perhaps created:", errors.Is(err, sessions.ErrOutcomeUnknown))
	// Output:
	// refused: true
	// perhaps created: false
}
