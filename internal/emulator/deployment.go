package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

type deployment struct {
	number     int // in the order of their making
	id         string
	app        App
	place      int // in places
	publicIP   string
	fqdn       string
	ports      map[string]api.PortMapping
	tags       []string
	env        map[string]string
	ready      bool
	unjoinable bool
	ended      bool
	sessions   map[*session]bool
	used       int       // sockets
	emptySince time.Time // zero while it is on its way or has sessions
	labels     []label   // of the shelves that it stands on
}

// find looks for a place for a session: the deployment it asks for, else the
// nearest that is up or on its way, has all its tags and enough free sockets,
// and of those equally near the oldest, else a new one. If there is none it
// says why.
func (e *Emulator) find(s *session) (*deployment, string) {
	need := s.need(len(s.users))
	if id := s.request.DeploymentRequestID; id != "" {
		if !e.takes(id, s.app, need) {
			return nil, "the deployment asked for has no room"
		}
		return e.byID[id], ""
	}
	var best *deployment
	var nearest float64
	for i, p := range places {
		if !passes(s.request.Filters, p) {
			continue
		}
		d, away := e.first(s, i, need), distance(s.request, p)
		if d != nil && (best == nil || away < nearest || away == nearest && d.number < best.number) {
			best, nearest = d, away
		}
	}
	switch {
	case best != nil:
		return best, ""
	case s.app.NoAutodeploy:
		return nil, "no deployment fits, and autodeploy is off"
	case need > s.app.Sockets:
		return nil, "the session needs more sockets than a deployment has"
	case len(allowed(s.request)) == 0:
		return nil, "no location passes the filters"
	}
	d := e.deploy(s.app, s.request)
	e.plan(s.created.Add(s.readyAfter), func(now time.Time) { e.up(d, now) })
	return d, ""
}

// first is the oldest deployment at a place that has room and all the tags of
// the session. Of the shelves of these tags it searches the shortest.
func (e *Emulator) first(s *session, place, need int) *deployment {
	var tags []string
	for _, selector := range s.request.Selectors {
		if !selector.TagOnly {
			tags = append(tags, selector.Tag)
		}
	}
	l := label{app: s.app.Name, version: s.app.Version, place: place}
	on := e.shelves[l]
	for _, l.tag = range tags {
		tagged := e.shelves[l]
		if tagged == nil {
			return nil
		}
		if len(tagged.deployments) < len(on.deployments) {
			on = tagged
		}
	}
	if on == nil {
		return nil
	}
	for at := on.next(0, need); at != none; at = on.next(at+1, need) {
		if d := on.deployments[at]; d.hasTags(tags) {
			return d
		}
	}
	return nil
}

func (d *deployment) hasTags(tags []string) bool {
	for _, tag := range tags {
		if !slices.Contains(d.tags, tag) {
			return false
		}
	}
	return true
}

// takes is whether the deployment with that id is there, of the app in whatever
// version, and has so much room.
func (e *Emulator) takes(id string, app App, need int) bool {
	d := e.byID[id]
	return d != nil && d.app.Name == app.Name && d.room() >= need
}

// room is how many sockets are free for new sessions, or none.
func (d *deployment) room() int {
	if d.ended || d.unjoinable {
		return none
	}
	return d.app.Sockets - d.used
}

// link puts the session on the deployment. Tags that only mark are added.
func (e *Emulator) link(s *session, d *deployment) {
	s.deployment = d
	d.sessions[s] = true
	d.emptySince = time.Time{}
	e.mark(d, s.request.Selectors)
	e.use(d, s.need(len(s.users)))
}

// use takes so many sockets more, or gives them back.
func (e *Emulator) use(d *deployment, sockets int) {
	d.used += sockets
	if !d.ended {
		e.reshelve(d)
	}
}

func (e *Emulator) mark(d *deployment, selectors []api.SelectorModel) {
	for _, selector := range selectors {
		if !slices.Contains(d.tags, selector.Tag) {
			d.tags = append(d.tags, selector.Tag)
			e.shelve(d, selector.Tag)
		}
	}
}

// unlink takes the session off its deployment, if it has one.
func (e *Emulator) unlink(s *session, now time.Time) {
	if d := s.deployment; d != nil {
		s.deployment = nil
		delete(d.sessions, s)
		e.use(d, -s.need(len(s.users)))
		e.idle(d, now)
	}
}

