package sessionstest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// seat stands for the code under test: it gives players an address to connect
// to, and leaves nothing behind when it can't.
func seat(ctx context.Context, client *sessions.Client, players ...string) (address string, err error) {
	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: players})
	if err != nil {
		return "", err
	}
	return sessions.Endpoint(s, "gameport")
}

func Example() {
	srv := sessionstest.NewServer(
		sessionstest.WithApp(sessionstest.App{Name: "arena", Sockets: 2}),
		sessionstest.WithReadyAfter(0), // or in a testing/synctest bubble, where waiting takes no time
	)
	defer srv.Close()
	ctx, client := context.Background(), srv.Client()

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

func ExampleServer_FailNext() {
	srv := sessionstest.NewServer()
	defer srv.Close()
	client := srv.Client()

	// The session is created, but the answer never arrives.
	err := srv.FailNext(sessionstest.Fault{Operation: "session-post", Break: "reset", Done: true})
	if err != nil {
		panic(err)
	}
	_, err = client.Create(context.Background(), sessions.CreateRequest{AppName: "arena"})
	fmt.Println("nobody can tell:", errors.Is(err, sessions.ErrOutcomeUnknown))
	fmt.Println("sessions:", len(srv.Sessions()))
	// Output:
	// nobody can tell: true
	// sessions: 1
}

func ExampleWithWebhooks() {
	mux := http.NewServeMux()
	srv := sessionstest.NewServer(sessionstest.WithWebhooks(mux), sessionstest.WithReadyAfter(0))
	defer srv.Close()
	client := srv.Client()
	ready := make(chan string)
	mux.Handle("/hook", client.WebhookHandler("s3cret", func(_ context.Context, s *sessions.Session) error {
		ready <- s.Status
		return nil
	}))

	hook, err := sessions.WebhookURL("https://match.example/hook", "s3cret")
	if err != nil {
		panic(err)
	}
	_, err = client.Create(context.Background(), sessions.CreateRequest{AppName: "arena", WebhookURL: hook})
	if err != nil {
		panic(err)
	}
	fmt.Println(<-ready)
	// Output: Ready
}
