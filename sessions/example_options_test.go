package sessions_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// A bad key, and all bad options, are told at once, and without the key.
func ExampleNew() {
	client, err := sessions.New("token 0f3a…",
		sessions.WithTimeout(10*time.Second),
		sessions.WithUserAgent("matchmaker/1.4"),
		sessions.WithBaseURL("http://api.edgegap.com"))
	fmt.Println(client)
	fmt.Println(err)
	// Output:
	// <nil>
	// sessions: invalid argument: the API key has a character that is not visible ASCII; base URL: plain http would send the key in clear (loopback is fine; WithPlainHTTP allows other hosts)
}

func ExampleNewFromEnv() {
	server := sessionstest.NewServer()
	defer server.Close()
	// What the shell does for a program that talks to the API, or to an emulator:
	os.Unsetenv("EDGEGAP_API_KEY_FILE") // a file with the key, instead
	os.Setenv("EDGEGAP_API_KEY", "0f3a5e1c")
	os.Setenv("EDGEGAP_BASE_URL", server.URL())
	defer os.Unsetenv("EDGEGAP_API_KEY")
	defer os.Unsetenv("EDGEGAP_BASE_URL")

	client, err := sessions.NewFromEnv(sessions.WithUserAgent("matchmaker/1.4"))
	if err != nil {
		log.Fatal(err)
	}
	page, err := client.List(context.Background(), sessions.ListOptions{})
	if err != nil {
		log.Fatal(err) // ErrUnauthorized, if the API does not know the key
	}
	fmt.Println(page.Total, "sessions")
	// Output: 0 sessions
}

// This is all that is logged. No record tells who a player is.
func ExampleWithLogger() {
	server := sessionstest.NewServer()
	defer server.Close()
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "duration" { // differ each time
				return slog.Attr{}
			}
			return a
		},
	}))
	client := server.Client(sessions.WithLogger(logger))

	created, err := client.Create(context.Background(), sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
	if err != nil {
		log.Fatal(err)
	}
	client.Get(context.Background(), created.SessionID+"x")
	// Output:
	// level=DEBUG msg="sessions: attempt" operation=session-post attempt=1 status=200 next_delay=0s
	// level=DEBUG msg="sessions: attempt" operation=get-session attempt=1 status=404 next_delay=0s
}
