package emulator

import (
	"container/heap"
	"time"
)

// clock is the emulator's time: the process's, or a faster one.
type clock struct {
	start time.Time
	speed float64
}

func newClock(speed float64) clock {
	return clock{start: time.Now(), speed: orElse(speed, 1)}
}

func (c clock) now() time.Time {
	if c.speed == 1 {
		return time.Now()
	}
	return c.start.Add(time.Duration(float64(time.Since(c.start)) * c.speed))
}

// until is how long the process has to wait for t. It rounds up, so that a
// timer never goes off too early.
func (c clock) until(t time.Time) time.Duration {
	if c.speed == 1 {
		return time.Until(t)
	}
	return time.Duration(float64(t.Sub(c.now()))/c.speed) + time.Microsecond
}

// event is what happens by itself at a time.
type event struct {
	at    time.Time
	order int
	then  func(time.Time)
}

// agenda is a heap of events; those of one time are in the order of their
// making.
type agenda []event

func (a agenda) Len() int      { return len(a) }
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a agenda) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].order < a[j].order
	}
	return a[i].at.Before(a[j].at)
}
func (a *agenda) Push(x any) { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// plan has something happen at a time. The caller holds the lock.
func (e *Emulator) plan(at time.Time, then func(time.Time)) {
	e.planned++
	heap.Push(&e.agenda, event{at: at, order: e.planned, then: then})
}

// planTurn has the next thing happen to a session. It is void when the session
// has meanwhile taken another turn.
func (e *Emulator) planTurn(s *session, at time.Time, then func(*session, time.Time)) {
	turn := s.turn
	e.plan(at, func(now time.Time) {
		if s.turn == turn {
			then(s, now)
		}
	})
}

// advance brings the state up to the present: everything due happens, in the
// order of its time, though nobody looked when it was due. The caller holds the
// lock. A timer does the same when nobody calls, for the sake of the webhooks.
func (e *Emulator) advance() time.Time {
	now := e.clock.now()
	for len(e.agenda) > 0 && !e.agenda[0].at.After(now) {
		next := heap.Pop(&e.agenda).(event)
		next.then(next.at)
	}
	e.rest()
	return now
}

// rest sets the timer for the next event, if it is not set for that already. A
// stopped timer gives back its place among what Close waits for; one that went
// off does so itself.
func (e *Emulator) rest() {
	var next time.Time
	if !e.closed && len(e.agenda) > 0 {
		next = e.agenda[0].at
	}
	if next.Equal(e.wake) {
		return
	}
	if e.timer != nil && e.timer.Stop() {
		e.running.Done()
	}
	e.timer, e.wake = nil, next
	if next.IsZero() {
		return
	}
	e.running.Add(1)
	e.timer = time.AfterFunc(e.clock.until(next), func() {
		defer e.running.Done()
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.wake.Equal(next) {
			e.wake = time.Time{}
			if !e.closed {
				e.advance()
			}
		}
	})
}
