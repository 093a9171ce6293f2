package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
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

var statuses = []string{StatusInitializing, StatusSeeking, StatusWaiting, StatusReady, StatusUnprocessable, StatusError, StatusTerminating}

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
	outbox     []letter // webhooks, the first on its way
	wasReady   bool     // when it was deleted
	unlisted   bool
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
	e.listed.add()
	e.planTurn(s, now.Add(share(e.config.InitializingFor, s.readyAfter/10)), e.seek)
	e.advance()
	return s
}

func (e *Emulator) drawReadyAfter() time.Duration {
	least := e.config.leastReadyAfter()
	if spread := e.config.ReadyAfterMost - least; spread > 0 {
		return least + time.Duration(e.dice.Int64N(int64(spread)))
	}
	return least
}

// share is how long a session stays in one of its states.
func share(setting, otherwise time.Duration) time.Duration {
	return max(orElse(setting, otherwise), 0)
}

func (e *Emulator) seek(s *session, now time.Time) {
	s.status = StatusSeeking
	e.planTurn(s, now.Add(share(e.config.SeekingFor, s.readyAfter*3/10)), e.place)
}

// place gives the session a deployment, or ends it.
func (e *Emulator) place(s *session, now time.Time) {
	if s.app.Kind == KindDefault {
		e.fail(s, StatusUnprocessable, "the app version does not use sessions", now)
		return
	}
	d, problem := e.find(s)
	if d == nil {
		e.fail(s, StatusUnprocessable, problem, now)
		return
	}
	e.link(s, d)
	s.status = StatusWaiting
	if e.linked(s) {
		e.announce(s)
	}
	e.planTurn(s, s.created.Add(s.readyAfter), e.arrive)
}

// arrive makes a session Ready, and its deployment too if it was not up yet. If
// that fails to start, the session is ended with it.
func (e *Emulator) arrive(s *session, now time.Time) {
	e.up(s.deployment, now)
	if s.deployment != nil {
		s.status = StatusReady
		e.announce(s)
	}
}

// fail ends the session where it stands; its sockets are free again.
func (e *Emulator) fail(s *session, status, problem string, now time.Time) {
	s.turn++
	e.unlink(s, now)
	s.status, s.problem = status, problem
	e.announce(s)
}

// stop is what a delete does. The caller advances.
func (e *Emulator) stop(s *session, now time.Time) {
	e.terminate(s, now, share(e.config.TerminatingFor, time.Second))
}

// terminate frees the session's sockets at once; it is gone a little later.
func (e *Emulator) terminate(s *session, now time.Time, readable time.Duration) {
	s.turn++
	e.unlink(s, now)
	s.wasReady = s.status == StatusReady
	s.status, s.problem = StatusTerminating, ""
	if !e.config.Unknown.ListTerminating {
		e.unlist(s)
	}
	e.planTurn(s, now.Add(readable), e.forget)
}

// forget has the session be gone: it can be read no more.
func (e *Emulator) forget(s *session, _ time.Time) {
	s.gone = true
	e.unlist(s)
}

// unlist takes a session off the list, if it is on it.
func (e *Emulator) unlist(s *session) {
	if !s.unlisted {
		s.unlisted = true
		e.listed.remove(s.number)
	}
}

// SetStatus puts a session into a status at once, whatever was to happen to
// it. Ready gives it a deployment if it has none; Terminating deletes it;
// Initializing, Seeking and Waiting hold it there. A status the API does not
// know is taken as it is, so that a client's care with one can be tested, but
// not one that is only spelt otherwise. The session must exist and not be
// deleted.
func (e *Emulator) SetStatus(id, status string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.advance()
	s := e.sessions[id]
	if s == nil || s.gone || s.status == StatusTerminating {
		return fmt.Errorf("there is no session %q to set a status of", id)
	}
	for _, known := range statuses {
		if strings.EqualFold(status, known) && status != known {
			return fmt.Errorf("status must be spelt %s", known)
		}
	}
	s.turn++
	s.problem = ""
	switch status {
	case StatusInitializing, StatusSeeking:
		e.unlink(s, now)
		s.status = status
	case StatusWaiting, StatusReady:
		if s.deployment == nil {
			d := e.deploy(s.app, s.request)
			e.plan(now.Add(s.readyAfter), func(later time.Time) { e.up(d, later) })
			e.link(s, d)
		}
		s.status = status
		if status == StatusReady {
			s.deployment.ready = true
		}
		if e.linked(s) {
			e.announce(s)
		}
	case StatusError:
		e.fail(s, status, "the deployment failed", now)
	case StatusUnprocessable:
		e.fail(s, status, "no deployment fits", now)
	case StatusTerminating:
		e.stop(s, now)
	default:
		s.status = status
	}
	e.advance()
	return nil
}

// ready is whether the API would say that the session is ready.
func (e *Emulator) ready(s *session) bool {
	return s.status == StatusReady || s.status == StatusTerminating && s.wasReady && e.config.Unknown.ReadyWhileDeleted
}

// linked is whether the API would say that the session is linked.
func (e *Emulator) linked(s *session) bool {
	switch s.status {
	case StatusReady, "Linked":
		return true
	case StatusWaiting:
		return e.config.Unknown.LinkedWhileWaiting || e.config.Unknown.LinkedStatus
	case StatusTerminating:
		return e.config.Unknown.LinkedWhileDeleted
	}
	return false
}

// sessionView is a session with its deployment as that is seen.
type sessionView struct {
	api.SessionGet
	Deployment *deploymentView `json:"deployment,omitempty"`
}

// VisitGetSessionResponse implements GetSessionResponseObject.
func (v sessionView) VisitGetSessionResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// full is the session as get-session answers it.
func (e *Emulator) full(s *session) sessionView {
	now := e.clock.now()
	users := s.users // they are replaced, never changed
	problem := s.problem
	if e.config.Unknown.NoErrorText {
		problem = ""
	}
	return sessionView{Deployment: e.seen(s.deployment), SessionGet: api.SessionGet{
		SessionID:    s.id,
		Status:       e.statusOf(s),
		Ready:        e.ready(s),
		Linked:       e.linked(s),
		Kind:         e.kindName(s.app.Kind),
		UserCount:    int64(len(users)),
		AppVersion:   e.version(s.app),
		CreateTime:   s.created.UTC().Format("2006-01-02 15:04:05.000000"),
		Elapsed:      int64(now.Sub(s.created) / time.Second),
		Error:        problem,
		SessionUsers: users,
		SessionIPs:   users,
		WebhookURL:   s.request.WebhookURL,
	}}
}

// summary is the session as an item of the list.
func (e *Emulator) summary(s *session) api.SessionContext {
	item := api.SessionContext{
		SessionID:  s.id,
		Status:     e.statusOf(s),
		Ready:      e.ready(s),
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

func (e *Emulator) statusOf(s *session) string {
	if s.status == StatusWaiting && e.config.Unknown.LinkedStatus {
		return e.statusName("Linked")
	}
	return e.statusName(s.status)
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
