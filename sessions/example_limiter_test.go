package sessions_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// every is a limiter that lets one request go at each tick.
type every <-chan time.Time

func (e every) Wait(ctx context.Context) error {
	select {
	case <-e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A limiter is anything with a Wait. One with a burst is in examples/limiter.
func ExampleWithLimiter() {
	server := sessionstest.NewServer()
	defer server.Close()
	begin := time.Now()
	client := server.Client(sessions.WithLimiter(every(time.Tick(10 * time.Millisecond)))) // 100 a second

	for range 5 {
		if _, err := client.List(context.Background(), sessions.ListOptions{}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println("paced:", time.Since(begin) >= 50*time.Millisecond)
	// Output: paced: true
}
