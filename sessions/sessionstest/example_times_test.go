package sessionstest_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func ExampleWithReadyAfter() {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()

	s, err := srv.Client().CreateAndWait(ctx, arena) // the first read finds it Ready
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Ready, len(srv.Requests()), "requests")
	// Output: true 2 requests
}

func ExampleWithReadyBetween() {
	srv := sessionstest.NewServer(sessionstest.WithReadyBetween(5*time.Millisecond, 20*time.Millisecond))
	defer srv.Close()

	s, err := srv.Client().CreateAndWait(ctx, arena, sessions.PollEvery(time.Millisecond, time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Ready)
	// Output: true
}

func ExampleWithTimes() {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(time.Minute), sessionstest.WithTimes(sessionstest.Times{
		Initializing: -1, // not at all: it is Seeking at once
		Terminating:  -1, // gone with its delete
	}))
	defer srv.Close()
	client := srv.Client()

	created, err := client.Create(ctx, arena)
	if err != nil {
		log.Fatal(err)
	}
	s, err := client.Get(ctx, created.SessionID)
	fmt.Println(s.Status, err)
	_, err = client.Delete(ctx, created.SessionID)
	fmt.Println("deleted:", err == nil)
	_, err = client.Get(ctx, created.SessionID)
	fmt.Println("gone:", errors.Is(err, sessions.ErrNotFound))
	// Output:
	// Seeking <nil>
	// deleted: true
	// gone: true
}

func ExampleWithSeed() {
	id := func(seed uint64) string {
		srv := sessionstest.NewServer(sessionstest.WithSeed(seed))
		defer srv.Close()
		created, err := srv.Client().Create(ctx, arena)
		if err != nil {
			log.Fatal(err)
		}
		return created.SessionID
	}
	first, again, other := id(7), id(7), id(8)
	fmt.Println(first == again, first == other)
	// Output: true false
}
