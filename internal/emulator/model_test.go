package emulator_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// model is what an emulator should be, in its plainest form: nothing is kept
// that can be counted, nothing is indexed, nobody calls meanwhile.
type model struct {
	emulator.Config
	now         time.Time
	sessions    []*modelSession    // all there ever were
	deployments []*modelDeployment // likewise
	later       []due
	webhooks    []emulator.Webhook
}

type modelSession struct {
	readyAfter time.Duration
	id         string
	app        emulator.App
	asked      api.SessionModel
	near       int // the spot in its request
	users      []string
	created    time.Time
	status     string
	deployment *modelDeployment
	wasReady   bool // when it was deleted
	gone       bool
}

type modelDeployment struct {
	id         string // "" until somebody saw it
	app        emulator.App
	place      modelPlace
	tags       []string
	env        map[string]string
	ready      bool
	unjoinable bool
	ended      bool
	forced     bool // made by SetStatus, which doesn't ask whether the session fits
}

// due is what will happen by itself.
type due struct {
	at time.Time
	of any // a session or deployment, which has one plan at most; nil: nothing makes it void
	do func()
}

type modelPlace struct {
	city string
	rank [3]int // among all places, from near to far, as seen from each spot
}

var modelPlaces = []modelPlace{
	{"Montréal", [3]int{0, 1, 4}},
	{"Chicago", [3]int{0, 2, 3}},
	{"Frankfurt am Main", [3]int{0, 0, 5}},
	{"São Paulo", [3]int{0, 3, 2}},
	{"Tokyo", [3]int{0, 4, 1}},
	{"Sydney", [3]int{0, 5, 0}},
}

// spots are nowhere, Paris and Auckland.
var spots = [3]*api.LocationModel{nil, {Latitude: 48.85, Longitude: 2.35}, {Latitude: -36.85, Longitude: 174.76}}

// pass has everything happen that is due: the earliest first, and of what is
// due at one time what was planned first.
func (m *model) pass(until time.Time) {
	for {
		slices.SortStableFunc(m.later, func(a, b due) int { return a.at.Compare(b.at) })
		if len(m.later) == 0 || m.later[0].at.After(until) {
			break
		}
		next := m.later[0]
		m.later = m.later[1:]
		m.now = next.at
		next.do()
	}
	m.now = until
}

func (m *model) plan(of any, after time.Duration, do func()) {
	m.forget(of)
	m.later = append(m.later, due{m.now.Add(max(after, 0)), of, do})
}

func (m *model) forget(of any) {
	m.later = slices.DeleteFunc(m.later, func(d due) bool { return of != nil && d.of == of })
}

func (m *model) begin(s *modelSession) {
	m.sessions = append(m.sessions, s)
	s.status, s.created = "Initializing", m.now
	ready := max(cmp.Or(m.ReadyAfter, 2*time.Second), 0)
	s.readyAfter = ready
	m.plan(s, ready/10, func() {
		s.status = "Seeking"
		m.plan(s, ready*3/10, func() { m.place(s, ready*6/10) })
	})
}

func (m *model) place(s *modelSession, left time.Duration) {
	if s.app.Kind == "Default" {
		m.fail(s, "Unprocessable")
		return
	}
	d := m.find(s)
	if mayDeploy := s.asked.DeploymentRequestID == "" && !s.app.NoAutodeploy && need(s.app, s.users) <= s.app.Sockets &&
		len(allowed(s.asked)) > 0; d == nil && mayDeploy {
		d = m.deploy(s.app, s.asked, s.near)
		m.plan(nil, left, func() { m.up(d) })
	}
	if d == nil {
		m.fail(s, "Unprocessable")
		return
	}
	m.link(s, d)
	if s.status = "Waiting"; m.item(s).Linked {
		m.announce(s)
	}
	m.plan(s, left, func() {
		if m.up(d); s.deployment != nil {
			s.status = "Ready"
			m.announce(s)
		}
	})
}

