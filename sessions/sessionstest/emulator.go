package sessionstest

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Emulator is a Server with everything that program edgegap-sessions needs. It is
// not meant for tests: Emulator, its methods and the types Config, RateLimit, Event,
// State and Totals may change in any release.
type Emulator struct{ *Server }

// NewEmulator returns a running emulator that the caller must close.
func NewEmulator(c Config) (*Emulator, error) {
	s, err := newServer(c)
	if err != nil {
		return nil, err
	}
	return &Emulator{s}, nil
}

// Config returns a copy of the settings.
func (e *Emulator) Config() Config {
	e.lock()
	defer e.unlock()
	return e.config.clone()
}

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
func (e *Emulator) Reset(c Config) error { return e.reset(c) }

func (s *Server) reset(c Config) error {
	if err := c.validate(); err != nil {
		return err
	}
	s.lock()
	defer s.unlock()
	s.config = c.clone()
	s.state = state{
		generation:  s.generation + 1,
		sessions:    map[string]*session{},
		deployments: map[string]*deployment{},
		unknown:     map[string]bool{},
		faults:      slices.Clone(s.config.Faults),
		random:      rand.New(rand.NewPCG(c.Seed, 0)),
		ids:         rand.New(rand.NewPCG(c.Seed, 1)),
		requestIDs:  rand.New(rand.NewPCG(c.Seed, 2)),
	}
	s.log = eventLog{lastID: s.log.lastID, changed: s.log.changed}
	s.emit(Event{Type: "reset"})
	for _, d := range s.config.Deployments {
		if _, err := s.deployReady(d); err != nil {
			panic(err) // validate accepted it
		}
	}
	return nil
}

// PlanFaults is FailNext, but returns an error if a fault is invalid.
func (e *Emulator) PlanFaults(faults ...Fault) error { return e.planFaults(faults) }

// Faults returns the faults that are still planned.
func (e *Emulator) Faults() []Fault {
	e.lock()
	defer e.unlock()
	return append([]Fault{}, e.faults...)
}

// ClearFaults removes the faults that are still planned, and returns them.
func (e *Emulator) ClearFaults() []Fault {
	e.lock()
	defer e.unlock()
	planned := append([]Fault{}, e.faults...)
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
	Totals      Totals       `json:"totals"`
	LastEvent   int          `json:"last_event"` // id
}

// Totals count what exists. Deleted sessions do not count.
type Totals struct {
	Sessions    int `json:"sessions"`
	Deployments int `json:"deployments"`
}

// State returns at most the last n sessions, deployments, requests and webhooks.
// If n is 0, it returns all.
func (e *Emulator) State(n int) State {
	e.lock()
	defer e.unlock()
	return State{Sessions: e.inspectSessions(n), Deployments: e.inspectDeployments(n), Requests: last(e.log.requests, n),
		Webhooks: last(e.log.webhooks, n), Faults: append([]Fault{}, e.faults...), Totals: e.totals(), LastEvent: e.log.lastID}
}
