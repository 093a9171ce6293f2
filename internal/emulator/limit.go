package emulator

import (
	"math"
	"time"
)

// bucket is the rate limit's. It is full until it is first asked.
type bucket struct {
	tokens float64
	last   time.Time
}

// admit takes a token if there is one.
func (e *Emulator) admit() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	limit := e.config.RateLimit
	if limit.PerSecond <= 0 {
		return true
	}
	most := float64(limit.Burst)
	if limit.Burst <= 0 {
		most = max(math.Floor(limit.PerSecond), 1)
	}
	now := time.Now()
	if e.bucket.last.IsZero() {
		e.bucket.tokens = most
	} else {
		e.bucket.tokens = min(most, e.bucket.tokens+now.Sub(e.bucket.last).Seconds()*limit.PerSecond)
	}
	e.bucket.last = now
	if e.bucket.tokens < 1 {
		return false
	}
	e.bucket.tokens--
	return true
}