// find is the deployment that the session gets, if there is one already.
func (m *model) find(s *modelSession) *modelDeployment {
	var fitting []*modelDeployment
	for _, d := range m.deployments {
		lacks := func(selector api.SelectorModel) bool {
			return !selector.TagOnly && !slices.Contains(d.tags, selector.Tag)
		}
		if pinned := s.asked.DeploymentRequestID; d.ended || d.unjoinable || m.free(d) < need(s.app, s.users) {
			continue
		} else if d.app.Name != s.app.Name {
			continue
		} else if pinned != "" && d.id == pinned || pinned == "" && d.app.Version == s.app.Version &&
			d.place.passes(s.asked.Filters) && !slices.ContainsFunc(s.asked.Selectors, lacks) {
			fitting = append(fitting, d)
		}
	}
	if len(fitting) == 0 {
		return nil
	}
	return slices.MinFunc(fitting, func(a, b *modelDeployment) int { return a.place.rank[s.near] - b.place.rank[s.near] })
}

func (m *model) deploy(app emulator.App, asked api.SessionModel, near int) *modelDeployment {
	places := allowed(asked)
	if len(places) == 0 {
		places = modelPlaces
	}
	d := &modelDeployment{app: app, env: map[string]string{}}
	d.place = slices.MinFunc(places, func(a, b modelPlace) int { return a.rank[near] - b.rank[near] })
	d.mark(asked.Selectors)
	for _, selector := range asked.Selectors {
		if selector.Env.Key != "" {
			d.env[selector.Env.Key] = selector.Env.Value
		}
	}
	m.deployments = append(m.deployments, d)
	return d
}

func allowed(asked api.SessionModel) []modelPlace {
	return slices.DeleteFunc(slices.Clone(modelPlaces), func(p modelPlace) bool { return !p.passes(asked.Filters) })
}

func (d *modelDeployment) mark(selectors []api.SelectorModel) {
	for _, selector := range selectors {
		if !slices.Contains(d.tags, selector.Tag) {
			d.tags = append(d.tags, selector.Tag)
		}
	}
}

func (m *model) link(s *modelSession, d *modelDeployment) {
	s.deployment = d
	d.mark(s.asked.Selectors)
	m.forget(d)
}

func (m *model) unlink(s *modelSession) {
	d := s.deployment
	s.deployment = nil
	m.idle(d)
}

// up has a deployment run, or fail.
func (m *model) up(d *modelDeployment) {
	switch {
	case d.ready || d.ended:
	case d.app.FailsToStart:
		m.end(d, "Error")
	default:
		d.ready = true
		m.idle(d)
	}
}

// idle has a deployment end later, if nobody comes.
func (m *model) idle(d *modelDeployment) {
	if d != nil && d.ready && !d.ended && d.app.EmptyTTL > 0 && len(m.on(d)) == 0 {
		m.plan(d, d.app.EmptyTTL, func() { m.end(d, "Error") })
	}
}

func (m *model) end(d *modelDeployment, status string) {
	m.forget(d)
	d.ended = true
	for _, s := range m.on(d) {
		readable := cmp.Or(d.app.SessionMaxDuration, time.Hour)
		if status == "Terminating" {
			m.terminate(s, readable)
			continue
		}
		m.fail(s, status)
		m.plan(s, readable, func() { s.gone = true })
	}
}

func (m *model) fail(s *modelSession, status string) {
	m.forget(s)
	m.unlink(s)
	s.status = status
	m.announce(s)
}

func (m *model) stop(s *modelSession) {
	if s.alive() {
		m.terminate(s, cmp.Or(m.TerminatingFor, time.Second))
	}
}

func (m *model) terminate(s *modelSession, readable time.Duration) {
	s.wasReady = s.status == "Ready"
	s.status = "Terminating"
	m.unlink(s)
	m.plan(s, readable, func() { s.gone = true })
}

// alive is whether the session can be deleted.
func (s *modelSession) alive() bool { return s != nil && !s.gone && s.status != "Terminating" }

