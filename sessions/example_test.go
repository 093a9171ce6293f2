package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// The fake stands in for the API in these examples. In a program the client
// comes from New or NewFromEnv.
func fake() (*sessionstest.Server, *sessions.Client) {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	return server, server.Client()
}

func ExampleNew() {
	client, err := sessions.New("token 0f3a…",
		sessions.WithTimeout(10*time.Second),
		sessions.WithUserAgent("matchmaker/1.4"))
	fmt.Println(client, err)
	// Output: <nil> sessions: invalid argument: the API key has a character that is not visible ASCII
}

func ExampleClient_CreateAndWait() {
	server, client := fake()
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{
		AppName: "arena",
		IPList:  []string{"203.0.113.7", "198.51.100.23"},
	})
	var failed *sessions.FailedError
	switch {
	case errors.As(err, &failed):
		log.Fatal("no server for these players: ", failed) // another region or version may have room
	case errors.Is(err, sessions.ErrOutcomeUnknown):
		log.Fatal("there may be a session: ", err) // look for its webhook URL in the list
	case err != nil:
		log.Fatal(err)
	}
	address, err := sessions.Endpoint(s, "gameport")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Status, s.UserCount, strings.Contains(address, ":"))
	// Output: Ready 2 true
}

func ExampleClient_WaitReady() {
	server, client := fake()
	defer server.Close()
	ctx := context.Background()

	created, err := client.Create(ctx, sessions.CreateRequest{AppName: "arena"})
	if err != nil {
		log.Fatal(err)
	}
	s, err := client.WaitReady(ctx, created.SessionID,
		sessions.PollEvery(time.Second, 10*time.Second),
		sessions.OnChange(func(s *sessions.Session) { fmt.Println("now", s.Status) }))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Ready)
	// Output:
	// now Ready
	// true
}

func ExampleClient_All() {
	server, client := fake()
	defer server.Close()
	ctx := context.Background()
	for range 25 {
		if _, err := client.Create(ctx, sessions.CreateRequest{AppName: "arena"}); err != nil {
			log.Fatal(err)
		}
	}

	n := 0
	for s, err := range client.All(ctx, sessions.ListOptions{Limit: 10}) {
		if err != nil {
			log.Fatal(err) // yielded once; the walk is over
		}
		if s.Ready {
			n++
		}
	}
	fmt.Println(n, "ready")
	// Output: 25 ready
}

func ExampleClient_BulkStop() {
	server, client := fake()
	defer server.Close()
	ctx := context.Background()
	created, err := client.Create(ctx, sessions.CreateRequest{AppName: "arena"})
	if err != nil {
		log.Fatal(err)
	}

	// Stopped for good: name what is yours, by id.
	stopped, err := client.BulkStop(ctx, sessions.StopIDs(created.SessionID))
	fmt.Println(len(stopped), err)
	// Output: 1 <nil>
}

func ExampleClient_WebhookHandler() {
	server, client := fake()
	defer server.Close()
	ctx := context.Background()

	const secret = "one-that-is-for-nothing-else"
	hook := httptest.NewServer(client.WebhookHandler(secret, func(_ context.Context, s *sessions.Session) error {
		fmt.Println("the API says", s.Status)
		return nil // the sender is answered 204
	}))
	defer hook.Close()

	created, err := client.Create(ctx, sessions.CreateRequest{AppName: "arena"}) // with WebhookURL: url
	if err != nil {
		log.Fatal(err)
	}
	url, err := sessions.WebhookURL(hook.URL, secret)
	if err != nil {
		log.Fatal(err)
	}
	// Whatever the body says, the session is read through the API.
	body := strings.NewReader(`{"session_id":"` + created.SessionID + `","status":"Error"}`)
	res, err := http.Post(url, "application/json", body)
	if err != nil {
		log.Fatal(err)
	}
	res.Body.Close()
	fmt.Println("the sender is answered", res.StatusCode)
	// Output:
	// the API says Ready
	// the sender is answered 204
}

// spans is a transport that names what passes through it.
type spans struct{ next http.RoundTripper }

func (s spans) RoundTrip(r *http.Request) (*http.Response, error) {
	fmt.Println("span", sessions.Operation(r.Context()))
	return s.next.RoundTrip(r)
}

func ExampleWithTransport() {
	server, _ := fake()
	defer server.Close()
	client := server.Client(sessions.WithTransport(spans{server.Transport()}))

	_, err := client.Get(context.Background(), "no-such-session")
	fmt.Println(errors.Is(err, sessions.ErrNotFound))
	// Output:
	// span get-session
	// true
}

func ExampleErrOutcomeUnknown() {
	server, client := fake()
	defer server.Close()
	ctx := context.Background()
	// The session is made, and the answer is lost.
	if err := server.FailNext(sessionstest.Fault{Operation: "session-post", Break: "reset", Done: true}); err != nil {
		log.Fatal(err)
	}

	request := sessions.CreateRequest{AppName: "arena", WebhookURL: "https://match.example.com/hook?match=7"}
	_, err := client.Create(ctx, request)
	if errors.Is(err, sessions.ErrOutcomeUnknown) {
		for s, err := range client.All(ctx, sessions.ListOptions{}) {
			if err != nil {
				log.Fatal(err)
			}
			if s.WebhookURL == request.WebhookURL {
				fmt.Println("it was created")
			}
		}
	}
	// Output: it was created
}
