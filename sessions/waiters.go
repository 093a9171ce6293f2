package sessions

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// waiters are the calls of WaitReady that a webhook can wake, by session id.
type waiters struct {
	mu sync.Mutex
	by map[string]map[*waiter]struct{}
}

type waiter struct {
	woken     chan *Session
	interrupt atomic.Pointer[context.CancelFunc] // ends its read
}

// join returns what wake hands sessions to, until leave.
func (w *waiters) join(id string) (self *waiter, leave func()) {
	self = &waiter{woken: make(chan *Session, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = make(map[string]map[*waiter]struct{})
	}
	if w.by[id] == nil {
		w.by[id] = make(map[*waiter]struct{})
	}
	w.by[id][self] = struct{}{}
	return self, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if delete(w.by[id], self); len(w.by[id]) == 0 {
			delete(w.by, id)
		}
	}
}

// wake hands a copy of s to every call that waits for it. A call that has not
// yet taken the one before gets only the newest.
func (w *waiters) wake(s *Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for self := range w.by[s.SessionID] {
		select {
		case <-self.woken:
		default:
		}
		self.woken <- clone(s)
		if interrupt := self.interrupt.Load(); interrupt != nil {
			(*interrupt)()
		}
	}
}

// clone copies all of s: the program may change what it is given.
func clone(s *Session) *Session {
	c := *s
	c.SessionUsers, c.SessionIPs = slices.Clone(s.SessionUsers), slices.Clone(s.SessionIPs)
	if s.Deployment != nil {
		d := *s.Deployment
		d.Ports, d.Tags = maps.Clone(d.Ports), slices.Clone(d.Tags)
		if d.Location != nil {
			l := *d.Location
			d.Location = &l
		}
		c.Deployment = &d
	}
	return &c
}
