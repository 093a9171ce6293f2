package sessionstest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func ExampleServer_FailNext() {
	srv := sessionstest.NewServer()
	defer srv.Close()

	// The session is created, but the answer never arrives.
	srv.FailNext(sessionstest.Fault{Operation: "session-post", Break: "reset", Done: true})
	_, err := srv.Client().Create(ctx, arena)
	fmt.Println("nobody can tell:", errors.Is(err, sessions.ErrOutcomeUnknown))
	fmt.Println("sessions:", len(srv.Sessions()))
	// Output:
	// nobody can tell: true
	// sessions: 1
}

// The client tries a read again, so one 503 is survived and three are not.
func ExampleServer_FailNext_retried() {
	srv := sessionstest.NewServer()
	defer srv.Close()
	client := srv.Client(sessions.WithRetry(sessions.RetryPolicy{Attempts: 3, First: time.Millisecond, Most: time.Millisecond}))

	for _, times := range []int{1, 3} {
		srv.FailNext(sessionstest.Fault{Operation: "list-sessions", Status: 503, Times: times})
		_, err := client.List(ctx, sessions.ListOptions{})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// sessions: list-sessions: 503 Service Unavailable: a planned fault (attempt 3)
}

// A 429 that names a time is waited out: in a testing/synctest bubble at once,
// and here not at all, as it would pass the deadline.
func ExampleFault() {
	srv := sessionstest.NewServer()
	defer srv.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()

	srv.FailNext(sessionstest.Fault{
		Status:  429,
		Headers: map[string]string{"Retry-After": "30"},
		Body:    `{"message": "slow down"}`,
	})
	_, err := srv.Client().Create(ctx, arena)
	fmt.Println(err)
	// Output: sessions: session-post: 429 Too Many Requests, retry after 30s: slow down
}

// With a Share of 1 the API is down until the fault is forgotten.
func ExampleFault_outage() {
	srv := sessionstest.NewServer()
	defer srv.Close()
	client := srv.Client()

	srv.FailNext(sessionstest.Fault{Status: 500, Share: 1})
	for range 2 {
		_, err := client.Create(ctx, arena)
		fmt.Println("down:", errors.Is(err, sessions.ErrServer))
	}
	srv.ForgetFaults()
	_, err := client.Create(ctx, arena)
	fmt.Println("up:", err == nil)
	// Output:
	// down: true
	// down: true
	// up: true
}

func ExampleServer_ForgetFaults() {
	srv := sessionstest.NewServer()
	defer srv.Close()

	srv.FailNext(
		sessionstest.Fault{Operation: "session-post", Status: 403},
		sessionstest.Fault{Operation: "session-delete", Status: 403},
	)
	_, err := srv.Client().Create(ctx, arena)
	fmt.Println(errors.Is(err, sessions.ErrForbidden))

	// A test whose faults did not all strike has not shown what it is for.
	for _, f := range srv.ForgetFaults() {
		fmt.Println("never struck:", f.Operation)
	}
	// Output:
	// true
	// never struck: session-delete
}

func ExampleServer_SetStatus() {
	srv := sessionstest.NewServer()
	defer srv.Close()
	client := srv.Client()
	created, err := client.Create(ctx, arena)
	if err != nil {
		log.Fatal(err)
	}

	if err := srv.SetStatus(created.SessionID, sessions.StatusError); err != nil {
		log.Fatal(err)
	}
	_, err = client.WaitReady(ctx, created.SessionID)
	fmt.Println(err)
	// Output: sessions: session 2ac77b5af679-S ended in Error: the deployment failed
}
