package sessionstest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

// Emulator is a Server with everything that program edgegap-sessions needs. It is
// not meant for tests: Emulator, its methods and the types Config, RateLimit, Event,
// State and Totals may change in any release.
type Emulator struct{ *Server }

// NewEmulator returns a running emulator that the caller must close.
func NewEmulator(c Config) (*Emulator, error) {
	e := &Emulator{&Server{now: time.Now()}}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.ctx.Done() // creates its channel outside of a bubble that only uses the server
	e.wake = time.AfterFunc(time.Hour, func() { e.lock(); e.unlock() })
	if err := e.Reset(c); err != nil {
		e.Close()
		return nil, fmt.Errorf("sessionstest: %w", err)
	}
	return e, nil
}

// Config returns a copy of the settings.
func (e *Emulator) Config() Config { return locked(e.Server, e.config.clone) }

// SetConfig replaces the settings and keeps everything else. The seed and the lists
// of deployments and faults have no effect before the next Reset. If it returns an
// error, nothing has changed.
func (e *Emulator) SetConfig(c Config) error {
	if err := c.validate(); err != nil {
		return err
	}
	e.lock()
	defer e.unlock()
	e.config = c.clone()
	e.emit(Event{Type: "notice", Message: "settings changed"})
	return nil
}

// Reset replaces the settings and removes all sessions, deployments, planned faults
// and recorded events. If it returns an error, nothing has changed.
func (e *Emulator) Reset(c Config) error {
	if err := c.validate(); err != nil {
		return err
	}
	e.lock()
	defer e.unlock()
	e.config = c.clone()
	e.state = state{
		generation:  e.generation + 1,
		sessions:    map[string]*session{},
		deployments: map[string]*deployment{},
		noticed:     map[string]bool{},
		statuses:    map[api.Status]int{},
		faults:      slices.Clone(e.config.Faults),
		random:      rand.New(rand.NewPCG(c.Seed, 0)),
		ids:         rand.New(rand.NewPCG(c.Seed, 1)),
		requestIDs:  rand.New(rand.NewPCG(c.Seed, 2)),
	}
	e.log = eventLog{lastID: e.log.lastID, changed: e.log.changed}
	e.emit(Event{Type: "reset"})
	for _, d := range e.config.Deployments {
		e.deployReady(d) // validate accepted it
	}
	return nil
}

// PlanFaults is FailNext, but returns an error if a fault is invalid.
func (e *Emulator) PlanFaults(faults ...Fault) error {
	if err := validateFaults(faults); err != nil {
		return fmt.Errorf("sessionstest: %w", err)
	}
	e.lock()
	defer e.unlock()
	e.setFaults(append(e.faults, faults...))
	return nil
}

// Faults returns the faults that are still planned.
func (e *Emulator) Faults() []Fault {
	return locked(e.Server, func() []Fault { return last(e.faults, 0) })
}

// ClearFaults removes the faults that are still planned, and returns them.
func (e *Emulator) ClearFaults() []Fault {
	e.lock()
	defer e.unlock()
	planned := last(e.faults, 0)
	e.setFaults(nil)
	return planned
}

// Events returns the events after the one with the id after, and whether some of
// them are missing because the log is bounded. more is closed when there are further
// events. An id that no event has had yet is an error.
func (e *Emulator) Events(after int) (events []Event, missing bool, more <-chan struct{}, err error) {
	e.lock()
	defer e.unlock()
	if after < 0 || after > e.log.lastID {
		return nil, false, nil, fmt.Errorf("event %d does not exist; the last is %d", after, e.log.lastID)
	}
	if e.log.changed == nil {
		e.log.changed = make(chan struct{})
	}
	first := e.log.lastID - len(e.log.events) // the id before the oldest event
	return slices.Clone(e.log.events[max(after-first, 0):]), after < first, e.log.changed, nil
}

// State is what exists and what happened.
type State struct {
	Sessions    []Session    `json:"sessions"`
	Deployments []Deployment `json:"deployments"`
	Requests    []Request    `json:"requests"`
	Webhooks    []Webhook    `json:"webhooks"`
	Faults      []Fault      `json:"faults"`
	Total       int          `json:"total"`      // of the sessions that are not deleted
	LastEvent   int          `json:"last_event"` // id
}

