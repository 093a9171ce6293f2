// Package probe finds out where the API differs from openapi.yaml, and what openapi.yaml leaves
// open. It creates sessions, and deletes all of them.
package probe

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/sessions"
)

// Sessions is how many sessions Run creates, enough for a second page of the list. The API may
// reject two of them.
const Sessions = 14

// Verdicts of a Finding.
const (
	Holds     = "holds"
	Differs   = "differs"
	NotTested = "not tested"
)

// Finding compares a fact with the API.
type Finding struct {
	Fact     string `json:"fact"`
	Contract string `json:"contract"` // what openapi.yaml says, or what the emulator assumes
	API      string `json:"api"`      // what the API did
	Verdict  string `json:"verdict"`
}

// Options are the settings of Run.
type Options struct {
	App, Version string
	Pace         time.Duration // between two requests
	Save         string        // directory for the exchanges; "" if they are not saved
	Progress     func(text string)
}

const (
	maxReady   = 2 * time.Minute  // until a session is ready
	maxVisible = 15 * time.Second // until a new session is visible, or a deleted one is gone
	unknownID  = "000000000000-S"
)

// probe is the state of Run. Its methods call fail to end Run with an error.
type probe struct {
	Options
	ctx      context.Context
	client   *sessions.Client
	document *contract.Document
	hooks    *sessions.Webhooks
	findings []Finding
	created  []string  // ids
	visible  time.Time // when the last session has become visible

	session  api.Session // the first one, when it was ready
	problems []string    // responses that the contract does not declare
	unknown  []string    // fields that the contract lacks
	null     []string    // optional fields that are null
	limited  string      // a response with status 429

	exchanges []exchange
}

type failure struct{ error }

