package faults_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

var ids = []struct {
	name, id string
	refused  bool
}{
	{"empty", "", true},
	{"`.`", ".", true},
	{"`..`", "..", true},
	{"a line feed", "a\nb", true},
	{"a carriage return and a header", "a\r\nX-Evil: 1", true},
	{"NUL", "a\x00b", true},
	{"escape", "\x1b[31m", true},
	{"DEL", "a\x7fb", true},
	{"a C1 control character", "a\u0085b", true},
	{"`...`", "...", false},
	{"`a/b`", "a/b", false},
	{"`/`", "/", false},
	{"`../apps/prod`", "../apps/prod", false},
	{"`..\\apps`", `..\apps`, false},
	{"`x?y=1`", "x?y=1", false},
	{"`x#f`", "x#f", false},
	{"`x;y=1`", "x;y=1", false},
	{"`%2e%2e`", "%2e%2e", false},
	{"`%2F`", "%2F", false},
	{"`%` and no digits", "100%", false},
	{"a space", "a b", false},
	{"only spaces", "  ", false},
	{"`+`", "a+b", false},
	{"a scheme and host", "https://example.net/x", false},
	{"`//example.net`", "//example.net", false},
	{"`users`", "users", false},
	{"unicode", "sess\u00e9\u96ea\U0001f3ae", false},
	{"a right-to-left override", "a\u202eb", false},
	{"bytes that are not UTF-8", "a\xff\x80b", false},
	{"10 kB", strings.Repeat("a/", 5000), false},
}

// Every call that takes an id, and the tail of its path.
var callsByID = map[string]string{
	"get-session": "", "session-delete": "",
	"get-users-session": "/users", "put-users-session": "/users", "delete-users-session": "/users",
}

func TestIDsArriveAsTheyAreOrAreRefused(t *testing.T) {
	for _, prefix := range []string{"", "/proxy/api", "/proxy/"} {
		t.Run("base URL with path "+prefix, func(t *testing.T) { testIDs(t, prefix) })
	}
}

func testIDs(t *testing.T, prefix string) {
	s := newServer(t)
	c := newClient(t, s.url+prefix)
	for _, test := range ids {
		for _, call := range calls {
			tail, takesID := callsByID[call.name]
			if !takesID {
				continue
			}
			t.Run(call.name+"/"+test.name, func(t *testing.T) {
				s.answers(say(reply(200, contentJSON, call.answer)))
				if test.refused {
					fails(t, c, call, test.id, sessions.ErrInvalidArgument)
					if n := len(s.arrived()); n != 0 {
						t.Errorf("%d requests were sent", n)
					}
					return
				}
				if _, err := call.do(context.Background(), c, test.id); err != nil {
					t.Fatal(err)
				}
				requests := s.arrived()
				if len(requests) != 1 {
					t.Fatalf("%d requests arrived", len(requests))
				}
				escaped, ok := strings.CutPrefix(requests[0].target, strings.TrimSuffix(prefix, "/")+"/v1/session/")
				if ok {
					escaped, ok = strings.CutSuffix(escaped, tail)
				}
				if !ok || strings.ContainsAny(escaped, "/?#\\") {
					t.Fatalf("the path is %.200s", requests[0].target)
				}
				if id, err := url.PathUnescape(escaped); err != nil || id != test.id {
					t.Errorf("the server sees the id %.200q", id)
				}
			})
		}
	}
}

// An error names the session, and must stay one short line whatever the id is.
func TestIDsInErrors(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	s.answers(say(reply(404, contentJSON, `{"message":"no such session"}`)))
	for _, test := range ids {
		_, err := c.Get(context.Background(), test.id)
		if refused := errors.Is(err, sessions.ErrInvalidArgument); refused != test.refused {
			t.Errorf("%s: got %v", test.name, err)
		}
		assertErrorClean(t, err)
		if test.refused && test.id != "" && test.id != "." && strings.Contains(err.Error(), test.id) {
			t.Errorf("%s: the error repeats what it refuses: %q", test.name, err)
		}
	}
}

func idRows() (rows []row) {
	for _, test := range ids {
		if test.refused {
			rows = append(rows, row{test.name, "`ErrInvalidArgument`, nothing sent"})
		} else {
			rows = append(rows, row{test.name, "escaped: the server sees exactly that id in that place"})
		}
	}
	return rows
}
