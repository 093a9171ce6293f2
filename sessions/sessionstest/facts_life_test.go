package sessionstest_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// noAutodeploy is an option: app arena has two sockets and starts no deployment.
var noAutodeploy = sessionstest.WithApp(sessionstest.App{Name: "arena", Version: "1.4", Sockets: 2, NoAutodeploy: true})

// deploy starts a deployment of arena.
func (f *fake) deploy(tags ...string) (requestID string) {
	f.t.Helper()
	id, err := f.Deploy(sessionstest.DeployRequest{AppName: "arena", Tags: tags})
	if err != nil {
		f.t.Fatal(err)
	}
	return id
}

// deployment returns the id of the deployment of a session.
func deployment(s object) any { return s.at("deployment", "request_id") }

// flags returns status, ready and linked of a session.
func (f *fake) flags(id string) string {
	f.t.Helper()
	s := f.read(id)
	return line(s["status"], s["ready"], s["linked"])
}

var lifeFacts = map[string]func(*testing.T){
	"pending": func(t *testing.T) {
		f := newFake(t, sessionstest.WithReadyAfter(10*time.Second))
		start := time.Now()
		f.create("")
		time.Sleep(time.Hour) // nobody reads meanwhile
		for i, want := range []string{"Initializing 0s", "Seeking 1s", "Waiting 4s", "Ready 10s"} {
			change := f.Sessions()[0].History[i]
			equal(t, "change", line(change.Status, change.Time.Sub(start)), want)
		}
		f = newFake(t, sessionstest.WithReadyBetween(time.Second, time.Minute))
		f.createMany(20)
		time.Sleep(time.Minute)
		times := map[time.Duration]bool{}
		for _, s := range f.Sessions() {
			took := s.History[len(s.History)-1].Time.Sub(s.History[0].Time)
			times[took] = true
			if s.Status != "Ready" || took < time.Second || took > time.Minute {
				t.Errorf("%s after %v", s.Status, took)
			}
		}
		equal(t, "different times", len(times), 20)
		f = newFake(t)
		equal(t, "status after 2 s without a setting", f.ready("")["status"], "Ready")
	},
	"linked": func(t *testing.T) {
		for late, want := range map[bool]string{false: "Waiting false true", true: "Waiting false false"} {
			f := assuming(t, sessionstest.Assumptions{LinkedWhenReady: late})
			id := f.create("")
			equal(t, "at once", f.flags(id), "Initializing false false")
			time.Sleep(799 * time.Millisecond)
			equal(t, "before 0.8 s", f.flags(id), "Seeking false false")
			time.Sleep(time.Millisecond)
			equal(t, "after 0.8 s", f.flags(id), want)
			time.Sleep(1200 * time.Millisecond)
			equal(t, "after 2 s", f.flags(id), "Ready true true")
		}
	},
	"ready": func(t *testing.T) {
		f := newFake(t)
		id := f.create("")
		time.Sleep(time.Second)
		s := f.read(id)
		equal(t, "pending deployment", line(s.at("deployment", "status"), s.at("deployment", "ready"), s.at("deployment", "public_ip"), s.at("deployment", "ports")), "Deploying false <nil>")
		time.Sleep(time.Second)
		s = f.read(id)
		equal(t, "deployment", line(s.at("deployment", "status"), s.at("deployment", "ready")), "Ready true")
		if !strings.HasPrefix(line(s.at("deployment", "public_ip")), "203.0.113.") {
			t.Errorf("no public_ip: %v", s)
		}
	},
	"Unprocessable": func(t *testing.T) {
		f := newFake(t, noAutodeploy)
		none := f.ready("")
		f.deploy("ranked")
		first := f.ready(`"ip_list": ["203.0.113.7", "203.0.113.8"], "selectors": [{"tag": "ranked"}]`)
		equal(t, "status with a deployment", first["status"], "Ready")
		full := f.ready("")
		for _, s := range []object{none, full, newFake(t, sessionstest.WithApp(sessionstest.App{Sockets: 1})).ready(`"ip_list": ["203.0.113.7", "203.0.113.8"]`)} {
			equal(t, "status", s["status"], "Unprocessable")
			equal(t, "ready, linked, deployment", line(s["ready"], s["linked"], s["deployment"]), "false false <nil>")
			if s["error"] == nil {
				t.Error("no error text")
			}
		}
		f.deploy()
		time.Sleep(time.Hour)
		equal(t, "status an hour later", f.read(none["session_id"].(string))["status"], "Unprocessable")
	},
	"Error": func(t *testing.T) {
		f := newFake(t, sessionstest.WithApp(sessionstest.App{FailsToStart: true}))
		ended := newFake(t)
		if err := ended.EndDeployment(deployment(ended.ready("")).(string)); err != nil {
			t.Fatal(err)
		}
		for _, s := range []object{f.ready(""), ended.read(ended.Sessions()[0].SessionID)} {
			equal(t, "session", line(s["status"], s["ready"], s["linked"], s["deployment"], s["error"]), "Error false false <nil> the deployment failed")
		}
		equal(t, "deployments", len(f.Deployments())+len(ended.Deployments()), 0)
		time.Sleep(time.Hour)
		equal(t, "sessions an hour later", len(f.Sessions()), 1)
		if err := ended.EndDeployment("57f84a8e1298"); err == nil {
			t.Error("no error for an unknown deployment")
		}
	},
	"spelling of sessions": func(t *testing.T) {
		for long, want := range map[bool]string{false: "Ready Seat Ready", true: "Status.READY SEATS Ready"} {
			f := assuming(t, sessionstest.Assumptions{SessionEnumNames: long})
			s := f.ready("")
			equal(t, "session", line(s["status"], s["kind"], s.at("deployment", "status")), want)
			item := object(f.want(200, "GET", "/v1/sessions", "")["data"].([]any)[0].(map[string]any))
			equal(t, "item of the list", line(item["status"], item["kind"]), strings.TrimSuffix(want, " Ready"))
		}
	},
	"spelling of deployments": func(t *testing.T) {
		s := assuming(t, sessionstest.Assumptions{DeploymentEnumNames: true}).ready("")
		equal(t, "statuses", line(s["status"], s.at("deployment", "status")), "Ready Status.READY")
	},
}

