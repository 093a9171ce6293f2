package sessionstest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// stop returns the ids of the sessions that a bulk stop with these filters stops.
func (f *fake) stop(filters ...string) (ids []string) {
	f.t.Helper()
	o := f.want(200, "POST", "/v1/sessions/bulk-stop", `{"filters": [`+strings.Join(filters, ", ")+`]}`)
	for _, s := range o["processable"].([]any) {
		ids = append(ids, s.(map[string]any)["session_id"].(string))
	}
	return ids
}

// filter returns a filter of a bulk stop.
func filter(field, filterType string, values ...string) string {
	return fmt.Sprintf(`{"field": %q, "filter_type": %q, "values": ["%s"]}`, field, filterType, strings.Join(values, `", "`))
}

var deleteFacts = map[string]func(*testing.T){
	"delete": func(t *testing.T) {
		f := newFake(t)
		id := f.ready(`"ip_list": ["203.0.113.7", "203.0.113.8"]`)["session_id"].(string)
		equal(t, "response", f.want(200, "DELETE", "/v1/session/"+id, ""), "map[message:Instance "+id+" will be deleted session_id:"+id+"]")
		equal(t, "sessions", len(f.Sessions()), 0)
		equal(t, "sockets of the deployments", line(len(f.Deployments()), f.Deployments()[0].SocketsUsage), "1 0")
		pending := f.create(`"version_name": "2"`)
		time.Sleep(time.Second)
		f.want(200, "DELETE", "/v1/session/"+pending, "")
		time.Sleep(time.Minute)
		f.want(404, "GET", "/v1/session/"+pending, "")
		equal(t, "the deployment that was started", f.Deployments()[1].Status, "Ready")
	},
	"Terminating": func(t *testing.T) {
		for _, listed := range []bool{false, true} {
			f := assuming(t, sessionstest.Assumptions{ListTerminating: listed}, sessionstest.WithTerminatingFor(3*time.Second))
			id := f.ready("")["session_id"].(string)
			f.want(200, "DELETE", "/v1/session/"+id, "")
			equal(t, "flags", f.flags(id), "Terminating false false")
			equal(t, "listed", len(f.want(200, "GET", "/v1/sessions", "")["data"].([]any)) == 1, listed)
			equal(t, "stopped", f.stop(filter("session_id", "any", id)), "[]")
			f.want(422, "PUT", "/v1/session/"+id+"/users", `{"ip_list": ["203.0.113.8"]}`)
			time.Sleep(3*time.Second - 1)
			f.read(id)
			time.Sleep(time.Nanosecond)
			f.want(404, "GET", "/v1/session/"+id, "")
			equal(t, "listed", len(f.want(200, "GET", "/v1/sessions", "")["data"].([]any)), 0)
		}
		f := newFake(t, sessionstest.WithTerminatingFor(0))
		id := f.create("")
		f.want(200, "DELETE", "/v1/session/"+id, "")
		f.want(404, "GET", "/v1/session/"+id, "")
	},
	"delete twice": func(t *testing.T) {
		for status, f := range map[int]*fake{410: newFake(t), 404: assumingStatus(t, "deleted_twice", 404), 200: assumingStatus(t, "deleted_twice", 200)} {
			id := f.create("")
			f.want(200, "DELETE", "/v1/session/"+id, "")
			o := f.want(status, "DELETE", "/v1/session/"+id, "")
			equal(t, "message", o["message"] == "Instance Already terminated", status != 200)
			time.Sleep(time.Second)
			f.want(404, "DELETE", "/v1/session/"+id, "")
		}
	},
	"bulk stop": func(t *testing.T) {
		f := newFake(t)
		a, b := f.deploy("eu", "ranked"), f.deploy("eu")
		var ids []string
		for _, d := range []string{a, a, b, b, b} {
			ids = append(ids, f.create(`"deployment_request_id": "`+d+`"`))
		}
		time.Sleep(2 * time.Second)
		for _, test := range []struct {
			filters []string
			want    []string
		}{
			{[]string{filter("session_id", "any", "950dd2eaff09-S")}, nil},
			{[]string{filter("deployment_tags", "all", "eu", "ranked"), filter("session_id", "not", ids[0])}, ids[1:2]},
			{[]string{filter("request_id", "any", b), filter("session_id", "any", ids[0], ids[2])}, ids[2:3]},
			{[]string{filter("deployment_tags", "not", "ranked"), filter("session_id", "not", ids[4])}, ids[3:4]},
			{[]string{filter("deployment_tags", "any", "eu", "us")}, []string{ids[0], ids[4]}},
			{[]string{filter("deployment_tags", "any", "eu")}, nil},
		} {
			equal(t, line("stopped by ", test.filters), f.stop(test.filters...), test.want)
		}
		for _, invalid := range []string{filter("ip", "any", "x"), filter("session_id", "some", "x"), `{"field": "session_id", "filter_type": "any", "values": []}`} {
			f.want(400, "POST", "/v1/sessions/bulk-stop", `{"filters": [`+invalid+`]}`)
		}
		equal(t, "sessions", len(f.Sessions()), 0)
	},
	"empty filters": func(t *testing.T) {
		f, all := newFake(t), assumingStatus(t, "empty_filters", 200)
		for _, f := range []*fake{f, all} {
			f.create("")
			f.create("")
		}
		f.want(400, "POST", "/v1/sessions/bulk-stop", `{"filters": []}`)
		f.want(400, "POST", "/v1/sessions/bulk-stop", `{}`)
		equal(t, "stopped", len(all.stop()), 2)
		equal(t, "sessions", line(len(f.Sessions()), len(all.Sessions())), "2 0")
	},
}

