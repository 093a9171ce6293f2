package emulator_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// Whatever is asked, the answer is JSON with a status that the API may give,
// and a refusal says why.
func FuzzServeHTTP(f *testing.F) {
	f.Add("POST", "/v1/session", "", `{"app_name": "arena", "ip_list": ["203.0.113.7"], "selectors": [{"tag": "a", "env": {"key": "k", "value": "v"}}]}`)
	f.Add("GET", "/v1/session/2ac77b5af679-S", "", "")
	f.Add("PUT", "/v1/session/2ac77b5af679-S/users", "", `{"ip_list": ["2001:db8::1"]}`)
	f.Add("DELETE", "/v1/session/2ac77b5af679-S/users", "", `{"ip_list": []}`)
	f.Add("GET", "/v1/sessions", "page=2&limit=1", "")
	f.Add("POST", "/v1/sessions/bulk-stop", "", `{"filters": [{"field": "session_id", "values": ["x"], "filter_type": "not"}]}`)
	f.Add("POST", "/v1/session", "", `{"app_name": "arena", "location": {"latitude": 1e308}, "filters": [{"field": "city", "values": ["a"], "filter_type": "all"}]}`)
	f.Add("DELETE", "/v1/session/%2e%2e", "page=%zz", "null")
	f.Add("TRACE", "*", "", "")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		// What net/http takes for a request at all.
		u, err := url.ParseRequestURI(path)
		if err != nil || method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			return
		}
		u.RawQuery = query
		e := emulator.New(emulator.Config{ReadyAfter: -1, Unknown: emulator.Unknown{Nulls: len(body)%2 == 1}})
		defer e.Close()
		create(t, e, `"ip_list": ["203.0.113.7"]`)
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		r.Header.Set("Authorization", "token k")
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		switch w.Code {
		case 200:
		case 400, 404, 405, 410, 413, 422:
			var problem api.Error
			if json.Unmarshal(w.Body.Bytes(), &problem) != nil || problem.Message == "" {
				t.Errorf("%d with the body %s", w.Code, w.Body)
			}
		default:
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%v %s", w.Header(), w.Body)
		}
	})
}