// State returns at most the last n sessions, deployments, requests and webhooks.
// If n is 0, it returns all.
func (e *Emulator) State(n int) State {
	e.lock()
	defer e.unlock()
	return State{Sessions: e.inspectSessions(n), Deployments: e.inspectDeployments(n), Requests: last(e.log.requests, n),
		Webhooks: last(e.log.webhooks, n), Faults: last(e.faults, 0), Total: len(e.numbered) - e.ended, LastEvent: e.log.lastID}
}

// Totals are counts since the last reset.
type Totals struct {
	Sessions    map[api.Status]int `json:"sessions"` // that can be read
	Deployments int                `json:"deployments"`
	Requests    int                `json:"requests"`
	Webhooks    int                `json:"webhooks"`
}

// Totals returns the counts without the bounds of State and Events.
func (e *Emulator) Totals() Totals {
	e.lock()
	defer e.unlock()
	return Totals{maps.Clone(e.statuses), len(e.deployments), e.log.requestCount, e.log.webhookCount}
}

// Event is something that happened in an Emulator. Type is reset, session,
// session_ended, deployment, deployment_ended, request, webhook, faults or notice;
// the field of that name has the state after the event.
type Event struct {
	ID         int         `json:"id"`
	Time       time.Time   `json:"time"`
	Type       string      `json:"type"`
	Session    *Session    `json:"session,omitempty"`
	Deployment *Deployment `json:"deployment,omitempty"`
	Request    *Request    `json:"request,omitempty"`
	Webhook    *Webhook    `json:"webhook,omitempty"`
	Faults     []Fault     `json:"faults,omitempty"`
	Message    string      `json:"message,omitempty"`
}

// String describes an event in a line, without IP addresses and webhook URLs.
func (e Event) String() string {
	words := []any{e.Time.Format("15:04:05.000"), e.Type}
	switch {
	case e.Session != nil:
		words = append(words, e.Session.SessionID, e.Session.Status, e.Session.Error)
	case e.Deployment != nil:
		words = append(words, e.Deployment.RequestID)
	case e.Request != nil:
		r := e.Request
		words = append(words, cmp.Or(r.Operation, r.Method+" "+r.Path), r.SessionID, r.Status, r.Duration.Round(time.Microsecond), r.Message, r.Fault)
	case e.Webhook != nil:
		w := e.Webhook
		words = append(words, w.SessionID, w.SessionStatus, w.Host, w.Status, w.Duration.Round(time.Microsecond), w.Error)
	default:
		words = append(words, strings.Trim(fmt.Sprint(e.Faults), "[]"), e.Message)
	}
	return strings.Join(strings.Fields(fmt.Sprintln(words...)), " ")
}

const maxEvents = 2_000
const maxRequests = 10_000 // and webhooks

// eventLog keeps the last events, requests and webhooks. Nothing waits for its
// readers.
type eventLog struct {
	lastID   int
	events   []Event
	requests []Request
	webhooks []Webhook
	changed  chan struct{} // if not nil, closed by the next event

	requestCount, webhookCount int
}

// emit adds an event.
func (s *Server) emit(e Event) {
	s.log.lastID++
	e.ID, e.Time = s.log.lastID, s.now
	s.log.events = appendBounded(s.log.events, e, maxEvents)
	switch {
	case e.Request != nil:
		s.log.requestCount++
		s.log.requests = appendBounded(s.log.requests, *e.Request, maxRequests)
	case e.Webhook != nil:
		s.log.webhookCount++
		s.log.webhooks = appendBounded(s.log.webhooks, *e.Webhook, maxRequests)
	}
	if s.log.changed != nil {
		close(s.log.changed)
		s.log.changed = nil
	}
}

func (s *Server) emitSession(eventType string, x *session) {
	s.emit(Event{Type: eventType, Session: s.inspectSession(x)})
}

func (s *Server) emitDeployment(eventType string, d *deployment) {
	s.emit(Event{Type: eventType, Deployment: s.inspectDeployment(d)})
}

// appendBounded appends to a list and keeps at least its last n elements.
func appendBounded[T any](list []T, v T, n int) []T {
	if len(list) >= 2*n {
		list = append(make([]T, 0, 2*n), list[len(list)-n:]...)
	}
	return append(list, v)
}

// String lists the last 100 events.
func (s *Server) String() string {
	s.lock()
	defer s.unlock()
	var b strings.Builder
	for _, e := range last(s.log.events, 100) {
		fmt.Fprintln(&b, e)
	}
	return b.String()
}