// users calls with a list of IP addresses and returns those of the response.
func (f *fake) users(status int, method, id string, ips ...string) (users []string) {
	f.t.Helper()
	body := ""
	if method != "GET" {
		body = `{"ip_list": ["` + strings.Join(ips, `", "`) + `"]}`
	}
	list, _ := f.want(status, method, "/v1/session/"+id+"/users", strings.Replace(body, `[""]`, `[]`, 1))["session_users"].([]any)
	for _, u := range list {
		users = append(users, u.(map[string]any)["ip"].(string))
	}
	return users
}

var userFacts = map[string]func(*testing.T){
	"add users": func(t *testing.T) {
		f := newFake(t)
		id := f.ready(`"ip_list": ["203.0.113.7"]`)["session_id"].(string)
		equal(t, "users", f.users(200, "PUT", id, "2001:db8::1", "203.0.113.8"), "[203.0.113.7 2001:db8::1 203.0.113.8]")
		equal(t, "users", f.users(200, "GET", id), "[203.0.113.7 2001:db8::1 203.0.113.8]")
		equal(t, "counts", line(f.read(id)["user_count"], f.Deployments()[0].SocketsUsage), "3 3")
		f.users(400, "PUT", id, "x")
		f.want(400, "PUT", "/v1/session/"+id+"/users", `{}`)
	},
	"remove users": func(t *testing.T) {
		f := newFake(t)
		id := f.ready(`"ip_list": ["203.0.113.7", "2001:db8::1", "203.0.113.8"]`)["session_id"].(string)
		equal(t, "users", f.users(200, "DELETE", id, "2001:0DB8::1", "203.0.113.7"), "[203.0.113.8]")
		equal(t, "counts", line(f.read(id)["user_count"], f.Deployments()[0].SocketsUsage), "1 1")
		f.want(400, "DELETE", "/v1/session/"+id+"/users", "")
		f = newFake(t, noAutodeploy)
		f.deploy()
		id = f.ready(`"ip_list": ["203.0.113.7", "203.0.113.8"]`)["session_id"].(string)
		equal(t, "status when all sockets are used", f.ready("")["status"], "Unprocessable")
		f.users(200, "DELETE", id, "203.0.113.8")
		equal(t, "status when one is free", f.ready("")["status"], "Ready")
	},
	"more users than sockets": func(t *testing.T) {
		two := sessionstest.WithApp(sessionstest.App{Sockets: 2})
		f := newFake(t, two)
		id := f.ready("")["session_id"].(string)
		f.users(422, "PUT", id, "203.0.113.8", "203.0.113.9")
		equal(t, "users", f.users(200, "GET", id), "[203.0.113.7]")
		f.users(200, "PUT", id, "203.0.113.8")
		f = assumingStatus(t, "no_socket", 200, two)
		id = f.ready("")["session_id"].(string)
		equal(t, "users", len(f.users(200, "PUT", id, "203.0.113.8", "203.0.113.9")), 3)
		f.users(200, "DELETE", id, "203.0.113.7", "203.0.113.8")
		equal(t, "sockets", f.Deployments()[0].SocketsUsage, 1)
	},
	"duplicate user": func(t *testing.T) {
		for status, f := range map[int]*fake{200: newFake(t), 409: assumingStatus(t, "duplicate_ip", 409)} {
			id := f.create(`"ip_list": ["2001:db8::1"]`)
			f.users(status, "PUT", id, "2001:0db8:0::1")
			f.want(status, "POST", "/v1/session", `{"app_name": "arena", "ip_list": ["203.0.113.7", "::ffff:203.0.113.7"]}`)
			equal(t, "users", f.users(200, "GET", id), "[2001:db8::1]")
		}
	},
	"absent user": func(t *testing.T) {
		for status, f := range map[int]*fake{200: newFake(t), 404: assumingStatus(t, "unknown_ip", 404)} {
			id := f.create(`"ip_list": ["203.0.113.7", "203.0.113.8"]`)
			f.users(status, "DELETE", id, "203.0.113.8", "203.0.113.9")
			equal(t, "users", len(f.users(200, "GET", id)), map[int]int{200: 1, 404: 2}[status])
		}
	},
	"empty ip_list": func(t *testing.T) {
		for status, f := range map[int]*fake{200: newFake(t), 400: assumingStatus(t, "empty_ip_list", 400)} {
			id := f.create("")
			equal(t, "users", len(f.users(status, "PUT", id)), map[int]int{200: 1, 400: 0}[status])
			f.users(status, "DELETE", id)
			f.want(status, "POST", "/v1/session", `{"app_name": "arena", "ip_list": []}`)
			f.want(200, "POST", "/v1/session", `{"app_name": "arena"}`)
		}
	},
}
