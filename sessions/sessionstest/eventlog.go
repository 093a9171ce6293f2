package sessionstest

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

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
	Totals     Totals      `json:"totals"` // after the event
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

const (
	maxEvents   = 2_000
	maxRequests = 10_000 // and webhooks
)

// eventLog keeps the last events, requests and webhooks. Nothing waits for its
// readers.
type eventLog struct {
	lastID   int
	events   []Event
	requests []Request
	webhooks []Webhook
	changed  chan struct{} // if not nil, closed by the next event
}

// emit adds an event.
func (s *Server) emit(e Event) {
	s.log.lastID++
	e.ID, e.Time, e.Totals = s.log.lastID, s.now, s.totals()
	s.log.events = appendBounded(s.log.events, e, maxEvents)
	switch {
	case e.Request != nil:
		s.log.requests = appendBounded(s.log.requests, *e.Request, maxRequests)
	case e.Webhook != nil:
		s.log.webhooks = appendBounded(s.log.webhooks, *e.Webhook, maxRequests)
	}
	if s.log.changed != nil {
		close(s.log.changed)
		s.log.changed = nil
	}
}

func (s *Server) totals() Totals { return Totals{s.live, len(s.deployments)} }

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
