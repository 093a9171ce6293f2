package sessions_test

import (
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestEndpoint(t *testing.T) {
	ports := func(p map[string]sessions.Port) *sessions.Session {
		return &sessions.Session{Deployment: &sessions.Deployment{FQDN: "57f84a8e1298.pr.edgegap.net", PublicIP: "192.0.2.61", Ports: p}}
	}
	two := ports(map[string]sessions.Port{
		"game": {Name: "Game UDP", External: 31504, Link: "57f84a8e1298.pr.edgegap.net:31504"},
		"web":  {Name: "Web", External: 31900, Link: "https://57f84a8e1298.pr.edgegap.net:31900/lobby"},
	})
	for _, c := range []struct {
		session    *sessions.Session
		port, want string
	}{
		{two, "game", "57f84a8e1298.pr.edgegap.net:31504"},
		{two, "Game UDP", "57f84a8e1298.pr.edgegap.net:31504"},
		{two, "web", "57f84a8e1298.pr.edgegap.net:31900"},
		{ports(map[string]sessions.Port{"a": {External: 1, Link: "h:1"}}), "", "h:1"},
		{ports(map[string]sessions.Port{"a": {External: 31504}}), "a", "57f84a8e1298.pr.edgegap.net:31504"},
		{ports(map[string]sessions.Port{"a": {External: 31504, Link: "no port"}}), "a", "57f84a8e1298.pr.edgegap.net:31504"},
		{ports(map[string]sessions.Port{"a": {Link: "h:1/game"}}), "a", "h:1"},
		{ports(map[string]sessions.Port{"a": {External: 31504, Link: "h:99999"}}), "a", "57f84a8e1298.pr.edgegap.net:31504"},
		{ports(map[string]sessions.Port{"a": {Name: "b", Link: "h:1"}, "b": {Name: "a", Link: "h:2"}}), "b", "h:2"},
		{&sessions.Session{Deployment: &sessions.Deployment{PublicIP: "2001:db8::1", Ports: map[string]sessions.Port{"a": {External: 80}}}}, "", "[2001:db8::1]:80"},
	} {
		if got, err := sessions.Endpoint(c.session, c.port); err != nil || got != c.want {
			t.Errorf("port %q: %q, %v; want %q", c.port, got, err, c.want)
		}
	}
	for _, c := range []struct {
		session *sessions.Session
		port    string
		want    string
	}{
		{nil, "", "no deployment yet"},
		{&sessions.Session{}, "", "no deployment yet"},
		{two, "", "which port? the ports are game, web"},
		{two, "chat", `no port "chat": the ports are game, web`},
		{ports(nil), "", "it has no ports yet"},
		{ports(map[string]sessions.Port{"a": {Name: "x"}, "b": {Name: "x"}}), "x", "more than one port"},
		{ports(map[string]sessions.Port{"a": {}}), "a", "no address yet"},
		{ports(map[string]sessions.Port{"a": {External: 70000}}), "a", "no address yet"},
		{&sessions.Session{Deployment: &sessions.Deployment{Ports: map[string]sessions.Port{"a": {External: 1}}}}, "a", "no address yet"},
	} {
		if got, err := sessions.Endpoint(c.session, c.port); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("port %q: %q, %v; want an error with %q", c.port, got, err, c.want)
		}
	}
}

func TestCreatedAt(t *testing.T) {
	want := time.Date(2024, 5, 26, 12, 0, 45, 831041000, time.UTC)
	for text, want := range map[string]time.Time{
		"2024-05-26 12:00:45.831041":       want,
		"2024-05-26 12:00:45":              want.Truncate(time.Second),
		"2024-05-26T14:00:45.831041+02:00": want,
	} {
		if got, err := sessions.CreatedAt(&sessions.Session{CreateTime: text}); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, s := range []*sessions.Session{nil, {}, {CreateTime: "yesterday"}} {
		if _, err := sessions.CreatedAt(s); err == nil || !strings.Contains(err.Error(), "create_time") {
			t.Errorf("%v", err)
		}
	}
}
