package emulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// A key in the wrong place is in no record, message or dump.
func TestAKeyInTheWrongPlaceIsNotKept(t *testing.T) {
	const key = "sekret+key/0123456789=="
	const padding = 16<<10 - 20
	for name, c := range map[string]struct {
		path, body string
		header     http.Header
	}{
		"query, no header":        {"/v1/sessions?token=" + url.QueryEscape(key), "", http.Header{}},
		"query, as it is":         {"/v1/sessions?token=" + key, "", http.Header{}},
		"a key that begins alike": {"/v1/sessions?token=" + key, "", http.Header{"Authorization": {"token " + key[:8]}}},
		"another header":          {"/v1/sessions", "", http.Header{"X-Api-Key": {key}}},
		"without the word":        {"/v1/sessions", "", http.Header{"Authorization": {key}, "Cookie": {key}}},
		"path":                    {"/v1/session/" + url.PathEscape(key), "", http.Header{}},
		"body":                    {"/v1/session", `{"app_name": "` + key + `"}`, http.Header{}},
		"body, name of a field":   {"/v1/session", `{"app_name": "arena", "` + key + `": 1}`, http.Header{"Authorization": {"token " + key}}},
		"body, over the boundary": {"/v1/session", `{"app_name": "` + strings.Repeat("a", padding) + key + `"}`, http.Header{}},
	} {
		t.Run(name, func(t *testing.T) {
			config := emulator.Config{Key: key, Unknown: emulator.Unknown{UnknownField: 400}}
			within(t, config, func(t *testing.T, e *emulator.Emulator) {
				method := "GET"
				if c.body != "" {
					method = "POST"
					c.header.Set("Content-Type", "application/json")
				}
				r, err := http.NewRequestWithContext(t.Context(), method, "https://emulator.invalid"+c.path, strings.NewReader(c.body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header = c.header
				response, err := e.Transport().RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				told := fmt.Sprintf("%+v %s", e.Requests(), e.Dump())
				for _, secret := range []string{key, url.QueryEscape(key), url.PathEscape(key), key[:8]} {
					if strings.Contains(told, secret) {
						t.Errorf("%s is in %.2000s", secret, told)
					}
				}
			})
		})
	}
}

func TestLongLinesAreClipped(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://emulator.invalid/v1/sessions?q="+strings.Repeat("a", 1<<20), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Long", strings.Repeat("a", 1<<20))
		response, err := e.Transport().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if kept := len(fmt.Sprint(e.Requests())); kept > 4<<10 {
			t.Errorf("%d bytes are kept of a request", kept)
		}
	})
}