// deploy starts a new deployment where the request wants it.
func (e *Emulator) deploy(app App, request api.SessionModel) *deployment {
	number := e.ids.next()
	e.made++
	d := &deployment{
		number:   e.made,
		id:       fmt.Sprintf("%012x", number),
		app:      app,
		publicIP: fmt.Sprintf("203.0.113.%d", 1+number%254),
		ports:    map[string]api.PortMapping{},
		env:      map[string]string{},
		sessions: map[*session]bool{},
	}
	d.fqdn = d.id + ".deployments.example"
	choice := allowed(request)
	if len(choice) == 0 {
		choice = allowed(api.SessionModel{})
	}
	d.place = slices.MinFunc(choice, func(a, b int) int {
		return cmp.Compare(distance(request, places[a]), distance(request, places[b]))
	})
	for i, key := range slices.Sorted(maps.Keys(app.Ports)) {
		port := app.Ports[key]
		port.Name = orElse(port.Name, key)
		port.External = int32(30000 + number/254%1000*20 + uint64(i))
		port.Link = fmt.Sprintf("%s:%d", d.fqdn, port.External)
		d.ports[key] = port
	}
	for _, selector := range request.Selectors {
		if selector.Env.Key != "" {
			d.env[selector.Env.Key] = selector.Env.Value
		}
	}
	e.byID[d.id] = d
	e.shelve(d, "")
	e.mark(d, request.Selectors)
	return d
}

// up has a deployment run, or fail, if it has not already.
func (e *Emulator) up(d *deployment, now time.Time) {
	switch {
	case d.ready || d.ended:
	case d.app.FailsToStart:
		e.end(d, StatusError, "the deployment failed to start", now)
	default:
		d.ready = true
		e.idle(d, now)
	}
}

// idle begins the time after which a deployment without sessions ends.
func (e *Emulator) idle(d *deployment, now time.Time) {
	if !d.ready || d.ended || len(d.sessions) > 0 || d.app.EmptyTTL <= 0 {
		return
	}
	d.emptySince = now
	e.plan(now.Add(d.app.EmptyTTL), func(later time.Time) {
		if d.emptySince.Equal(now) {
			e.end(d, StatusError, "", later)
		}
	})
}

// end takes a deployment away. Its sessions take a last status, hold no
// sockets, and can be read for as long as their app version says.
func (e *Emulator) end(d *deployment, status, problem string, now time.Time) {
	if d.ended {
		return
	}
	d.ended, d.emptySince = true, time.Time{}
	e.reshelve(d)
	delete(e.byID, d.id)
	for _, s := range slices.SortedFunc(maps.Keys(d.sessions), func(a, b *session) int { return cmp.Compare(a.number, b.number) }) {
		readable := orElse(d.app.SessionMaxDuration, time.Hour)
		if status == StatusTerminating {
			e.terminate(s, now, readable)
			continue
		}
		e.fail(s, status, problem, now)
		e.planTurn(s, now.Add(readable), e.forget)
	}
}

// SetJoinable has a deployment take new sessions or not, also those that ask for
// it by its request id. It is an error if there is no such deployment.
func (e *Emulator) SetJoinable(requestID string, joinable bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	d := e.byID[requestID]
	if d == nil {
		return errNoDeployment
	}
	d.unjoinable = !joinable
	e.reshelve(d)
	return nil
}

// EndDeployment has a deployment end at once. It is an error if there is no such
// deployment.
func (e *Emulator) EndDeployment(requestID string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.advance()
	d := e.byID[requestID]
	if d == nil {
		return errNoDeployment
	}
	e.end(d, orElse(e.config.Unknown.EndedStatus, StatusError), "the deployment ended", now)
	e.advance()
	return nil
}

var errNoDeployment = errors.New("request_id: no such deployment runs")

// deploymentView is a deployment with its counts, even where they are zero.
type deploymentView struct {
	api.Deployment
	Sockets             int64 `json:"sockets"`
	SocketsUsage        int64 `json:"sockets_usage"`
	IsJoinableBySession bool  `json:"is_joinable_by_session"`
}

// seen is the deployment as a session shows it: without an address until it is
// up. It is encoded when the lock is free again, so what it shares with the
// deployment is only ever replaced or added to.
func (e *Emulator) seen(d *deployment) *deploymentView {
	if d == nil {
		return nil
	}
	location := places[d.place].DeploymentLocation
	view := &deploymentView{Deployment: api.Deployment{
		RequestID: d.id,
		Status:    e.statusName("Deploying"),
		FQDN:      d.fqdn,
		Location:  &location,
		Tags:      d.tags,
	}, Sockets: int64(d.app.Sockets), SocketsUsage: int64(d.used)}
	if d.ready {
		view.Status = e.statusName(StatusReady)
		view.Ready = true
		view.PublicIP = d.publicIP
		view.Ports = d.ports
		view.IsJoinableBySession = d.room() > 0
	}
	return view
}
