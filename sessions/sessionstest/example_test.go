package sessionstest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// t stands for the *testing.T of a test.
var t sessionstest.TB = exampleT{}

type exampleT struct{}

func (exampleT) Helper()                           {}
func (exampleT) Cleanup(func())                    {}
func (exampleT) Failed() bool                      { return false }
func (exampleT) Logf(format string, args ...any)   { fmt.Printf(format+"\n", args...) }
func (exampleT) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (exampleT) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

var (
	ctx     = context.Background()
	request = sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7", "203.0.113.8"}}
)

// A test of a matchmaker gives it the client of a fake. At the end, Sessions shows
// what was not deleted.
func Example() {
	srv := sessionstest.NewServer(t, sessionstest.WithReadyAfter(0))
	client := srv.Client()

	s, err := client.CreateAndWait(ctx, request)
	if err != nil {
		t.Fatalf("CreateAndWait: %v", err)
	}
	fmt.Println(s.Status, s.UserCount)
	fmt.Println("not deleted:", len(srv.Sessions()))
	if err := client.Delete(ctx, s.SessionID); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	fmt.Println("not deleted:", len(srv.Sessions()))
	// Output:
	// Ready 2
	// not deleted: 1
	// not deleted: 0
}

// Without autodeploy a session needs a deployment with enough free sockets.
func ExampleWithApp() {
	srv := sessionstest.NewServer(t, sessionstest.WithReadyAfter(0),
		sessionstest.WithApp(sessionstest.App{Name: "arena", Version: "1.4", Sockets: 3, NoAutodeploy: true}))
	client := srv.Client()
	if _, err := srv.Deploy(sessionstest.DeployRequest{AppName: "arena"}); err != nil {
		t.Fatalf("Deploy: %v", err)
	}

	for range 2 {
		_, err := client.CreateAndWait(ctx, request)
		if failed := (*sessions.SessionFailedError)(nil); errors.As(err, &failed) {
			fmt.Println(failed.Session.Status)
		}
	}
	fmt.Println("used sockets:", srv.Deployments()[0].SocketsUsage)
	// Output:
	// Unprocessable
	// used sockets: 2
}

// Each request takes the first planned fault that matches its operation.
func ExampleServer_FailNext() {
	srv := sessionstest.NewServer(t)
	client := srv.Client(sessions.WithMaxRateLimitWait(0))

	srv.FailNext(
		sessionstest.Fault{Operation: sessionstest.OpCreate, Status: http.StatusConflict},
		sessionstest.RateLimited(30*time.Second),
	)
	for range 2 {
		_, err := client.Create(ctx, request)
		failure := &sessions.Error{}
		if errors.As(err, &failure) {
			fmt.Println(failure.StatusCode, errors.Is(err, sessions.ErrRateLimited), failure.RetryAfter)
		}
	}
	_, err := client.Create(ctx, request)
	fmt.Println(err)
	// Output:
	// 409 false 0s
	// 429 true 30s
	// <nil>
}

// After a lost response nobody knows whether there is a session. The fake knows.
func ExampleResponseLost() {
	srv := sessionstest.NewServer(t)

	srv.FailNext(sessionstest.ResponseLost())
	_, err := srv.Client().Create(ctx, request)
	fmt.Println(errors.Is(err, sessions.ErrOutcomeUnknown))
	fmt.Println("sessions:", len(srv.Sessions()))
	// Output:
	// true
	// sessions: 1
}

// SetStatus puts a session into any status.
func ExampleServer_SetStatus() {
	srv := sessionstest.NewServer(t, sessionstest.WithReadyAfter(time.Hour))
	client := srv.Client()

	created, err := client.Create(ctx, request)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	if err := srv.SetStatus(created.SessionID, sessions.StatusError); err != nil {
		t.Fatalf("SetStatus: %v", err)
	}
	_, err = client.WaitReady(ctx, created.SessionID)
	failed := &sessions.SessionFailedError{}
	fmt.Println(errors.As(err, &failed), failed.Session.Status)
	// Output:
	// true Error
}

// Webhooks are sent to a handler in memory. SendWebhook sends one more, as an API
// may do that is late or repeats itself.
func ExampleWithWebhooks() {
	references := make(chan string, 3)
	srv := sessionstest.NewServer(t, sessionstest.WithReadyAfter(0),
		sessionstest.WithAssumptions(sessionstest.Assumptions{NoReadyWebhook: true}),
		sessionstest.WithWebhooks(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			references <- r.URL.Query().Get("ref")
		})))
	client := srv.Client()
	hooks, err := client.Webhooks("https://match.example/hook", "0123456789abcdef0123456789abcdef")
	if err != nil {
		t.Fatalf("Webhooks: %v", err)
	}

	request := request
	request.WebhookURL = hooks.URL("match-1")
	created, err := client.Create(ctx, request)
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	fmt.Println(<-references)
	if err := srv.SendWebhook(created.SessionID); err != nil {
		t.Fatalf("SendWebhook: %v", err)
	}
	fmt.Println(<-references)
	// Output:
	// match-1
	// match-1
}

// A program should pass its tests under each answer to what is unknown about the
// API.
func ExampleWithAssumptions() {
	for _, a := range []sessionstest.Assumptions{
		{},
		{Nulls: true, CountsAsStrings: true, SessionEnumNames: true, LinksWithScheme: true, ExtraFields: true},
	} {
		srv := sessionstest.NewServer(t, sessionstest.WithReadyAfter(0), sessionstest.WithAssumptions(a))
		s, err := srv.Client().CreateAndWait(ctx, request)
		if err != nil {
			t.Fatalf("CreateAndWait: %v", err)
		}
		address, err := s.Endpoint("gameport")
		fmt.Println(s.Status, s.UserCount, address != "", err)
	}
	// Output:
	// Ready 2 true <nil>
	// Ready 2 true <nil>
}

// A client in another process, or in another language, calls the fake over HTTP.
func ExampleServer_URL() {
	srv, err := sessionstest.New(sessionstest.WithKey("secret"))
	if err != nil {
		panic(err)
	}
	defer srv.Close()

	client, err := sessions.New("wrong", sessions.WithBaseURL(srv.URL()))
	if err != nil {
		panic(err)
	}
	_, err = client.List(ctx, sessions.ListOptions{})
	fmt.Println(errors.Is(err, sessions.ErrUnauthorized))
	for _, r := range srv.Requests() {
		fmt.Println(r.Operation == sessionstest.OpList, r.Status)
	}
	// Output:
	// true
	// true 401
}
