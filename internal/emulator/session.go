package emulator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

// The statuses a session passes through.
const (
	StatusInitializing  = "Initializing"
	StatusSeeking       = "Seeking"
	StatusWaiting       = "Waiting"
	StatusReady         = "Ready"
	StatusUnprocessable = "Unprocessable"
	StatusError         = "Error"
	StatusTerminating   = "Terminating"
)

// The kinds of an app version.
const (
	KindSeat    = "Seat"    // a socket for each user
	KindMatch   = "Match"   // a socket for each session
	KindDefault = "Default" // no sessions
)

type session struct {
	number     int // its place among all that were ever created
	id         string
	app        App
	request    api.SessionModel
	users      []api.SessionUser
	created    time.Time
	readyAfter time.Duration
	status     string
	problem    string
	deployment *deployment
	gone       bool
	turn       int // goes up when what was planned no longer holds
}

// need is how many sockets the session takes with so many users.
func (s *session) need(users int) int {
	if s.app.Kind == KindMatch {
		return 1
	}
	return users
}

// begin takes a new session. What follows is planned from here: at a tenth of
// its time it seeks, at four tenths it is given a place, at the end it is Ready.
func (e *Emulator) begin(app App, request api.SessionModel, users []api.SessionUser) *session {
	now := e.clock.now()
	s := &session{
		number:     len(e.order),
		id:         fmt.Sprintf("%012x-S", e.ids.next()),
		app:        app,
		request:    request,
		users:      users,
		created:    now,
		readyAfter: e.drawReadyAfter(),
		status:     StatusInitializing,
	}
	e.sessions[s.id] = s
	e.order = append(e.order, s)
	e.listed = append(e.listed, s)
	e.plan(s, now.Add(s.readyAfter/10), e.seek)
	e.advance()
	return s
}

func (e *Emulator) drawReadyAfter() time.Duration {
	least := max(orElse(e.config.ReadyAfter, 2*time.Second), 0)
	if spread := e.config.ReadyAfterMost - least; spread > 0 {
		return least + time.Duration(e.dice.Int64N(int64(spread)+1))
	}
	return least
}

func (e *Emulator) seek(s *session, _ time.Time) {
	s.status = StatusSeeking
	e.plan(s, s.created.Add(s.readyAfter*4/10), e.place)
}

// place gives the session a deployment, or ends it.
func (e *Emulator) place(s *session, _ time.Time) {
	d, problem := e.find(s)
	if d == nil {
		e.fail(s, StatusUnprocessable, problem)
		return
	}
	d.link(s)
	s.status = StatusWaiting
	if e.linked(s) {
		e.announce(s)
	}
	e.plan(s, s.created.Add(s.readyAfter), e.arrive)
}

func (e *Emulator) arrive(s *session, _ time.Time) {
	if s.deployment.app.FailsToStart {
		e.remove(s.deployment)
		e.fail(s, StatusError, "the deployment failed to start")
		return
	}
	s.deployment.ready = true
	s.status = StatusReady
	e.announce(s)
}

// fail ends the session where it stands; its sockets are free again.
func (e *Emulator) fail(s *session, status, problem string) {
	s.turn++
	s.unlink()
	s.status, s.problem = status, problem
	e.announce(s)
}

// terminate is what a delete does: the sockets are free at once, the session
// is gone a little later. The caller advances.
func (e *Emulator) terminate(s *session, now time.Time) {
	s.turn++
	s.unlink()
	s.status, s.problem = StatusTerminating, ""
	if !e.config.Unknown.ListTerminating {
		e.unlist(s)
	}
	e.plan(s, now.Add(max(orElse(e.config.TerminatingFor, time.Second), 0)), func(s *session, _ time.Time) {
		s.gone = true
		e.unlist(s)
	})
}

func (e *Emulator) unlist(s *session) {
	at, found := slices.BinarySearchFunc(e.listed, s, func(a, b *session) int { return a.number - b.number })
	if found {
		e.listed = slices.Delete(e.listed, at, at+1)
	}
}

// SetStatus puts a session into a status at once, whatever was to happen to
// it. Ready gives it a deployment if it has none; Terminating deletes it;
// Initializing, Seeking and Waiting hold it there. A status the API does not
// know is taken as it is, so that a client's care with one can be tested. The
// session must exist and not be deleted.
func (e *Emulator) SetStatus(id, status string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.advance()
	s := e.sessions[id]
	if s == nil || s.status == StatusTerminating {
		return fmt.Errorf("emulator: there is no session %q to set a status of", id)
	}
	s.turn++
	s.problem = ""
	switch status {
	case StatusInitializing, StatusSeeking:
		s.unlink()
		s.status = status
	case StatusWaiting, StatusReady:
		if s.deployment == nil {
			e.deploy(s.app, s.request).link(s)
		}
		s.status = status
		if status == StatusReady {
			s.deployment.ready = true
			e.announce(s)
		}
	case StatusError:
		e.fail(s, status, "the deployment failed")
	case StatusUnprocessable:
		e.fail(s, status, "no deployment fits")
	case StatusTerminating:
		e.terminate(s, now)
		e.advance()
	default:
		s.status = status
	}
	return nil
}

// linked is whether the API would say that the session is linked.
func (e *Emulator) linked(s *session) bool {
	switch s.status {
	case StatusReady:
		return true
	case StatusWaiting:
		return e.config.Unknown.LinkedWhileWaiting
	case StatusTerminating:
		return e.config.Unknown.LinkedWhileDeleted
	}
	return false
}

// full is the session as get-session answers it.
func (e *Emulator) full(s *session) api.SessionGet {
	now := e.clock.now()
	users := slices.Clone(s.users)
	return api.SessionGet{
		SessionID:    s.id,
		Status:       e.statusName(s.status),
		Ready:        s.status == StatusReady,
		Linked:       e.linked(s),
		Kind:         e.kindName(s.app.Kind),
		UserCount:    int64(len(users)),
		AppVersion:   e.version(s.app),
		CreateTime:   s.created.UTC().Format("2006-01-02 15:04:05.000000"),
		Elapsed:      int64(now.Sub(s.created) / time.Second),
		Error:        s.problem,
		SessionUsers: users,
		SessionIPs:   users,
		Deployment:   e.seen(s.deployment),
		WebhookURL:   s.request.WebhookURL,
	}
}

// summary is the session as an item of the list.
func (e *Emulator) summary(s *session) api.SessionContext {
	item := api.SessionContext{
		SessionID:  s.id,
		Status:     e.statusName(s.status),
		Ready:      s.status == StatusReady,
		Linked:     e.linked(s),
		Kind:       e.kindName(s.app.Kind),
		UserCount:  int64(len(s.users)),
		WebhookURL: s.request.WebhookURL,
	}
	if s.deployment != nil {
		item.DeploymentRequestID = s.deployment.id
	}
	return item
}

func (e *Emulator) statusName(status string) string {
	if e.config.Unknown.LongNames {
		return "Status." + strings.ToUpper(status)
	}
	return status
}

func (e *Emulator) kindName(kind string) string {
	if !e.config.Unknown.LongNames {
		return kind
	}
	if kind == KindSeat {
		return "SEATS"
	}
	return strings.ToUpper(kind)
}

// version is the integer id of an app version, given at its first use.
func (e *Emulator) version(app App) int64 {
	names := [2]string{app.Name, app.Version}
	if e.versions[names] == 0 {
		e.versions[names] = int64(1001 + len(e.versions))
	}
	return e.versions[names]
}
