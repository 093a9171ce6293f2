package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// newExampleServer returns a fake of the API, so that the examples can run.
func newExampleServer(opts ...sessionstest.Option) *sessionstest.Server {
	srv, err := sessionstest.New(append([]sessionstest.Option{sessionstest.WithReadyAfter(0)}, opts...)...)
	if err != nil {
		log.Fatal(err)
	}
	return srv
}

// createSessions creates n sessions and returns their ids.
func createSessions(client *sessions.Client, n int) (ids []string) {
	for range n {
		s, err := client.Create(context.Background(), sessions.CreateRequest{AppName: "arena"})
		if err != nil {
			log.Fatal(err)
		}
		ids = append(ids, s.SessionID)
	}
	return ids
}

// The players of a match get the address of a game server, and the session is deleted when the
// match is over.
func ExampleClient_CreateAndWait() {
	srv := newExampleServer()
	defer srv.Close()
	client := srv.Client() // instead of sessions.NewFromEnv()

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{
		AppName: "arena",
		IPList:  []string{"203.0.113.7", "198.51.100.23"},
	})
	if err != nil {
		log.Fatal(err)
	}
	address, err := s.Endpoint("gameport")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.UserCount, "players get the address:", address != "")

	// After the match, even if ctx is done by then:
	if err := client.Delete(context.Background(), s.SessionID); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(srv.Sessions()), "sessions left")
	// Output:
	// 2 players get the address: true
	// 0 sessions left
}

// What a matchmaker can do after each kind of error.
func ExampleClient_CreateAndWait_errors() {
	srv := newExampleServer(sessionstest.WithApp(sessionstest.App{Name: "arena", NoAutodeploy: true}))
	defer srv.Close()
	ctx := context.Background()

	_, err := srv.Client().CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena"})
	var e *sessions.Error
	var failed *sessions.SessionFailedError
	switch {
	case err == nil:
	case errors.Is(err, sessions.ErrCleanupFailed) && errors.As(err, &e):
		fmt.Println("delete it later:", e.SessionID)
	case errors.Is(err, sessions.ErrOutcomeUnknown):
		fmt.Println("a session may exist: Reclaim finds it by its reference")
	case errors.As(err, &failed) && failed.Session.Status == sessions.StatusUnprocessable:
		fmt.Println("no deployment has room: try another version or region")
	case errors.As(err, &failed):
		fmt.Println("the deployment failed:", failed.Session.Error)
	case ctx.Err() != nil:
		fmt.Println("the players have gone:", context.Cause(ctx))
	default:
		log.Fatal(err)
	}
	// Output: no deployment has room: try another version or region
}

// A matchmaker runs on two replicas. The API sends a webhook to one of them, which tells both.
func ExampleWebhooks() {
	webhooks := http.NewServeMux()
	srv := newExampleServer(sessionstest.WithReadyAfter(50*time.Millisecond), sessionstest.WithWebhooks(webhooks))
	defer srv.Close()
	slow := sessions.WithPollInterval(time.Hour, time.Hour) // so that only webhooks end the wait
	replicas := []*sessions.Client{srv.Client(slow), srv.Client(slow)}

	// On each replica. In a program, publish is a message to all replicas.
	publish := func(_ context.Context, id string) error {
		for _, client := range replicas {
			client.Notify(id)
		}
		return nil
	}
	hooks, err := replicas[0].Webhooks("https://match.example.com/hook", "the same secret on all replicas")
	if err != nil {
		log.Fatal(err)
	}
	webhooks.Handle("POST /hook", hooks.Handler(publish))

	// The replica that does not receive the webhook.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := replicas[1].CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", WebhookURL: hooks.URL("match-7")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sessions.Reference(s.WebhookURL), "is ready")
	// Output: match-7 is ready
}

// A matchmaker that has crashed left the session of match-1. To be safe while other replicas
// create sessions, each of them records a reference before it calls CreateAndWait.
func ExampleWebhooks_Reclaim() {
	srv := newExampleServer(sessionstest.WithWebhooks(http.NotFoundHandler()))
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	hooks, err := client.Webhooks("https://match.example.com/hook", "secret")
	if err != nil {
		log.Fatal(err)
	}
	for _, match := range []string{"match-1", "match-2"} {
		if _, err := client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", WebhookURL: hooks.URL(match)}); err != nil {
			log.Fatal(err)
		}
	}
	running := map[string]bool{"match-2": true} // in a program: a query of the database

	deleted, err := hooks.Reclaim(ctx, func(_ context.Context, reference string) (inUse bool, err error) {
		return running[reference], nil
	})
	if err != nil {
		log.Print(err) // some sessions are kept until the next call
	}
	fmt.Println(len(deleted), "deleted,", sessions.Reference(srv.Sessions()[0].WebhookURL), "is left")
	// Output: 1 deleted, match-2 is left
}

// Deleting a session moves the ones after it to earlier pages, so that the iteration would skip
// some: collect the ids first.
func ExampleClient_All() {
	srv := newExampleServer()
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	createSessions(client, 250)

	var ids []string
	for s, err := range client.All(ctx, sessions.ListOptions{}) {
		if err != nil {
			log.Fatal(err)
		}
		ids = append(ids, s.SessionID)
	}
	for _, id := range ids {
		if err := client.Delete(ctx, id); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(len(ids), "deleted,", len(srv.Sessions()), "left")
	// Output: 250 deleted, 0 left
}

// Filters are combined: this stops two sessions unless their deployment has the tag "ranked".
func ExampleClient_BulkStop() {
	srv := newExampleServer()
	defer srv.Close()
	client, ctx := srv.Client(), context.Background()
	ids := createSessions(client, 3)

	notRanked := sessions.StopByTag("ranked")
	notRanked.FilterType = sessions.FilterTypeNot
	stopped, err := client.BulkStop(ctx, sessions.StopByID(ids[0], ids[1]), notRanked)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(stopped), "stopped,", len(srv.Sessions()), "left")
	// Output: 2 stopped, 1 left
}

// everyInterval allows one request in each interval. A program would rather use rate.NewLimiter
// of golang.org/x/time/rate, which also allows bursts.
type everyInterval struct{ *time.Ticker }

func (l everyInterval) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.C:
		return nil
	}
}

func ExampleWithLimiter() {
	srv := newExampleServer()
	defer srv.Close()
	start := time.Now()
	client := srv.Client(sessions.WithLimiter(everyInterval{time.NewTicker(10 * time.Millisecond)}))

	for range 3 {
		if _, err := client.List(context.Background(), sessions.ListOptions{}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("at least 30 ms:", time.Since(start) >= 30*time.Millisecond)
	// Output: at least 30 ms: true
}

// tracingTransport prints the operation of each request. A program would start a span instead.
type tracingTransport struct{ http.RoundTripper }

func (t tracingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		fmt.Println(sessions.OperationFromContext(r.Context()), res.StatusCode)
	}
	return res, err
}

func ExampleOperationFromContext() {
	srv := newExampleServer()
	defer srv.Close()
	client := srv.Client(sessions.WithTransport(tracingTransport{srv.Transport()})) // instead of sessions.NewTransport()

	ids := createSessions(client, 1)
	srv.FailNext(sessionstest.Status(503))
	if _, err := client.Get(context.Background(), ids[0]); err != nil {
		log.Fatal(err)
	}
	// Output:
	// Create 200
	// Get 503
	// Get 200
}
