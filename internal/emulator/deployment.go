package emulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/edgegap-community/edgegap/api"
)

type deployment struct {
	id       string
	app      App
	place    place
	publicIP string
	fqdn     string
	ports    map[string]api.PortMapping
	tags     []string
	env      map[string]string
	ready    bool
	used     int // sockets
}

// find looks for a place for a session: the deployment it asks for, else the
// nearest that is up or on its way, has all its tags and enough free sockets,
// else a new one. If there is none it says why.
func (e *Emulator) find(s *session) (*deployment, string) {
	if id := s.request.DeploymentRequestID; id != "" {
		d := e.deployment(id)
		if d == nil || d.free() < s.need(len(s.users)) {
			return nil, "the deployment asked for has no room"
		}
		return d, ""
	}
	var best *deployment
	for _, d := range e.deployments {
		if d.fits(s) && (best == nil || distance(s.request, d.place) < distance(s.request, best.place)) {
			best = d
		}
	}
	switch {
	case best != nil:
		return best, ""
	case s.app.NoAutodeploy:
		return nil, "no deployment fits, and autodeploy is off"
	case s.need(len(s.users)) > s.app.Sockets:
		return nil, "the session needs more sockets than a deployment has"
	case len(allowed(s.request)) == 0:
		return nil, "no location passes the filters"
	}
	return e.deploy(s.app, s.request), ""
}

func (d *deployment) fits(s *session) bool {
	if d.app.Name != s.app.Name || d.app.Version != s.app.Version || d.free() < s.need(len(s.users)) {
		return false
	}
	for _, selector := range s.request.Selectors {
		if !selector.TagOnly && !slices.Contains(d.tags, selector.Tag) {
			return false
		}
	}
	return passes(s.request.Filters, d.place)
}

func (d *deployment) free() int { return d.app.Sockets - d.used }

// link puts the session on the deployment. Tags that only mark are added.
func (d *deployment) link(s *session) {
	d.used += s.need(len(s.users))
	d.mark(s.request.Selectors)
	s.deployment = d
}

func (d *deployment) mark(selectors []api.SelectorModel) {
	for _, selector := range selectors {
		if !slices.Contains(d.tags, selector.Tag) {
			d.tags = append(d.tags, selector.Tag)
		}
	}
}

func (s *session) unlink() {
	if d := s.deployment; d != nil {
		d.used -= s.need(len(s.users))
		s.deployment = nil
	}
}

// deploy starts a new deployment where the request wants it.
func (e *Emulator) deploy(app App, request api.SessionModel) *deployment {
	number := e.ids.next()
	d := &deployment{
		id:       fmt.Sprintf("%012x", number),
		app:      app,
		publicIP: fmt.Sprintf("203.0.113.%d", 1+number%254),
		ports:    map[string]api.PortMapping{},
		env:      map[string]string{},
	}
	d.fqdn = d.id + ".deployments.example"
	choice := allowed(request)
	if len(choice) == 0 {
		choice = places
	}
	d.place = slices.MinFunc(choice, func(a, b place) int {
		return cmp.Compare(distance(request, a), distance(request, b))
	})
	for i, key := range slices.Sorted(maps.Keys(app.Ports)) {
		port := app.Ports[key]
		port.Name = orElse(port.Name, key)
		port.External = int32(30000 + number/254%1000*20 + uint64(i))
		port.Link = fmt.Sprintf("%s:%d", d.fqdn, port.External)
		d.ports[key] = port
	}
	d.mark(request.Selectors)
	for _, selector := range request.Selectors {
		if selector.Env.Key != "" {
			d.env[selector.Env.Key] = selector.Env.Value
		}
	}
	e.deployments = append(e.deployments, d)
	return d
}

func (e *Emulator) deployment(id string) *deployment {
	for _, d := range e.deployments {
		if d.id == id {
			return d
		}
	}
	return nil
}

func (e *Emulator) remove(d *deployment) {
	e.deployments = slices.DeleteFunc(e.deployments, func(other *deployment) bool { return other == d })
}

// seen is the deployment as a session shows it: without an address until it is
// up.
func (e *Emulator) seen(d *deployment) *api.Deployment {
	if d == nil {
		return nil
	}
	location := d.place.DeploymentLocation
	view := &api.Deployment{
		RequestID:    d.id,
		Status:       e.statusName("Deploying"),
		FQDN:         d.fqdn,
		Location:     &location,
		Tags:         slices.Clone(d.tags),
		Sockets:      int64(d.app.Sockets),
		SocketsUsage: int64(d.used),
	}
	if d.ready {
		view.Status = e.statusName(StatusReady)
		view.Ready = true
		view.PublicIP = d.publicIP
		view.Ports = maps.Clone(d.ports)
		view.IsJoinableBySession = d.free() > 0
	}
	return view
}
