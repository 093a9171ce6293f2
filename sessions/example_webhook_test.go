package sessions_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// The API is given a URL with a secret, and tells it of the session. What the
// handler hands over was read through the API, whatever the body said.
func ExampleClient_WebhookHandler() {
	server := sessionstest.NewServer(sessionstest.WithReadyAfter(0)) // it sends webhooks, too
	defer server.Close()
	client := server.Client()

	const secret = "one-that-is-for-nothing-else"
	told := make(chan *sessions.Session, 10)
	mux := http.NewServeMux()
	mux.Handle("/edgegap", client.WebhookHandler(secret, func(_ context.Context, s *sessions.Session) error {
		told <- s
		return nil // the sender is answered 204
	}))
	hooks := httptest.NewServer(mux) // in a program: one that the API can reach
	defer hooks.Close()

	url, err := sessions.WebhookURL(hooks.URL+"/edgegap?match=7", secret)
	if err != nil {
		log.Fatal(err)
	}
	created, err := client.Create(context.Background(), sessions.CreateRequest{AppName: "arena", WebhookURL: url})
	if err != nil {
		log.Fatal(err)
	}
	s := <-told
	fmt.Println(s.SessionID == created.SessionID, s.Status)
	// Output: true Ready
}

func ExampleWebhookURL() {
	fmt.Println(sessions.WebhookURL("https://match.example.com/edgegap?match=7", "one-that-is-for-nothing-else"))
	// Output: https://match.example.com/edgegap?match=7&secret=one-that-is-for-nothing-else <nil>
}
