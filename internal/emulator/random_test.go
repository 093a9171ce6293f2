package emulator_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// Each round has an emulator, settings and a seed of its own: 1, 2 and so on.
const (
	rounds     = 200
	operations = 500 // in a round
)

// TestModelAgrees does 100,000 random things to emulators and to their models,
// which must agree after each. A round is done again by its seed, with
//
//	go test ./internal/emulator -run 'TestModelAgrees/seed_7$'
func TestModelAgrees(t *testing.T) {
	for seed := uint64(1); seed <= rounds && !t.Failed(); seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 0))
			config := settings(dice, seed)
			within(t, config, func(t *testing.T, e *emulator.Emulator) {
				r := &round{T: t, e: e, m: model{Config: config, now: time.Now()}, dice: dice, began: time.Now()}
				for range operations {
					r.step()
				}
				r.compareWebhooks()
			})
		})
	}
}

func pick[T any](dice *rand.Rand, of ...T) T { return of[dice.IntN(len(of))] }

// some are up to most of them, in any order.
func some[T any](dice *rand.Rand, most int, of ...T) []T {
	few := []T{}
	for _, i := range dice.Perm(len(of))[:dice.IntN(min(most, len(of))+1)] {
		few = append(few, of[i])
	}
	return few
}

func settings(dice *rand.Rand, seed uint64) emulator.Config {
	yes := func() bool { return pick(dice, true, false) }
	version := func(name, version string, kinds ...string) emulator.App {
		return emulator.App{
			Name: name, Version: version, Kind: pick(dice, kinds...), Sockets: 1 + dice.IntN(5),
			EmptyTTL: pick(dice, 0, 0, 2*time.Second, time.Minute), SessionMaxDuration: pick(dice, 0, 90*time.Minute),
		}
	}
	apps := []emulator.App{
		version("arena", "2", "Seat", "Match"), version("arena", "1", "Seat", "Match"), version("chess", "1", "Seat", "Match"),
		version("chess", "2", "Seat"), version("old", "1", "Seat"), version("tool", "1", "Default"),
	}
	apps[1].NoAutodeploy, apps[3].FailsToStart, apps[4].Disabled = yes(), true, true
	return emulator.Config{Seed: seed, Apps: apps, TerminatingFor: pick(dice, 0, -1, 2500*time.Millisecond), Unknown: emulator.Unknown{
		UnknownApp: pick(dice, 0, 404), SessionlessApp: pick(dice, 0, 200, 422), FullDeployment: pick(dice, 0, 200, 409),
		UnknownSession: pick(dice, 0, 400, 410), DeletedSession: pick(dice, 0, 404, 409), NoSocket: pick(dice, 0, 409, 200),
		DuplicateIP: pick(dice, 0, 422), UnknownIP: pick(dice, 0, 404), EmptyIPList: pick(dice, 0, 400), ChangedUsersOnly: yes(),
		DefaultLimit: pick(dice, 0, 3), MaxLimit: pick(dice, 0, 0, 4), PageBeyondEnd: pick(dice, 0, 404), NewestFirst: yes(), ListTerminating: yes(),
		LinkedWhileWaiting: yes(), LinkedStatus: yes(), LinkedWhileDeleted: yes(), ReadyWhileDeleted: yes(), NoErrorText: yes(), Nulls: yes(),
		EmptyFilters: pick(dice, 0, 200), AnyFilter: yes(), BulkStopTakes: pick(dice, 0, 0, time.Second),
		EndedStatus: pick(dice, "", "Unprocessable", "Terminating"), FullWebhook: yes(),
	}}
}

type round struct {
	*testing.T
	e       *emulator.Emulator
	m       model
	dice    *rand.Rand
	began   time.Time
	history []string
}