func fail(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// Run makes requests to the API and returns what it finds. It deletes the sessions that it has
// created, also if ctx is done. After an error, findings are missing, or a session may be left.
func Run(ctx context.Context, client *sessions.Client, o Options) (findings []Finding, err error) {
	p := &probe{Options: o, ctx: ctx, client: client}
	if p.document, err = contract.Load(); err != nil {
		return nil, err
	}
	if p.hooks, err = client.Webhooks("https://edgegap-probe.invalid/"+strings.ToLower(rand.Text()[:12]), "probe"); err != nil {
		return nil, err
	}
	step := ""
	defer func() {
		p.Progress("deleting the sessions")
		findings, err = p.findings, errors.Join(err, p.cleanUp())
	}()
	defer func() {
		r := recover()
		if f, ok := r.(failure); ok {
			err = fmt.Errorf("%s: %w", step, f.error)
		} else if r != nil {
			panic(r)
		}
	}()
	for _, s := range []struct {
		name string
		run  func()
	}{
		{"creating a session", p.create}, {"waiting until it is ready", p.waitReady}, {"creating sessions in other ways", p.createOthers},
		{"changing users", p.changeUsers}, {"deleting a session twice", p.deleteTwice}, {"creating sessions for the list", p.createMany},
		{"listing sessions", p.list}, {"stopping sessions in bulk", p.bulkStop},
	} {
		step = s.name
		p.Progress(step)
		s.run()
	}
	p.reportForm()
	if o.Save != "" {
		err = save(o.Save, p.exchanges)
	}
	return p.findings, err
}

// cleanUp deletes the sessions of the probe, also those whose ids it does not know, when the last
// one has become visible.
func (p *probe) cleanUp() error {
	time.Sleep(time.Until(p.visible))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), time.Minute)
	defer cancel()
	_, err := p.hooks.Reclaim(ctx, func(context.Context, string) (bool, error) { return false, nil })
	errs := []error{err}
	for _, id := range p.created {
		if err := p.client.Delete(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("session %s may be left: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// expect adds a finding. The fact holds if the API did one of the allowed things.
func (p *probe) expect(fact, contract string, got any, allowed ...any) {
	f := Finding{fact, contract, fmt.Sprint(got), Differs}
	if slices.ContainsFunc(allowed, func(a any) bool { return fmt.Sprint(a) == f.API }) {
		f.Verdict = Holds
	}
	p.findings = append(p.findings, f)
}

// note adds a finding about what openapi.yaml leaves open, or could not be tested.
func (p *probe) note(fact, contract, got, verdict string) {
	p.findings = append(p.findings, Finding{fact, contract, got, verdict})
}

// call sends a request, validates the response, decodes its body and returns its status. It
// repeats the request after a 429.
func (p *probe) call(operation, method, path string, body any, into ...any) (status int) {
	for range 4 {
		p.sleep(p.Pace)
		var content io.Reader
		if body != nil {
			text, err := json.Marshal(body)
			fail(err)
			content = bytes.NewReader(text)
		}
		req, err := http.NewRequestWithContext(p.ctx, method, strings.TrimSuffix(p.client.API().Server, "/")+path, content)
		fail(err)
		req.Header.Set("Content-Type", "application/json")
		res, err := p.client.API().Client.Do(req)
		fail(err)
		response, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
		res.Body.Close()
		fail(err)
		var v any
		json.Unmarshal(response, &v)
		p.exchanges = append(p.exchanges, exchange{method, path, body, res.StatusCode, res.Header.Get("Content-Type"), v})
		switch {
		case res.StatusCode == http.StatusTooManyRequests:
			p.limited = fmt.Sprintf("Retry-After %q, Content-Type %q", res.Header.Get("Retry-After"), res.Header.Get("Content-Type"))
			wait, _ := time.ParseDuration(res.Header.Get("Retry-After") + "s")
			p.sleep(min(cmp.Or(wait, 10*time.Second), time.Minute))
			continue
		case res.StatusCode == http.StatusOK:
			p.inspect(operation, v, models[operation])
		}
		if err := p.document.ValidateResponse(operation, req, res.StatusCode, res.Header, response); err != nil {
			add(&p.problems, operation+": "+indexes.ReplaceAllString(err.Error(), ".*."))
		}
		for _, v := range into {
			json.Unmarshal(response, v) // a field of another type stays zero; it is one of the problems
		}
		return res.StatusCode
	}
	fail(errors.New("rate limited four times"))
	return 0
}

func (p *probe) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-p.ctx.Done():
	}
	fail(p.ctx.Err())
}

// poll calls f until it returns true or max has passed, and describes the time.
func (p *probe) poll(max time.Duration, f func() bool) string {
	for start := time.Now(); ; p.sleep(200 * time.Millisecond) {
		ok, elapsed := f(), time.Since(start).Round(100*time.Millisecond)
		switch {
		case ok && elapsed < 200*time.Millisecond+p.Pace:
			return "at once"
		case ok:
			return fmt.Sprintf("after %s", elapsed)
		case elapsed >= max:
			return fmt.Sprintf("not within %s", max)
		}
	}
}

// newSession creates a session, which cleanUp deletes, and returns the status.
func (p *probe) newSession(r api.CreateRequest, into ...any) int {
	visible := p.visible
	p.visible = time.Now().Add(maxVisible)
	r.WebhookURL = p.hooks.URL(fmt.Sprint("session-", len(p.created)+1))
	var result api.CreateResult
	status := p.call("session-post", "POST", "/v1/session", r, append(into, &result)...)
	if result.SessionID != "" {
		p.created = append(p.created, result.SessionID)
	} else if status < http.StatusInternalServerError {
		p.visible = visible
	}
	return status
}

func (p *probe) get(id string, into ...any) int {
	return p.call("get-session", "GET", "/v1/session/"+id, nil, into...)
}

func (p *probe) delete(id string) int {
	return p.call("session-delete", "DELETE", "/v1/session/"+id, nil)
}

func (p *probe) listPage(query string) (status int, list api.SessionList) {
	status = p.call("list-sessions", "GET", "/v1/sessions"+query, nil, &list)
	return status, list
}

// isListed reports whether the list has the session.
func (p *probe) isListed(id string) bool {
	p.sleep(p.Pace)
	for s, err := range p.client.All(p.ctx, sessions.ListOptions{}) {
		fail(err)
		if s.SessionID == id {
			return true
		}
	}
	return false
}

func (p *probe) create() {
	var message struct{ Message string }
	status := p.newSession(api.CreateRequest{AppName: p.App, VersionName: p.Version, IPList: []string{"203.0.113.1"}}, &message)
	if len(p.created) == 0 {
		fail(fmt.Errorf("status %d: %s", status, message.Message))
	}
	p.expect("create: status", "200", status, 200)
	id := p.created[0]
	p.expect("a new session can be read", "unknown; assumed: at once", p.poll(maxVisible, func() bool { return p.get(id) == http.StatusOK }), "at once")
	p.expect("a new session is in the list", "unknown; assumed: at once", p.poll(maxVisible, func() bool { return p.isListed(id) }), "at once")
	p.visible = time.Time{}
}

func (p *probe) waitReady() {
	var raw struct{ Status, Kind string } // as the API spells them
	var seen []string
	linked, start := "", time.Now()
	p.poll(maxReady, func() bool {
		last := raw.Status
		p.session = api.Session{}
		p.get(p.created[0], &p.session, &raw)
		if raw.Status != last {
			seen = append(seen, fmt.Sprintf("%s after %s", raw.Status, time.Since(start).Round(100*time.Millisecond)))
		}
		if p.session.Status == api.StatusWaiting {
			linked = fmt.Sprint(p.session.Linked)
		}
		return p.session.Ready || p.session.Status.Failed()
	})
	s, d := p.session, p.session.Deployment
	if !s.Ready || d == nil {
		fail(fmt.Errorf("not ready, or without deployment: %s; %s", strings.Join(seen, ", "), s.Error))
	}
	p.note("statuses, when first read", "seven are known", strings.Join(seen, ", "), Holds)
	p.expect("status and kind of a ready session", "Ready; Seat or Match", raw.Status+" "+raw.Kind, "Ready Seat", "Ready Match")
	p.expect("linked while Waiting", "unknown; assumed: true", cmp.Or(linked, "Waiting was not read"), true, "Waiting was not read")
	created, _ := s.CreatedAt()
	age := time.Since(created)
	p.expect("create_time is in UTC", "inferred: true", age.Abs() < 10*time.Minute, true)
	p.expect("elapsed is in seconds", "inferred: true", (age-time.Duration(s.Elapsed)*time.Second).Abs() < 10*time.Second, true)
	p.expect("deployment.status of a ready session", "Ready", d.Status, "Ready")
	scheme := false
	for _, port := range d.Ports {
		scheme = scheme || strings.Contains(port.Link, "://")
	}
	p.expect("the link of a port has a scheme", "assumed: false", scheme, false)
}

func (p *probe) createOthers() {
	var raw struct{ Version any }
	status := p.newSession(api.CreateRequest{AppName: p.App, IPList: []string{"203.0.113.2"}}, &raw)
	p.expect("create without version_name: type of version", "string or null; assumed: string", fmt.Sprintf("%d %T", status, raw.Version), "200 string")
	p.expect("create with an unknown app: status", "unknown; assumed: 400", p.newSession(api.CreateRequest{AppName: "edgegap-probe-unknown", IPList: []string{"203.0.113.2"}}), 400)
	p.expect("create with an unknown deployment_request_id: status", "unknown; assumed: 200",
		p.newSession(api.CreateRequest{AppName: p.App, VersionName: p.Version, IPList: []string{"203.0.113.2"}, DeploymentRequestID: "000000000000"}), 200)
	p.expect("get of an unknown session: status", "inferred: 404", p.get(unknownID), 404)
	p.expect("delete of an unknown session: status", "404 or 410", p.delete(unknownID), 404, 410)
}

// change adds or removes users of the first session, and describes the response.
func (p *probe) change(method string, ips ...string) string {
	var list api.SessionUsers
	operation := map[string]string{"PUT": "put-users-session", "DELETE": "delete-users-session"}[method]
	status := p.call(operation, method, "/v1/session/"+p.session.SessionID+"/users", api.UserChange{IPList: append([]string{}, ips...)}, &list)
	if status != http.StatusOK {
		return fmt.Sprint(status)
	}
	return fmt.Sprintf("200, %d users", len(list.SessionUsers))
}

func (p *probe) changeUsers() {
	p.expect("add a user: response", "all users after the change", p.change("PUT", "203.0.113.3"), "200, 2 users")
	p.expect("add a user twice", "unknown; assumed: counted once", p.change("PUT", "203.0.113.3"), "200, 2 users")
	p.expect("add an empty list of users", "unknown; assumed: no change", p.change("PUT"), "200, 2 users")
	p.expect("remove a user: response", "all users after the change", p.change("DELETE", "203.0.113.3"), "200, 1 users")
	p.expect("remove a user that is not there", "unknown; assumed: no change", p.change("DELETE", "203.0.113.4"), "200, 1 users")
	const fact, inferred = "add more users than the deployment has sockets", "inferred: 422"
	s, err := p.client.Get(p.ctx, p.session.SessionID) // accepts numbers in strings
	fail(err)
	free := s.Deployment.Sockets - s.Deployment.SocketsUsage
	if s.Kind != api.KindSeat || free < 0 || free > 200 {
		p.note(fact, inferred, fmt.Sprintf("kind %s, %d free sockets", s.Kind, free), NotTested)
		return
	}
	var ips []string
	for i := range free + 1 {
		ips = append(ips, fmt.Sprintf("198.51.100.%d", i+1))
	}
	p.expect(fact, inferred, p.change("PUT", ips...), "422")
}

func (p *probe) deleteTwice() {
	id := p.created[1]
	p.poll(maxVisible, func() bool { return p.get(id) == http.StatusOK })
	p.expect("delete: status", "200", p.delete(id), 200)
	p.expect("delete again at once: status", "404 or 410", p.delete(id), 404, 410)
	p.expect("a deleted session is in the list", "unknown; assumed: false", p.isListed(id), false)
	after := p.poll(maxVisible, func() bool { return slices.Contains([]int{http.StatusNotFound, http.StatusGone}, p.get(id)) })
	p.note("a deleted session is gone", "inferred: after some time", after, Holds)
}

func (p *probe) createMany() {
	for n := len(p.created); n < Sessions-1; n++ {
		if status := p.newSession(api.CreateRequest{AppName: p.App, VersionName: p.Version, IPList: []string{"203.0.113.5"}}); status != http.StatusOK {
			fail(fmt.Errorf("status %d", status))
		}
	}
	p.poll(maxVisible, func() bool { return p.isListed(p.created[len(p.created)-1]) })
	p.visible = time.Time{}
}

func (p *probe) list() {
	_, all := p.listPage("?page=1&limit=1000")
	n := len(all.Data)
	_, first := p.listPage("")
	p.expect("default limit of the list", "inferred: 10", len(first.Data), 10)
	if all.Pagination.Paginator.NumPages > 1 {
		p.expect("greatest limit of the list", "unknown; assumed: none", n, 1000)
	} else {
		p.expect("greatest limit of the list", "unknown; assumed: none", fmt.Sprintf("at least %d", n), fmt.Sprintf("at least %d", n))
		p.expect("total_count is the length of the list", "may be greater; assumed: true", all.TotalCount == int64(n), true)
	}
	var order []int
	for _, s := range all.Data {
		if i := slices.Index(p.created, s.SessionID); i >= 0 {
			order = append(order, i)
		}
	}
	text := "other"
	for _, name := range []string{"newest first", "oldest first"} {
		if slices.Reverse(order); slices.IsSorted(order) {
			text = name
		}
	}
	p.expect("order of the list", "unknown; assumed: oldest first", text, "oldest first")
	_, page := p.listPage("?page=1&limit=5")
	pages := page.Pagination.Paginator.NumPages
	_, last := p.listPage(fmt.Sprintf("?page=%d&limit=5", pages))
	p.expect("the last page has a next page", "false, except in an example of the vendor", last.Pagination.HasNext || last.Pagination.NextPageNumber != nil, false)
	status, beyond := p.listPage(fmt.Sprintf("?page=%d&limit=5", pages+1))
	p.expect("a page after the last one", "unknown; assumed: 200, empty", fmt.Sprintf("%d, %d sessions", status, len(beyond.Data)), "200, 0 sessions")
}

// bulkStop stops two sessions of the probe by their ids. It sends no other filter.
func (p *probe) bulkStop() {
	var result api.BulkStopResult
	ids := p.created[len(p.created)-2:]
	status := p.call("sessions-bulk-stop", "POST", "/v1/sessions/bulk-stop",
		api.BulkStopRequest{Filters: []api.StopFilter{sessions.StopByID(append([]string{unknownID}, ids...)...)}}, &result)
	others := slices.DeleteFunc(slices.Clone(result.Processable), func(s api.StoppedSession) bool { return slices.Contains(ids, s.SessionID) })
	p.expect("bulk stop of two sessions by id", "200, exactly these", fmt.Sprintf("%d, %d sessions, %d others", status, len(result.Processable), len(others)), "200, 2 sessions, 0 others")
}

func (p *probe) reportForm() {
	p.expect("responses that openapi.yaml does not declare", "none", strings.Join(p.problems, "; "), "")
	p.expect("fields that openapi.yaml lacks", "none", strings.Join(p.unknown, "; "), "")
	p.expect("optional fields that are null", "null or absent; assumed: absent", strings.Join(p.null, "; "), "")
	verdict := map[bool]string{true: NotTested, false: Holds}[p.limited == ""]
	p.note("a response with status 429", "unknown", cmp.Or(p.limited, "none was received"), verdict)
}

var models = map[string]reflect.Type{
	"session-post": reflect.TypeFor[api.CreateResult](), "get-session": reflect.TypeFor[api.Session](), "session-delete": reflect.TypeFor[api.DeleteResult](),
	"put-users-session": reflect.TypeFor[api.SessionUsers](), "delete-users-session": reflect.TypeFor[api.SessionUsers](),
	"list-sessions": reflect.TypeFor[api.SessionList](), "sessions-bulk-stop": reflect.TypeFor[api.BulkStopResult](),
}

// inspect records the fields of v that the model lacks, and the optional ones that are null.
func (p *probe) inspect(path string, v any, model reflect.Type) {
	if model.Kind() == reflect.Pointer {
		model = model.Elem()
	}
	if list, ok := v.([]any); ok && model.Kind() == reflect.Slice {
		for _, e := range list {
			p.inspect(path, e, model.Elem())
		}
	}
	object, _ := v.(map[string]any)
	for name, e := range object {
		if model.Kind() == reflect.Map {
			p.inspect(path+".*", e, model.Elem())
			continue
		} else if model.Kind() != reflect.Struct {
			return // problems has the wrong type
		}
		at, known := path+"."+name, false
		for field := range model.Fields() {
			if tag, options, _ := strings.Cut(field.Tag.Get("json"), ","); tag == name {
				if known = true; e != nil {
					p.inspect(at, e, field.Type)
				} else if options != "" {
					add(&p.null, at)
				}
			}
		}
		if !known {
			add(&p.unknown, at)
		}
	}
}

// add inserts a text into a sorted list that has it at most once.
func add(list *[]string, text string) {
	if i, ok := slices.BinarySearch(*list, text); !ok {
		*list = slices.Insert(*list, i, text)
	}
}

var indexes = regexp.MustCompile(`\.\d+\.`)
