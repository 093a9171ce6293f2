package sessionstest_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func ExampleOption() {
	// What all tests of a backend have in common.
	ours := func(more ...sessionstest.Option) *sessionstest.Server {
		return sessionstest.NewServer(append([]sessionstest.Option{
			sessionstest.WithApp(sessionstest.App{Name: "arena", Version: "1.4.0"}),
			sessionstest.WithReadyAfter(0),
		}, more...)...)
	}
	srv := ours(sessionstest.WithKey("0f3a"))
	defer srv.Close()

	created, err := srv.Client().Create(ctx, arena)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(created.Version)
	// Output: 1.4.0
}

func ExampleWithApp() {
	srv := sessionstest.NewServer(
		sessionstest.WithApp(sessionstest.App{Name: "arena", Version: "1.4.0", Sockets: 2}),
		sessionstest.WithApp(sessionstest.App{Name: "arena", Version: "1.3.0", Disabled: true}),
	)
	defer srv.Close()
	client := srv.Client()

	for _, version := range []string{"1.4.0", "1.3.0", "1.2.0"} {
		_, err := client.Create(ctx, sessions.CreateRequest{AppName: "arena", VersionName: version})
		fmt.Println(version, err)
	}
	// Output:
	// 1.4.0 <nil>
	// 1.3.0 sessions: session-post: 400 Bad Request: version_name: the app version is not active
	// 1.2.0 sessions: session-post: 400 Bad Request: app_name: there is no such app, or it has no such version
}

func ExampleApp() {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0), sessionstest.WithApp(sessionstest.App{
		Name:  "arena",
		Kind:  sessions.KindMatch, // one socket for a session, however many play
		Ports: map[string]sessions.Port{"web": {Internal: 80, Protocol: "WSS"}},
	}))
	defer srv.Close()

	s, err := srv.Client().CreateAndWait(ctx, arena)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.UserCount, "players on", srv.Deployments()[0].SocketsUsed, "socket")
	fmt.Println(s.Deployment.Ports["web"].Protocol)
	// Output:
	// 2 players on 1 socket
	// WSS
}

func ExampleWithKey() {
	srv := sessionstest.NewServer(sessionstest.WithKey("0f3a"))
	defer srv.Close()

	client, err := sessions.New("an-older-key", sessions.WithTransport(srv.Transport()))
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Create(ctx, arena)
	fmt.Println(errors.Is(err, sessions.ErrUnauthorized))
	// Output: true
}

func ExampleWithRateLimit() {
	srv := sessionstest.NewServer(sessionstest.WithRateLimit(0.1, 2, 1500*time.Millisecond))
	defer srv.Close()
	client := srv.Client(sessions.WithRetry(sessions.RetryPolicy{})) // which else waits it out

	var err error
	for range 3 {
		_, err = client.Create(ctx, arena)
	}
	fmt.Println(err)
	// Output: sessions: session-post: 429 Too Many Requests, retry after 2s: too many requests
}

func ExampleWithUnknown() {
	// What a create for an app that is not there is answered is inferred: be safe under both.
	for _, answer := range []int{400, 404} {
		srv := sessionstest.NewServer(
			sessionstest.WithUnknown(sessionstest.Unknown{UnknownApp: answer}),
			sessionstest.WithApp(sessionstest.App{Name: "chess"}))
		_, err := seat(ctx, srv.Client(), "203.0.113.7")
		srv.Close()

		var refused *sessions.Error
		fmt.Println(errors.As(err, &refused), refused.StatusCode)
	}
	// Output:
	// true 400
	// true 404
}
