package emulator

import (
	"cmp"
	"fmt"
	"maps"
	"math"
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

// place is somewhere a deployment can be.
type place struct {
	api.DeploymentLocation
	region string
	tags   []string
}

var places = []place{
	{api.DeploymentLocation{City: "Montréal", AdministrativeDivision: "Quebec", Country: "Canada", Continent: "North America", Timezone: "America/Toronto", Latitude: 45.5019, Longitude: -73.5674}, "NA East", []string{"core"}},
	{api.DeploymentLocation{City: "Chicago", AdministrativeDivision: "Illinois", Country: "United States", Continent: "North America", Timezone: "America/Chicago", Latitude: 41.8781, Longitude: -87.6298}, "NA Central", []string{"core", "edge"}},
	{api.DeploymentLocation{City: "Frankfurt am Main", AdministrativeDivision: "Hesse", Country: "Germany", Continent: "Europe", Timezone: "Europe/Berlin", Latitude: 50.1109, Longitude: 8.6821}, "EU Central", []string{"core"}},
	{api.DeploymentLocation{City: "São Paulo", AdministrativeDivision: "São Paulo", Country: "Brazil", Continent: "South America", Timezone: "America/Sao_Paulo", Latitude: -23.5558, Longitude: -46.6396}, "SA East", []string{"edge"}},
	{api.DeploymentLocation{City: "Tokyo", AdministrativeDivision: "Tokyo", Country: "Japan", Continent: "Asia", Timezone: "Asia/Tokyo", Latitude: 35.6762, Longitude: 139.6503}, "AP Northeast", []string{"core"}},
	{api.DeploymentLocation{City: "Sydney", AdministrativeDivision: "New South Wales", Country: "Australia", Continent: "Oceania", Timezone: "Australia/Sydney", Latitude: -33.8688, Longitude: 151.2093}, "AP Southeast", []string{"edge"}},
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

// allowed are the places that pass the request's filters, narrowed to those in
// the city, country and so on that it names, as far as there are any.
func allowed(request api.SessionModel) []place {
	choice := slices.DeleteFunc(slices.Clone(places), func(p place) bool { return !passes(request.Filters, p) })
	for _, want := range []struct{ field, name string }{
		{"continent", request.Continent},
		{"country", request.Country},
		{"region", request.Region},
		{"administrative_division", request.AdministrativeDivision},
		{"city", request.City},
	} {
		near := slices.DeleteFunc(slices.Clone(choice), func(p place) bool {
			return !slices.Contains(p.values(want.field), want.name)
		})
		if len(near) > 0 {
			choice = near
		}
	}
	return choice
}

func passes(filters []api.SessionFilterModel, p place) bool {
	for _, f := range filters {
		if !match(f.FilterType, f.Values, p.values(f.Field)) {
			return false
		}
	}
	return true
}

// values are what a filter on a field looks at. A field that is not known has
// none.
func (p place) values(field string) []string {
	switch field {
	case "city":
		return []string{p.City}
	case "country":
		return []string{p.Country}
	case "continent":
		return []string{p.Continent}
	case "administrative_division":
		return []string{p.AdministrativeDivision}
	case "region":
		return []string{p.region}
	case "location_tags":
		return p.tags
	}
	return nil
}

// match is any, all or not: one of the wanted values is there, all are, none is.
func match(kind api.FilterType, wanted, have []string) bool {
	found := 0
	for _, value := range wanted {
		if slices.Contains(have, value) {
			found++
		}
	}
	switch kind {
	case api.FilterTypeAll:
		return found == len(wanted)
	case api.FilterTypeNot:
		return found == 0
	}
	return found > 0
}

// distance is how far a place is from where the request's players are, as an
// angle: from its location, else from the middle of its geo_ip_list. A request
// that names neither is equally far from everywhere.
func distance(request api.SessionModel, p place) float64 {
	var latitude, longitude float64
	switch n := float64(len(request.GeoIPList)); {
	case request.Location != nil:
		latitude, longitude = request.Location.Latitude, request.Location.Longitude
	case n > 0:
		for _, user := range request.GeoIPList {
			latitude += user.Latitude / n
			longitude += user.Longitude / n
		}
	default:
		return 0
	}
	const degree = math.Pi / 180
	cosine := math.Sin(latitude*degree)*math.Sin(p.Latitude*degree) +
		math.Cos(latitude*degree)*math.Cos(p.Latitude*degree)*math.Cos((longitude-p.Longitude)*degree)
	return math.Acos(max(-1, min(1, cosine)))
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