var deploymentFacts = map[string]func(*testing.T){
	"Seat": func(t *testing.T) {
		f := newFake(t, sessionstest.WithApp(sessionstest.App{Sockets: 3}))
		two := `"ip_list": ["203.0.113.7", "203.0.113.8"]`
		first, second, third := f.ready(two), f.ready(two), f.ready("")
		equal(t, "sockets", line(first.at("deployment", "sockets"), first.at("deployment", "sockets_usage")), "3 2")
		equal(t, "same deployment as the first", line(deployment(second) == deployment(first), deployment(third) == deployment(first)), "false true")
		equal(t, "joinable", line(third.at("deployment", "is_joinable_by_session"), second.at("deployment", "is_joinable_by_session")), "false true")
	},
	"Match": func(t *testing.T) {
		f := newFake(t, sessionstest.WithApp(sessionstest.App{Sockets: 2, Kind: sessions.KindMatch}))
		three := `"ip_list": ["203.0.113.7", "203.0.113.8", "203.0.113.9"]`
		first, second, third := f.ready(three), f.ready(three), f.ready(three)
		equal(t, "kind", first["kind"], "Match")
		equal(t, "same deployment as the first", line(deployment(second) == deployment(first), deployment(third) == deployment(first)), "true false")
	},
	"autodeploy": func(t *testing.T) {
		f := newFake(t)
		s := f.ready(`"selectors": [{"tag": "ranked"}, {"tag": "eu", "tag_only": true}]`)
		equal(t, "tags", s.at("deployment", "tags"), "[ranked eu]")
		equal(t, "deployments of another version", f.Deployments()[0].VersionName, "v1")
		f.ready(`"version_name": "2"`)
		equal(t, "deployments", len(f.Deployments()), 2)
	},
	"selectors": func(t *testing.T) {
		f := newFake(t, noAutodeploy)
		f.deploy("eu")
		both := f.deploy("ranked", "eu", "old")
		s := f.ready(`"selectors": [{"tag": "ranked"}, {"tag": "eu"}, {"tag": "new", "tag_only": true}]`)
		equal(t, "deployment", deployment(s), both)
		equal(t, "tags", s.at("deployment", "tags"), "[ranked eu old new]")
		equal(t, "status", f.ready(`"selectors": [{"tag": "ranked"}, {"tag": "us"}]`)["status"], "Unprocessable")
	},
	"env": func(t *testing.T) {
		f := newFake(t)
		f.ready(`"selectors": [{"tag": "x", "env": {"key": "MATCH_ID", "value": "m-1"}}]`)
		f.ready(`"selectors": [{"tag": "x", "env": {"key": "MATCH_ID", "value": "m-2"}}]`)
		equal(t, "deployments", len(f.Deployments()), 1)
		equal(t, "env", f.Deployments()[0].Env, "map[MATCH_ID:m-1]")
	},
	"requested deployment": func(t *testing.T) {
		f := newFake(t)
		f.deploy()
		second := f.deploy()
		created := f.want(200, "POST", "/v1/session", `{"app_name": "arena", "deployment_request_id": "`+second+`"}`)
		equal(t, "deployment in the response", created["deployment_request_id"], second)
		s := f.ready(`"deployment_request_id": "` + second + `", "selectors": [{"tag": "x"}]`)
		equal(t, "deployment", deployment(s), second)
	},
	"requested deployment is full": func(t *testing.T) {
		for status, want := range map[int]int{200: 200, 409: 409} {
			f := assumingStatus(t, "full_deployment", status, noAutodeploy)
			full := f.deploy()
			f.ready(`"ip_list": ["203.0.113.7", "203.0.113.8"]`)
			f.deploy()
			for _, id := range []string{full, "57f84a8e1298"} {
				body := `{"app_name": "arena", "ip_list": ["203.0.113.9"], "deployment_request_id": "` + id + `"}`
				if o := f.want(want, "POST", "/v1/session", body); want == 200 {
					time.Sleep(2 * time.Second)
					equal(t, "status", f.read(o["session_id"].(string))["status"], "Unprocessable")
				}
			}
		}
	},
	"ports": func(t *testing.T) {
		ports := map[string]sessions.Port{"query": {Internal: 8080, Protocol: "TCP", Name: "http"}, "game": {Internal: 9000, Protocol: "UDP"}}
		s := newFake(t, sessionstest.WithApp(sessionstest.App{Ports: ports})).ready("")
		equal(t, "names", line(s.at("deployment", "ports", "query", "name"), s.at("deployment", "ports", "game", "name")), "http game")
		for scheme, want := range map[bool]string{false: "", true: "https://"} {
			p := assuming(t, sessionstest.Assumptions{LinksWithScheme: scheme}).ready("").at("deployment", "ports", "gameport").(map[string]any)
			equal(t, "port", line(p["internal"], p["protocol"], p["name"]), "7777 UDP gameport")
			if link := line(p["link"]); !regexp.MustCompile(fmt.Sprintf("^%s[0-9a-f]{12}.deployments.example:%v$", want, p["external"])).MatchString(link) {
				t.Errorf("link %s", link)
			}
		}
	},
	"empty_ttl": func(t *testing.T) {
		app := sessionstest.App{Name: "arena", Version: "1", EmptyTTL: time.Minute}
		f := newFake(t, sessionstest.WithApp(app))
		id := f.ready("")["session_id"].(string)
		time.Sleep(time.Hour)
		f.want(200, "DELETE", "/v1/session/"+id, "")
		time.Sleep(50 * time.Second)
		id = f.ready("")["session_id"].(string)
		f.want(200, "DELETE", "/v1/session/"+id, "")
		f.deploy()
		time.Sleep(time.Minute - 1)
		equal(t, "deployments before", len(f.Deployments()), 2)
		time.Sleep(time.Nanosecond)
		equal(t, "deployments after", len(f.Deployments()), 0)
	},
	"places": func(t *testing.T) {
		f := newFake(t)
		s := f.ready(`"location": {"latitude": 48.85, "longitude": 2.35}, "city": "Paris", "region": "Europe",
			"filters": [{"field": "city", "values": ["Paris"], "filter_type": "any"}],
			"geo_ip_list": [{"ip": "203.0.113.7", "latitude": 48.5, "longitude": 2}]`)
		equal(t, "city", s.at("deployment", "location", "city"), "Montreal")
		equal(t, "users", s["session_users"], "[map[ip:203.0.113.7 latitude:48.5 longitude:2]]")
	},
}