// step does one thing, most often to a session, and compares what is then.
func (r *round) step() {
	s := r.session()
	switch n := r.dice.IntN(100); {
	case n < 30:
		s = r.create()
	case n < 40:
		r.delete(s)
	case n < 60:
		r.changeUsers(s)
	case n < 66:
		r.list()
	case n < 67:
		r.walk()
	case n < 69:
		r.bulkStop()
	case n < 74:
		r.setStatus(s)
	case n < 77:
		r.deploy()
	case n < 80:
		r.changeDeployment()
	default:
		passing := 50 * time.Millisecond << r.dice.IntN(8)
		if r.dice.IntN(50) == 0 {
			passing = time.Hour
		}
		r.did("%v pass", passing)
		time.Sleep(passing)
	}
	r.m.pass(time.Now())
	r.compare()
	if pick(r.dice, true, false) {
		r.look(s)
	}
}

func (r *round) did(format string, args ...any) {
	r.history = append(r.history, fmt.Sprintf("%9v  ", time.Since(r.began))+fmt.Sprintf(format, args...))
}

// differ ends the test, and tells what was done before.
func (r *round) differ(format string, args ...any) {
	r.Helper()
	r.Fatalf("after %d operations: %s\n%s", len(r.history), fmt.Sprintf(format, args...), strings.Join(r.history[max(len(r.history)-20, 0):], "\n"))
}

// refusals are the error statuses that a call may be answered. It is taken if
// there are none.
type refusals []int

// when adds the one for something wrong, unless the settings take it.
func (r *refusals) when(wrong bool, setting, otherwise int) {
	if status := cmp.Or(setting, otherwise); wrong && status != 200 {
		*r = append(*r, status)
	}
}

// missing is how every call is refused for a session that cannot be read.
func (r *round) missing(s *modelSession) (refused refusals) {
	refused.when(s == nil, r.m.Unknown.UnknownSession, 404)
	refused.when(s != nil && s.gone, r.m.Unknown.DeletedSession, 404)
	return refused
}

// call makes a call and tells whether it was taken.
func (r *round) call(answer any, refused refusals, method, path string, body any) bool {
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	r.did("%s %s %s", method, path, text)
	return r.ask(answer, refused, method, path, text)
}

