package sessions

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pause holds every call of a client until the moment that a 429 named. Then
// those that it held go in the order of their coming, and later calls behind
// them: heldBurst at once and the others heldGap apart. Let go all together,
// they would meet the next 429 together, and the unlucky ones again and again.
type pause struct {
	mu     sync.Mutex
	until  time.Time
	answer *Error
	queue  time.Time // its end: where the next call that is held lines up
}

// 64 a second are more than any limit that the vendor documents, and less than
// it takes to waste many calls on the next 429.
const (
	heldGap   = time.Second / 64
	heldBurst = 16
)

func (p *pause) extend(e *Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until := time.Now().Add(e.RetryAfter); until.After(p.until) {
		p.until, p.answer = until, e.copy() // the caller may change its own
	}
}

// turn is when the caller may go, and the 429 that it waits for. The turn that
// it had before, zero at first, stands unless another 429 put it off.
func (p *pause) turn(before time.Time) (time.Time, *Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !before.IsZero() && !p.until.After(before) {
		return before, p.answer
	}
	now := time.Now()
	place := latest(now, p.until, p.queue)
	turn := latest(now, p.until, place.Add(-(heldBurst-1)*heldGap))
	if turn.After(now) {
		p.queue = place.Add(heldGap)
	}
	return turn, p.answer
}

// leave gives back the place of a caller that will not go after all.
func (p *pause) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue = p.queue.Add(-heldGap)
}

func latest(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

// hold waits for the call's turn after a pause, or returns the 429 that began
// it when that is too far off.
func (t *transport) hold(ctx context.Context, r *retry) *Error {
	var turn time.Time
	for ctx.Err() == nil { // a minute at most, by what it adds up
		var answer *Error
		turn, answer = t.pause.turn(turn)
		rest := time.Until(turn)
		if rest <= 0 {
			return nil
		}
		// A second at least, so that a server that asks for less cannot be
		// called without end.
		if r.waited += max(rest, time.Second); r.waited > patience || passes(ctx, rest) {
			t.pause.leave()
			e := answer.copy()
			e.unsent = true
			e.detail = "not sent: the client was told to wait"
			return e
		}
		if !sleep(ctx, rest) {
			t.pause.leave()
		}
	}
	return t.ended(ctx, &Error{unsent: true})
}
