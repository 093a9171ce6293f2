package sessionstest_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func ExampleWithWebhooks() {
	mux := http.NewServeMux() // of the program under test
	srv := sessionstest.NewServer(sessionstest.WithWebhooks(mux), sessionstest.WithReadyAfter(0))
	defer srv.Close()
	client := srv.Client()
	mux.Handle("/hook", client.WebhookHandler("s3cret", func(_ context.Context, s *sessions.Session) error {
		fmt.Println(s.Status)
		return nil
	}))

	hook, err := sessions.WebhookURL("https://match.example/hook", "s3cret")
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Create(ctx, sessions.CreateRequest{AppName: "arena", WebhookURL: hook})
	if err != nil {
		log.Fatal(err)
	}
	_, err = srv.WaitWebhooks(ctx, 1)
	fmt.Println(err)
	// Output:
	// Ready
	// <nil>
}

func ExampleServer_WaitWebhooks() {
	// Without WithWebhooks they go out by HTTP, to loopback.
	receiver := httptest.NewServer(http.NotFoundHandler())
	defer receiver.Close()
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()

	_, err := srv.Client().Create(ctx, sessions.CreateRequest{AppName: "arena", WebhookURL: receiver.URL + "/hook"})
	if err != nil {
		log.Fatal(err)
	}
	sent, err := srv.WaitWebhooks(ctx, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sent[0].Status, "was answered", sent[0].Answer)
	// Output: Ready was answered 404
}

func ExampleServer_Webhooks() {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()

	_, err := srv.Client().Create(ctx, sessions.CreateRequest{AppName: "arena", WebhookURL: "https://match.example/hook"})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := srv.WaitWebhooks(ctx, 1); err != nil {
		log.Fatal(err)
	}
	for _, w := range srv.Webhooks() {
		fmt.Println(w.Status, w.Answer, w.Problem) // nothing leaves the machine
	}
	// Output: Ready 0 the host is not loopback
}
