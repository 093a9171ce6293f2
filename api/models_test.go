package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

func TestStatusSpellings(t *testing.T) {
	for _, test := range []struct {
		json   string
		want   api.Status
		failed bool
	}{
		{`"Ready"`, api.StatusReady, false}, {`"READY"`, api.StatusReady, false}, {`"ready"`, api.StatusReady, false},
		{`"Status.READY"`, api.StatusReady, false}, {`"Status.Ready"`, api.StatusReady, false}, {`"Initializing"`, api.StatusInitializing, false},
		{`"Status.SEEKING"`, api.StatusSeeking, false}, {`"WAITING"`, api.StatusWaiting, false}, {`"Error"`, api.StatusError, true},
		{`"Status.ERROR"`, api.StatusError, true}, {`"Status.UNPROCESSABLE"`, api.StatusUnprocessable, true},
		{`"TERMINATING"`, api.StatusTerminating, true}, {`"Hibernating"`, "Hibernating", false},
		{`"Status.HIBERNATING"`, "Status.HIBERNATING", false}, {`"Linked"`, "Linked", false}, {`"Status."`, "Status.", false}, {`""`, "", false},
		{`null`, "", false},
	} {
		var s api.Session
		if err := json.Unmarshal([]byte(`{"status":`+test.json+`}`), &s); err != nil {
			t.Fatal(err)
		}
		if s.Status != test.want || s.Status.Failed() != test.failed {
			t.Errorf("%s: got %q, failed %t, want %q, failed %t", test.json, s.Status, s.Status.Failed(), test.want, test.failed)
		}
	}
	text, err := json.Marshal(api.StatusReady)
	if err != nil || string(text) != `"Ready"` {
		t.Errorf("got %s, error %v, want \"Ready\"", text, err)
	}
}

func TestKindSpellings(t *testing.T) {
	for _, test := range []struct {
		json string
		want api.Kind
	}{
		{`"Seat"`, api.KindSeat}, {`"SEATS"`, api.KindSeat}, {`"Kind.SEAT"`, api.KindSeat}, {`"Match"`, api.KindMatch}, {`"MATCH"`, api.KindMatch},
		{`"DEFAULT"`, api.KindDefault}, {`"RAID"`, "RAID"}, {`"S"`, "S"}, {`""`, ""},
	} {
		var s api.SessionSummary
		if err := json.Unmarshal([]byte(`{"kind":`+test.json+`}`), &s); err != nil || s.Kind != test.want {
			t.Errorf("%s: got %q, error %v, want %q", test.json, s.Kind, err, test.want)
		}
	}
}

func TestCreatedAt(t *testing.T) {
	want := time.Date(2024, 5, 26, 12, 0, 45, 831041000, time.UTC)
	for _, test := range []struct {
		text string
		want time.Time
	}{
		{"2024-05-26 12:00:45.831041", want},
		{"2024-05-26T12:00:45.831041", want},
		{"2024-05-26 12:00:45.831041Z", want},
		{"2024-05-26T12:00:45.831041Z", want},
		{"2024-05-26 14:00:45.831041+02:00", want},
		{"2024-05-26T08:00:45.831041-04:00", want},
		{"2024-05-26 12:00:45", want.Truncate(time.Second)},
		{"2024-05-26T12:00:45Z", want.Truncate(time.Second)},
	} {
		got, err := (&api.Session{CreateTime: test.text}).CreatedAt()
		if err != nil || !got.Equal(test.want) || got.Location() != time.UTC {
			t.Errorf("%s: got %v, error %v, want %v in UTC", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"", "yesterday", "2024-05-26", "1716724845"} {
		if got, err := (&api.Session{CreateTime: text}).CreatedAt(); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestEndpoint(t *testing.T) {
	const host = "57f84a8e1298.pr.edgegap.net"
	type ports = map[string]api.Port
	five := ports{
		"a": {Name: "A"}, "b": {Name: "B"}, "c": {Name: "C"},
		"game": {Name: "Game UDP", External: 31504, Link: host + ":31504"},
		"web":  {Name: "Web", External: 443, Link: "https://" + host + ":31900/lobby"},
	}
	for _, test := range []struct {
		name  string
		ports ports
		ip    string // in place of the host name
		port  string
		want  string
		err   []string // parts of the error
	}{
		{name: "key", ports: five, port: "game", want: host + ":31504"},
		{name: "name", ports: five, port: "Game UDP", want: host + ":31504"},
		{name: "URL", ports: five, port: "web", want: host + ":31900"},
		{name: "only port", ports: ports{"a": {Link: "h:1"}}, want: "h:1"},
		{name: "key before name", ports: ports{"a": {Name: "b", Link: "h:1"}, "b": {Name: "a", Link: "h:2"}}, port: "b", want: "h:2"},
		{name: "no link", ports: ports{"a": {External: 31504}}, port: "a", want: host + ":31504"},
		{name: "link without port", ports: ports{"a": {External: 31504, Link: host}}, port: "a", want: host + ":31504"},
		{name: "link without number", ports: ports{"a": {External: 31504, Link: host + ":"}}, port: "a", want: host + ":31504"},
		{name: "link without host", ports: ports{"a": {External: 31504, Link: ":31504"}}, port: "a", want: host + ":31504"},
		{name: "URL without port", ports: ports{"a": {External: 31504, Link: "https://" + host}}, port: "a", want: host + ":31504"},
		{name: "link with path", ports: ports{"a": {Link: "h:1/game"}}, port: "a", want: "h:1"},
		{name: "IPv4", ports: ports{"a": {External: 80}}, ip: "192.0.2.61", want: "192.0.2.61:80"},
		{name: "IPv6", ports: ports{"a": {External: 80}}, ip: "2001:db8::1", want: "[2001:db8::1]:80"},
		{name: "IPv6 link", ports: ports{"a": {Link: "[2001:db8::1]:80"}}, want: "[2001:db8::1]:80"},
		{name: "several ports", ports: five, err: []string{"a, b, c, game, web"}},
		{name: "several ports without names", ports: ports{"a": {Link: "h:1"}, "b": {Link: "h:2"}}, err: []string{"a, b"}},
		{name: "unknown port", ports: five, port: "chat", err: []string{`"chat"`, "a, b, c, game, web"}},
		{name: "unknown only port", ports: ports{"a": {Link: "h:1"}}, port: "chat", err: []string{`"chat"`, "a"}},
		{name: "no ports", err: []string{"no ports"}},
		{name: "no address", ports: ports{"a": {}}, port: "a", err: []string{"no address"}},
		{name: "no host", ports: ports{"a": {External: 80}}, ip: "-", err: []string{"no address"}},
	} {
		d := &api.Deployment{FQDN: host, PublicIP: "192.0.2.61", Ports: test.ports}
		if test.ip != "" {
			d.FQDN, d.PublicIP = "", strings.Trim(test.ip, "-")
		}
		got, err := (&api.Session{SessionID: "950dd2eaff09-S", Deployment: d}).Endpoint(test.port)
		if got != test.want || (err != nil) != (test.err != nil) {
			t.Errorf("%s: got %q, error %v, want %q", test.name, got, err, test.want)
			continue
		}
		for _, want := range append(test.err, "950dd2eaff09-S") {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %q, want it to contain %q", test.name, err, want)
			}
		}
	}
	if got, err := (&api.Session{}).Endpoint(""); err == nil {
		t.Errorf("no deployment: got %q, want an error", got)
	}
}
