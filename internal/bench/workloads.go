package main

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

// result is what one process measured.
type result struct {
	Seconds     float64 // for one operation, on average
	Allocations float64 // of one operation
	Bytes       float64 // allocated by one operation
	Connections float64 // that the server saw opened, in all
	Rate        float64 // operations a second
	Peak        float64 // bytes of memory that the process held at most; the parent fills it in
}

// workloads are what a process can measure, by name.
var workloads = map[string]func(ctx context.Context, c contestant, url string) (result, error){
	"get": func(ctx context.Context, c contestant, _ string) (result, error) {
		return repeat(5_000, func() error { return c.get(ctx) })
	},
	"create": func(ctx context.Context, c contestant, _ string) (result, error) {
		return repeat(5_000, func() error { return c.create(ctx) })
	},
	"get before a deadline": func(ctx context.Context, c contestant, _ string) (result, error) {
		ctx, cancel := context.WithTimeout(ctx, nearDeadline)
		defer cancel()
		return repeat(5_000, func() error { return c.get(ctx) })
	},
	"create before a deadline": func(ctx context.Context, c contestant, _ string) (result, error) {
		ctx, cancel := context.WithTimeout(ctx, nearDeadline)
		defer cancel()
		return repeat(5_000, func() error { return c.create(ctx) })
	},
	"list": func(ctx context.Context, c contestant, _ string) (result, error) {
		return repeat(100, func() error {
			if c.list == nil {
				return c.walk(ctx, 1)
			}
			return c.list(ctx)
		})
	},
	"walk of 10 pages":    walkOf(10),
	"walk of 100 pages":   walkOf(100),
	"walk of 1,000 pages": walkOf(1000),
	"crowd":               crowd,
	"slow consumer":       slowConsumer(false),
	"prefetch":            slowConsumer(true),
}

// nearDeadline is less than the 30 s that package sessions gives an attempt, so
// that it need not make a context of its own.
const nearDeadline = 25 * time.Second

// repeat measures n operations, one after the other, after some to warm up.
func repeat(n int, operation func() error) (result, error) {
	for range max(1, n/20) {
		if err := operation(); err != nil {
			return result{}, err
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	for range n {
		if err := operation(); err != nil {
			return result{}, err
		}
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	return result{
		Seconds:     took.Seconds() / float64(n),
		Allocations: float64(after.Mallocs-before.Mallocs) / float64(n),
		Bytes:       float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, nil
}

func walkOf(pages int) func(context.Context, contestant, string) (result, error) {
	return func(ctx context.Context, c contestant, _ string) (result, error) {
		return repeat(1, func() error { return c.walk(ctx, pages) })
	}
}

// crowd gets 20,000 sessions from 64 goroutines and then from 256. The rate is
// that of the 256.
func crowd(ctx context.Context, c contestant, url string) (result, error) {
	var r result
	for _, goroutines := range []int{64, 256} {
		const calls = 20_000
		var left atomic.Int64
		left.Store(calls)
		failed := make(chan error, goroutines)
		var all sync.WaitGroup
		start := time.Now()
		for range goroutines {
			all.Go(func() {
				for left.Add(-1) >= 0 {
					if err := c.get(ctx); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		all.Wait()
		r.Rate = calls / time.Since(start).Seconds()
		select {
		case err := <-failed:
			return r, err
		default:
		}
	}
	res, err := http.Get(url + "/connections")
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		return r, err
	}
	connections, err := strconv.Atoi(string(said))
	r.Connections = float64(connections - 1) // without the one that asked
	return r, err
}

// slowConsumer walks over 50 pages and takes 20 ms for each, from a server that
// takes as long.
func slowConsumer(prefetch bool) func(context.Context, contestant, string) (result, error) {
	return func(ctx context.Context, _ contestant, url string) (result, error) {
		const most = 50
		c, err := sessions.New(key, sessions.WithBaseURL(url))
		if err != nil {
			return result{}, err
		}
		start, met := time.Now(), 0
		for _, err := range c.All(ctx, sessions.ListOptions{Limit: pageLength, Prefetch: prefetch}) {
			if err != nil {
				return result{}, err
			}
			if met++; met%pageLength == 0 {
				time.Sleep(slowness)
			}
			if met == most*pageLength {
				return result{Seconds: time.Since(start).Seconds()}, nil
			}
		}
		return result{}, errWrong
	}
}

const slowness = 20 * time.Millisecond
