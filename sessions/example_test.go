package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// The whole life of a session.
func Example() {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(0)) // it stands in for the API
	defer server.Close()
	client := server.Client() // in a program: sessions.NewFromEnv()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{
		AppName: "arena",
		IPList:  []string{"203.0.113.7", "198.51.100.23"},
	})
	if err != nil {
		log.Fatal(err) // no session is left behind, or the error is ErrNotDeleted
	}
	defer func() { // when the match is over, and even if ctx is
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, err := client.Delete(ctx, s.SessionID)
		fmt.Println("deleted:", err == nil)
	}()

	address, err := sessions.Endpoint(s, "gameport")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.UserCount, "players have an address to connect to:", address != "")
	// Output:
	// 2 players have an address to connect to: true
	// deleted: true
}

// What to do depends on what happened.
func ExampleClient_CreateAndWait() {
	server := sessionstest.NewServer(
		sessionstest.WithApp(sessionstest.App{Name: "arena", NoAutodeploy: true}), sessionstest.WithReadyAfter(0))
	defer server.Close()
	client := server.Client()
	ctx := context.Background()

	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
	var failed *sessions.FailedError
	switch {
	case err == nil:
		fmt.Println("play on", s.SessionID)
	case errors.Is(err, sessions.ErrNotDeleted):
		fmt.Println("to be deleted later:", s.SessionID)
	case errors.Is(err, sessions.ErrOutcomeUnknown):
		fmt.Println("it may be there: look for its webhook URL in the list")
	case errors.As(err, &failed) && sessions.StatusIs(failed.Session.Status, sessions.StatusUnprocessable):
		fmt.Println("no server has room: try another version or region")
	case errors.As(err, &failed):
		fmt.Println("the server failed:", failed.Session.Error)
	case ctx.Err() != nil:
		fmt.Println("called off:", context.Cause(ctx))
	default:
		fmt.Println(err)
	}
	// Output: no server has room: try another version or region
}

func ExampleClient_WaitReady() {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer server.Close()
	client := server.Client()
	ctx := context.Background()

	created, err := client.Create(ctx, sessions.CreateRequest{AppName: "arena"})
	if err != nil {
		log.Fatal(err)
	}
	s, err := client.WaitReady(ctx, created.SessionID,
		sessions.PollEvery(time.Second, 10*time.Second),
		sessions.OnChange(func(s *sessions.Session) { fmt.Println("now", s.Status) }))
	if err != nil {
		log.Fatal(err) // the session is still there
	}
	fmt.Println(s.Ready)
	// Output:
	// now Ready
	// true
}

func ExampleClient_All() {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer server.Close()
	client := server.Client()
	ctx := context.Background()
	for range 25 {
		if _, err := client.Create(ctx, sessions.CreateRequest{AppName: "arena"}); err != nil {
			log.Fatal(err)
		}
	}

	n := 0
	for s, err := range client.All(ctx, sessions.ListOptions{Limit: 10}) { // three pages
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

// Players come and go while a match goes on.
func ExampleClient_AddUsers() {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer server.Close()
	client := server.Client()
	ctx := context.Background()
	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
	if err != nil {
		log.Fatal(err)
	}

	users, err := client.AddUsers(ctx, s.SessionID, "203.0.113.8", "2001:db8::9")
	if errors.Is(err, sessions.ErrUnprocessable) {
		log.Fatal("no socket is free: create another session")
	} else if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(users), "players")

	users, err = client.RemoveUsers(ctx, s.SessionID, "203.0.113.7")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(users), "players")
	// Output:
	// 3 players
	// 2 players
}

func ExampleClient_BulkStop() {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer server.Close()
	client := server.Client()
	ctx := context.Background()
	var mine []string
	for range 3 {
		created, err := client.Create(ctx, sessions.CreateRequest{AppName: "arena"})
		if err != nil {
			log.Fatal(err)
		}
		mine = append(mine, created.SessionID)
	}

	// They are stopped for good: name what is yours, by id.
	stopped, err := client.BulkStop(ctx, sessions.StopIDs(mine...))
	if err != nil {
		log.Fatal(err) // if it is ErrOutcomeUnknown, see which of them the list still has
	}
	fmt.Println(len(stopped), "stopped")
	// Output: 3 stopped
}

// Errors are told apart by errors.Is, and tell more as an *Error.
func ExampleError() {
	server := sessionstest.NewServer()
	defer server.Close()
	client := server.Client(sessions.WithRetry(sessions.RetryPolicy{})) // one attempt
	ctx := context.Background()
	server.FailNext(
		sessionstest.Fault{Status: 401}, sessionstest.Fault{Status: 404},
		sessionstest.Fault{Status: 429}, sessionstest.Fault{Status: 409, Body: `{"message":"not like this"}`},
	)

	for range 4 {
		_, err := client.Get(ctx, "950dd2eaff09-S")
		var e *sessions.Error
		switch {
		case errors.Is(err, sessions.ErrUnauthorized):
			fmt.Println("check the key")
		case errors.Is(err, sessions.ErrNotFound), errors.Is(err, sessions.ErrGone):
			fmt.Println("it is gone")
		case errors.Is(err, sessions.ErrRateLimited), errors.Is(err, sessions.ErrServer):
			fmt.Println("call later")
		case errors.As(err, &e):
			fmt.Println(e.Operation, "is answered", e.StatusCode, e.Message)
		}
	}
	// Output:
	// check the key
	// it is gone
	// call later
	// get-session is answered 409 not like this
}

// A create may have been carried out although it failed. A webhook URL of its own
// shows in the list.
func ExampleClient_Create_outcomeUnknown() {
	server := sessionstest.NewServer()
	defer server.Close()
	client := server.Client()
	ctx := context.Background()
	// The session is made, and the answer is lost.
	server.FailNext(sessionstest.Fault{Operation: "session-post", Break: "reset", Done: true})

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

func ExampleEndpoint() {
	s := &sessions.Session{Deployment: &sessions.Deployment{Ports: map[string]sessions.Port{
		"gameport": {Link: "57f84a8e1298.pr.edgegap.net:31504"},
		"chat":     {Link: "https://57f84a8e1298.pr.edgegap.net:31900/room"},
	}}}
	for _, port := range []string{"gameport", "chat", "voice"} {
		address, err := sessions.Endpoint(s, port)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(address)
	}
	// Output:
	// 57f84a8e1298.pr.edgegap.net:31504
	// 57f84a8e1298.pr.edgegap.net:31900
	// sessions: endpoint: no port "voice": the ports are chat, gameport
}

func ExampleCreatedAt() {
	created, err := sessions.CreatedAt(&sessions.Session{CreateTime: "2024-05-26 12:00:45.831041"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(created.Format(time.RFC3339))
	// Output: 2024-05-26T12:00:45Z
}
