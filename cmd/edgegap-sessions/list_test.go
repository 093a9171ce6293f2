package main

import (
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestAgeIsTheLesser(t *testing.T) {
	ago := func(d time.Duration) string { return time.Now().Add(-d).UTC().Format("2006-01-02 15:04:05.000000") }
	for _, test := range []struct {
		name    string
		session sessions.Session
		want    time.Duration
	}{
		{"create_time and elapsed agree", sessions.Session{CreateTime: ago(time.Hour), Elapsed: 3600}, time.Hour},
		{"create_time is in another zone", sessions.Session{CreateTime: ago(5 * time.Hour), Elapsed: 3600}, time.Hour},
		{"elapsed is in milliseconds", sessions.Session{CreateTime: ago(time.Hour), Elapsed: 3600000}, time.Hour},
		{"no elapsed", sessions.Session{CreateTime: ago(time.Hour)}, time.Hour},
		{"the clock is late", sessions.Session{CreateTime: ago(-time.Hour)}, 0},
		{"no create_time", sessions.Session{Elapsed: 3600}, 0},
	} {
		if got := age(&test.session); got.Round(time.Minute) != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestMaskURL(t *testing.T) {
	for raw, want := range map[string]string{
		"": "",
		"https://a.example/hook?ref=m-1&secret=s&x=1&x=2": "https://a.example/hook?ref=m-1&secret=***&x=***",
		"https://user:pw@a.example/#frag":                 "https://a.example/",
		"https://a.example/?secret=a%zz;b":                "https://a.example/",
		"://secret":                                       "***",
	} {
		if got := maskURL(raw); got != want {
			t.Errorf("%s: got %s, want %s", raw, got, want)
		}
	}
}