// ask is a call that is no operation.
func (r *round) ask(answer any, refused refusals, method, path string, body []byte) bool {
	request, err := http.NewRequest(method, path, bytes.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Authorization", "token k")
	request.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.e.ServeHTTP(w, request)
	if w.Code == 200 && len(refused) > 0 || w.Code != 200 && !slices.Contains(refused, w.Code) {
		r.differ("%s %s is answered %d %s, may be refused with %v", method, path, w.Code, w.Body, refused)
	}
	if w.Code != 200 {
		answer = new(api.Error)
	}
	if err := json.Unmarshal(w.Body.Bytes(), answer); err != nil {
		r.differ("%s %s is answered %s: %v", method, path, w.Body, err)
	}
	return w.Code == 200
}

const never = "000000000000" // an id of nothing

// session is one to do something to, most often of late; nil never was.
func (r *round) session() *modelSession {
	all := append([]*modelSession{nil}, r.m.sessions...)
	if r.dice.IntN(5) > 0 {
		all = all[max(len(all)-20, 0):]
	}
	return pick(r.dice, all...)
}

func idOf(s *modelSession) string {
	if s == nil {
		return never + "-S"
	}
	return s.id
}

func path(s *modelSession) string { return "/v1/session/" + idOf(s) }

// deployment is one of late, perhaps ended, and its id; nil never was.
func (r *round) deployment() (*modelDeployment, string) {
	d := pick(r.dice, append([]*modelDeployment{nil}, r.m.deployments[max(len(r.m.deployments)-20, 0):]...)...)
	if d == nil || d.id == "" {
		return nil, never
	}
	return d, d.id
}

// ips are players, one of them in two spellings, sometimes one of them twice.
func (r *round) ips() []string {
	ips := some(r.dice, 4, "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "2001:db8::1", "2001:DB8:0::1")
	if len(ips) > 0 && r.dice.IntN(8) == 0 {
		ips = append(ips, ips[0])
	}
	return ips
}

func where(users []string, ip string) int {
	return slices.IndexFunc(users, func(user string) bool { return netip.MustParseAddr(user) == netip.MustParseAddr(ip) })
}

func without(users, others []string) []string {
	return slices.DeleteFunc(slices.Clone(users), func(ip string) bool { return where(others, ip) >= 0 })
}

func (r *round) create() *modelSession {
	r.m.ReadyAfter = pick(r.dice, 0, -1, 500*time.Millisecond, time.Second, 5*time.Second, 30*time.Second)
	if err := r.e.Configure(r.m.Config); err != nil {
		r.Fatal(err)
	}
	near := pick(r.dice, 0, 0, 1, 2)
	asked := api.SessionModel{
		AppName:     pick(r.dice, "arena", "arena", "arena", "arena", "arena", "chess", "chess", "chess", "old", "tool", "go"),
		VersionName: pick(r.dice, "", "1", "1", "1", "1", "2", "2", "2", "2", "3"),
		IPList:      r.ips(),
		Location:    spots[near],
		Selectors: some(r.dice, pick(r.dice, 0, 1, 2), []api.SelectorModel{
			{Tag: "a", Env: api.SelectorEnvModel{Key: "MODE", Value: "duel"}}, {Tag: "b"}, {Tag: "b", TagOnly: true},
			{Tag: "c", TagOnly: true, Env: api.SelectorEnvModel{Key: "MODE", Value: "free"}},
		}...),
		Filters: some(r.dice, pick(r.dice, 0, 0, 0, 2), []api.SessionFilterModel{
			{Field: "city", Values: []string{"Tokyo", "Chicago"}, FilterType: "any"}, {Field: "city", Values: []string{"Montréal", "Tokyo"}, FilterType: "not"},
			{Field: "city", Values: []string{"Tokyo", "Chicago"}, FilterType: "all"},
		}...),
		WebhookURL: pick(r.dice, "", "https://example.invalid/hook"),
	}
	app, there := r.m.app(asked.AppName, asked.VersionName)
	s := &modelSession{app: app, asked: asked, near: near}
	var refused refusals
	refused.when(!there, r.m.Unknown.UnknownApp, 400)
	refused.when(app.Disabled, 400, 400)
	refused.when(app.Kind == "Default", r.m.Unknown.SessionlessApp, 400)
	for _, ip := range asked.IPList {
		if where(s.users, ip) < 0 {
			s.users = append(s.users, ip)
		} else {
			refused.when(true, r.m.Unknown.DuplicateIP, 200)
		}
	}
	if r.dice.IntN(8) == 0 {
		_, s.asked.DeploymentRequestID = r.deployment()
		refused.when(r.m.find(s) == nil, r.m.Unknown.FullDeployment, 200)
	}
	var got api.SessionRequest
	if !r.call(&got, refused, "POST", "/v1/session", s.asked) {
		return nil
	}
	r.history[len(r.history)-1] += " makes " + got.SessionID
	if got.App != app.Name || got.Version != app.Version || got.DeploymentRequestID != s.asked.DeploymentRequestID || got.WebhookURL != asked.WebhookURL ||
		!slices.Equal(got.Selectors, asked.Selectors) || slices.ContainsFunc(r.m.sessions, func(s *modelSession) bool { return s.id == got.SessionID }) {
		r.differ("it is answered %+v", got)
	}
	s.id = got.SessionID
	r.m.begin(s)
	return s
}

func (r *round) delete(s *modelSession) {
	refused := r.missing(s)
	refused.when(len(refused) == 0 && !s.alive(), r.m.Unknown.DeletedSession, 410)
	var got api.SessionDelete
	if r.call(&got, refused, "DELETE", path(s), nil) {
		if r.m.stop(s); got.SessionID != s.id {
			r.differ("it is answered %+v", got)
		}
	}
}

func (r *round) changeUsers(s *modelSession) {
	method, ips, refused := pick(r.dice, "PUT", "PUT", "DELETE"), r.ips(), r.missing(s)
	if len(refused) > 0 {
		r.call(nil, refused, method, path(s)+"/users", api.PatchSessionModel{IPList: ips})
		return
	}
	users, before := slices.Clone(s.users), s.users
	refused.when(len(ips) == 0, r.m.Unknown.EmptyIPList, 200)
	for _, ip := range ips {
		switch at := where(users, ip); {
		case method == "PUT" && at < 0:
			users = append(users, ip)
		case method == "PUT":
			refused.when(true, r.m.Unknown.DuplicateIP, 200)
		case at < 0:
			refused.when(where(before, ip) < 0, r.m.Unknown.UnknownIP, 200)
		default:
			users = slices.Delete(users, at, at+1)
		}
	}
	if method == "PUT" {
		refused.when(s.status == "Terminating", 422, 422)
		more := need(s.app, users) - need(s.app, s.users)
		refused.when(s.deployment != nil && more > max(r.m.free(s.deployment), 0), r.m.Unknown.NoSocket, 422)
	}
	var got api.SessionUserContext
	if r.call(&got, refused, method, path(s)+"/users", api.PatchSessionModel{IPList: ips}) {
		changed := append(without(s.users, users), without(users, s.users)...)
		if s.users = users; !r.m.Unknown.ChangedUsersOnly {
			changed = users
		}
		r.compareUsers(got.SessionUsers, changed)
	}
}

func (r *round) compareUsers(got []api.SessionUser, want []string) {
	if !slices.EqualFunc(got, want, func(u api.SessionUser, ip string) bool { return u == api.SessionUser{IP: ip} }) {
		r.differ("the users are %+v, want %v", got, want)
	}
}

func (r *round) list() {
	number, limit, query := int64(1), int64(cmp.Or(r.m.Unknown.DefaultLimit, 10)), "?"
	if r.dice.IntN(4) > 0 {
		number = pick[int64](r.dice, 1, 1, 2, 2, 3, 5, 0, -1, 1<<53)
		query += fmt.Sprintf("page=%d&", number)
	}
	if r.dice.IntN(4) > 0 {
		limit = pick[int64](r.dice, 1, 2, 3, 5, 8, 50, 0, -1, 1<<53)
		query += fmt.Sprintf("limit=%d", limit)
	}
	r.page(number, limit, query)
}

func (r *round) page(number, limit int64, query string) (got api.Sessions) {
	all := r.m.listed()
	most := int64(cmp.Or(r.m.Unknown.MaxLimit, len(all)+1))
	pages := slices.Collect(slices.Chunk(all, int(max(min(limit, most), 1))))
	last := int64(max(len(pages), 1))
	var refused refusals
	refused.when(number < 1 || limit < 1, 400, 400)
	refused.when(number > last, r.m.Unknown.PageBeyondEnd, 200)
	if !r.call(&got, refused, "GET", "/v1/sessions"+query, nil) {
		return got
	}
	var want []*modelSession
	if number <= int64(len(pages)) {
		want = pages[number-1]
	}
	r.compareList(got.Data, want)
	p := got.Pagination
	if got.TotalCount != int64(len(all)) || p.Number != number || p.Paginator.NumPages != last ||
		p.HasNext != (number < last) || p.HasNext != (p.NextPageNumber != nil) || p.HasNext && *p.NextPageNumber != number+1 ||
		p.HasPrevious != (number > 1) || p.HasPrevious != (p.PreviousPageNumber != nil) || p.HasPrevious && *p.PreviousPageNumber != min(number-1, last) {
		r.differ("of %d sessions, the page tells of %d and %+v", len(all), got.TotalCount, p)
	}
	return got
}

// walk goes through the list as a client does.
func (r *round) walk() {
	limit, next := 1+r.dice.Int64N(7), new(int64(1))
	var met []api.SessionContext
	for next != nil && len(met) <= len(r.m.sessions) {
		page := r.page(*next, limit, fmt.Sprintf("?page=%d&limit=%d", *next, limit))
		met, next = append(met, page.Data...), page.Pagination.NextPageNumber
	}
	r.compareList(met, r.m.listed())
}

func (r *round) compareList(got []api.SessionContext, want []*modelSession) {
	if !slices.EqualFunc(got, want, func(item api.SessionContext, s *modelSession) bool { return item == r.m.item(s) }) {
		r.differ("the list has %+v", got)
	}
}

func (r *round) bulkStop() {
	values := map[api.SessionBulkStopField][]string{"deployment_tags": {"a", "b", "c", "d"}}
	for range 4 {
		_, id := r.deployment()
		values["request_id"] = append(values["request_id"], id)
		values["session_id"] = append(values["session_id"], idOf(r.session()))
	}
	var refused refusals
	filters := []api.SessionBulkStopFiltersPayload{}
	for range pick(r.dice, 0, 1, 1, 2, 2, 3) {
		field := pick[api.SessionBulkStopField](r.dice, "session_id", "request_id", "deployment_tags")
		kind := pick[api.FilterType](r.dice, "any", "any", "all", "all", "not", "not", "some")
		f := api.SessionBulkStopFiltersPayload{Field: field, FilterType: kind, Values: some(r.dice, 3, values[field]...)}
		refused.when(len(f.Values) == 0 || kind == "some", 400, 400)
		filters = append(filters, f)
	}
	refused.when(len(filters) == 0, r.m.Unknown.EmptyFilters, 400)
	var got api.SessionBulkStopResponse
	if !r.call(&got, refused, "POST", "/v1/sessions/bulk-stop", api.SessionBulkStopPayload{Filters: filters}) {
		return
	}
	stopped := map[string]bool{}
	for _, s := range got.Processable {
		stopped[s.SessionID] = true
	}
	matching := 0
	for _, s := range r.m.sessions {
		if r.m.matches(s, filters) {
			matching++
			r.m.plan(nil, r.m.Unknown.BulkStopTakes, func() { r.m.stop(s) })
		}
		if r.m.matches(s, filters) != stopped[s.id] {
			r.differ("it stops %+v, wrongly or not %+v", got.Processable, s)
		}
	}
	if len(got.Processable) != matching {
		r.differ("it stops %+v, which are not %d", got.Processable, matching)
	}
}

func (r *round) setStatus(s *modelSession) {
	status := pick(r.dice, "Initializing", "Seeking", "Waiting", "Ready", "Error", "Unprocessable", "Terminating", "Odd")
	r.did("%s is set %s", idOf(s), status)
	if err := r.e.SetStatus(idOf(s), status); (err == nil) != s.alive() {
		r.differ("%v", err)
	} else if err == nil {
		r.m.setStatus(s, status)
	}
}

func (r *round) deploy() {
	name, version, tags := pick(r.dice, "arena", "chess", "go"), pick(r.dice, "", "1", "2"), some(r.dice, 2, "a", "b", "c")
	r.did("%s %s is deployed with %v", name, version, tags)
	id, err := r.e.Deploy(name, version, tags...)
	app, there := r.m.app(name, version)
	if there != (err == nil) {
		r.differ("%v", err)
	} else if there {
		d := r.m.deploy(app, api.SessionModel{}, 0)
		d.id, d.tags, d.ready = id, tags, true
		r.m.idle(d)
	}
}

// changeDeployment ends a deployment, or has it take new sessions or not.
func (r *round) changeDeployment() {
	d, id := r.deployment()
	runs, what := d != nil && !d.ended, pick(r.dice, "ended", "joinable", "not joinable")
	r.did("deployment %s is %s", id, what)
	var err error
	if what == "ended" {
		if err = r.e.EndDeployment(id); runs {
			r.m.end(d, cmp.Or(r.m.Unknown.EndedStatus, "Error"))
		}
	} else if err = r.e.SetJoinable(id, what == "joinable"); runs {
		d.unjoinable = what != "joinable"
	}
	if runs != (err == nil) {
		r.differ("%v", err)
	}
}

// compare holds all deployments and the ledger to the model.
func (r *round) compare() {
	deployments, ledger := r.e.Deployments(), r.e.Sessions()
	running := slices.DeleteFunc(slices.Clone(r.m.deployments), func(d *modelDeployment) bool { return d.ended })
	if len(deployments) != len(running) || len(ledger) != len(r.m.sessions) {
		r.differ("%d deployments and %d sessions, want %d and %d", len(deployments), len(ledger), len(running), len(r.m.sessions))
	}
	used := map[*modelDeployment]int{}
	for _, s := range r.m.sessions {
		used[s.deployment] += need(s.app, s.users)
	}
	for i, got := range deployments {
		d := running[i]
		if d.id == "" && !slices.ContainsFunc(r.m.deployments, func(other *modelDeployment) bool { return other.id == got.RequestID }) {
			d.id = got.RequestID
		}
		if got.RequestID != d.id || got.AppName != d.app.Name || got.VersionName != d.app.Version || got.City != d.place.city || got.Ready != d.ready ||
			got.Joinable == d.unjoinable || got.Sockets != d.app.Sockets || got.SocketsUsed != used[d] || !slices.Equal(got.Tags, d.tags) || !maps.Equal(got.Env, d.env) {
			r.differ("a deployment is %+v, want %+v with %d sockets used", got, d, used[d])
		}
		if got.SocketsUsed < 0 || got.SocketsUsed > got.Sockets && !d.forced && r.m.Unknown.NoSocket != 200 {
			r.differ("too many or too few sockets are used: %+v", got)
		}
	}
	for i, got := range ledger {
		s := r.m.sessions[i]
		if got.SessionID != s.id || got.Status != s.status || got.Exists != s.alive() || got.DeploymentRequestID != r.m.item(s).DeploymentRequestID ||
			got.AppName != s.app.Name || got.VersionName != s.app.Version || got.WebhookURL != s.asked.WebhookURL ||
			!got.Created.Equal(s.created) || !slices.Equal(got.IPs, s.users) {
			r.differ("the ledger has %+v, want %+v", got, s)
		}
	}
}

// look holds what the API shows of a session to the model.
func (r *round) look(s *modelSession) {
	if r.dice.IntN(4) == 0 {
		var got api.SessionUserContext
		if r.ask(&got, r.missing(s), "GET", path(s)+"/users", nil) {
			r.compareUsers(got.SessionUsers, s.users)
		}
		return
	}
	var got api.SessionGet
	if !r.ask(&got, r.missing(s), "GET", path(s), nil) {
		return
	}
	r.compareUsers(got.SessionUsers, s.users)
	r.compareUsers(got.SessionIPs, s.users)
	d := cmp.Or(got.Deployment, &api.Deployment{})
	item := api.SessionContext{
		SessionID: got.SessionID, Status: got.Status, Ready: got.Ready, Linked: got.Linked, Kind: got.Kind, UserCount: got.UserCount,
		WebhookURL: got.WebhookURL, DeploymentRequestID: d.RequestID,
	}
	failed := !r.m.Unknown.NoErrorText && (s.status == "Error" || s.status == "Unprocessable")
	if item != r.m.item(s) || failed != (got.Error != "") || got.Elapsed != int64(time.Since(s.created).Seconds()) {
		r.differ("a get shows %+v, want %+v", got, r.m.item(s))
	}
	if want := s.deployment; want != nil {
		free := r.m.free(want)
		if d.Ready != want.ready || (d.Status == "Ready") != want.ready || (d.PublicIP != "") != want.ready || (len(d.Ports) > 0) != want.ready ||
			d.IsJoinableBySession != (want.ready && !want.unjoinable && free > 0) ||
			d.Sockets != int64(want.app.Sockets) || d.SocketsUsage != int64(want.app.Sockets-free) || d.Location.City != want.place.city || !slices.Equal(d.Tags, want.tags) {
			r.differ("a get shows %+v, want %+v with %d free sockets", d, want, free)
		}
	}
}

// compareWebhooks holds those that were sent to the model.
func (r *round) compareWebhooks() {
	synctest.Wait()
	facts := func(hooks []emulator.Webhook) (sorted []string) {
		for _, hook := range hooks {
			sorted = append(sorted, fmt.Sprintf("%9v  %s %s", hook.Time.Sub(r.began), hook.SessionID, hook.Status))
		}
		slices.Sort(sorted)
		return sorted
	}
	if got, want := facts(r.e.Webhooks()), facts(r.m.webhooks); !slices.Equal(got, want) {
		r.differ("the webhooks are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