func (m *model) announce(s *modelSession) {
	if s.asked.WebhookURL != "" {
		m.webhooks = append(m.webhooks, emulator.Webhook{SessionID: s.id, Status: s.status, Time: m.now})
	}
}

func (m *model) setStatus(s *modelSession, status string) {
	m.forget(s)
	switch status {
	case "Initializing", "Seeking":
		m.unlink(s)
	case "Waiting", "Ready":
		if s.deployment == nil {
			d := m.deploy(s.app, s.asked, s.near)
			d.forced = true
			m.plan(nil, s.readyAfter, func() { m.up(d) })
			m.link(s, d)
		}
		s.deployment.ready = s.deployment.ready || status == "Ready"
		if s.status = status; m.item(s).Linked {
			m.announce(s)
		}
	case "Error", "Unprocessable":
		m.fail(s, status)
	case "Terminating":
		m.stop(s)
	}
	s.status = status
}

func (m *model) app(name, version string) (emulator.App, bool) {
	for _, a := range m.Apps {
		if a.Name == name && (version == "" || version == a.Version) {
			return a, true
		}
	}
	return emulator.App{}, false
}

func (m *model) on(d *modelDeployment) []*modelSession {
	var on []*modelSession
	for _, s := range m.sessions {
		if s.deployment == d {
			on = append(on, s)
		}
	}
	return on
}

// free are the sockets that no session takes.
func (m *model) free(d *modelDeployment) int {
	free := d.app.Sockets
	for _, s := range m.on(d) {
		free -= need(s.app, s.users)
	}
	return free
}

func need(app emulator.App, users []string) int {
	if app.Kind == "Match" {
		return 1
	}
	return len(users)
}

func (p modelPlace) passes(filters []api.SessionFilterModel) bool {
	return !slices.ContainsFunc(filters, func(f api.SessionFilterModel) bool {
		return !passes(f.FilterType, f.Values, []string{p.city})
	})
}

func passes(kind api.FilterType, wanted, have []string) bool {
	found := slices.DeleteFunc(slices.Clone(wanted), func(value string) bool { return !slices.Contains(have, value) })
	return map[api.FilterType]bool{"any": len(found) > 0, "all": len(found) == len(wanted), "not": len(found) == 0}[kind]
}

// matches is whether a bulk stop is to stop the session.
func (m *model) matches(s *modelSession, filters []api.SessionBulkStopFiltersPayload) bool {
	passed := 0
	for _, f := range filters {
		have := map[api.SessionBulkStopField][]string{"session_id": {s.id}}
		if d := s.deployment; d != nil {
			have["request_id"], have["deployment_tags"] = []string{d.id}, d.tags
		}
		if passes(f.FilterType, f.Values, have[f.Field]) {
			passed++
		}
	}
	return s.alive() && (passed == len(filters) || m.Unknown.AnyFilter && passed > 0)
}

// listed are the sessions in the list, in its order.
func (m *model) listed() (listed []*modelSession) {
	for _, s := range m.sessions {
		if s.alive() || !s.gone && m.Unknown.ListTerminating {
			listed = append(listed, s)
		}
	}
	if m.Unknown.NewestFirst {
		slices.Reverse(listed)
	}
	return listed
}

// item is the session as one in the list.
func (m *model) item(s *modelSession) api.SessionContext {
	u, waiting, deleted := m.Unknown, s.status == "Waiting", s.status == "Terminating"
	item := api.SessionContext{
		SessionID: s.id, Status: s.status, Kind: s.app.Kind, UserCount: int64(len(s.users)), WebhookURL: s.asked.WebhookURL,
		Ready:  s.status == "Ready" || deleted && s.wasReady && u.ReadyWhileDeleted,
		Linked: s.status == "Ready" || waiting && (u.LinkedWhileWaiting || u.LinkedStatus) || deleted && u.LinkedWhileDeleted,
	}
	if waiting && u.LinkedStatus {
		item.Status = "Linked"
	}
	if s.deployment != nil {
		item.DeploymentRequestID = s.deployment.id
	}
	return item
}
