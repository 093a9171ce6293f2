package limiter_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"golang.org/x/time/rate"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func Example() {
	// It stands in for the API, and answers 429 to more than 100 requests a
	// second: a bucket that holds 40.
	srv := sessionstest.NewServer(sessionstest.WithRateLimit(100, 40, time.Second))
	defer srv.Close()

	// One limiter for all clients of a process, with less of a burst than the
	// bucket holds.
	limiter := rate.NewLimiter(100, 20)
	c := srv.Client(sessions.WithLimiter(limiter)) // else sessions.New(key, sessions.WithLimiter(limiter))

	for range 60 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := c.Create(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
		cancel()
		if err != nil {
			log.Fatal(err)
		}
	}

	refused := 0
	for _, r := range srv.Requests() {
		if r.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	fmt.Println(len(srv.Sessions()), "sessions,", refused, "refused requests")
	// Output: 60 sessions, 0 refused requests
}
