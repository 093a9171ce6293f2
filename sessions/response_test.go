package sessions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// fullResponses have each field that the API documents.
var fullResponses = map[string]string{
	"Create": `{"session_id":"950dd2eaff09-S","custom_id":"c","app":"arena","version":"1.4.0","deployment_request_id":"57f84a8e1298",
		"selectors":[{"tag":"ranked","tag_only":true,"env":{"key":"K","value":"v"}}],"webhook_url":"https://example.com/hook"}`,
	"Get": `{"session_id":"950dd2eaff09-S","custom_id":"c","status":"Error","ready":true,"linked":true,"kind":"Seat","user_count":2,"app_version":10214,
		"create_time":"2024-05-26 12:00:45.831041","elapsed":9,"error":"failed","webhook_url":"https://example.com/hook",
		"session_users":[{"ip":"203.0.113.7","latitude":45.5,"longitude":-73.5}],"session_ips":[{"ip":"203.0.113.7","latitude":45.5,"longitude":-73.5}],
		"deployment":{"request_id":"57f84a8e1298","public_ip":"192.0.2.50","status":"Ready","ready":true,"whitelisting_active":true,"fqdn":"a.example.com",
			"ports":{"gameport":{"external":31504,"internal":7777,"protocol":"UDP","name":"gameport","tls_upgrade":true,"link":"a.example.com:31504","proxy":7}},
			"location":{"city":"Montreal","country":"Canada","continent":"North America","administrative_division":"Quebec","timezone":"America/Toronto",
				"latitude":45.5,"longitude":-73.5},
			"tags":["ranked"],"sockets":10,"sockets_usage":2,"is_joinable_by_session":true}}`,
	"Users": `{"session_users":[{"ip":"203.0.113.7","latitude":45.5,"longitude":-73.5}]}`,
	"List": `{"data":[{"session_id":"950dd2eaff09-S","custom_id":"c","status":"Ready","ready":true,"linked":true,"kind":"Seat","user_count":2,
			"deployment_request_id":"57f84a8e1298","webhook_url":"https://example.com/hook"}],
		"total_count":1,"pagination":{"number":9,"next_page_number":3,"previous_page_number":1,"paginator":{"num_pages":9},"has_next":false,"has_previous":true}}`,
	"BulkStop": `{"processable":[{"session_id":"950dd2eaff09-S"}]}`,
}

// TestOddFieldsAreZero replaces each field of each response, and checks that no other field is lost.
func TestOddFieldsAreZero(t *testing.T) {
	required := []string{"/session_id", "/session_users", "/data", "/processable"}
	for _, op := range operations {
		full, ok := fullResponses[op.name]
		if !ok {
			continue
		}
		whole, fields := parseJSON(t, full), 0
		eachField(whole, "", func(path string, old any, set func(any)) {
			if (op.name != "Get" || path == "/session_id") && slices.Contains(required, path) {
				return
			}
			fields++
			for _, odd := range []any{absent, nil, true, 7, -1.5, 1e300, "text", "", []any{}, []any{7}, map[string]any{}, map[string]any{"a": 7}} {
				set(odd)
				body, _ := json.Marshal(whole)
				got, err := op.call(t.Context(), newClient(t, respondAlways(200, string(body))))
				if err != nil {
					t.Fatalf("%s, %s: error is %v for %s", op.name, path, err, body)
				}
				if op.name != "Get" && op.name != "Create" {
					continue // the result is not of the type of the response
				}
				result, _ := json.Marshal(got)
				values := flatten(parseJSON(t, string(result)))
				for p, want := range flatten(whole) {
					if values[p] != want && p != path && !strings.HasPrefix(p, path+"/") {
						t.Errorf("%s, %s: %s is %v, want %v, in %s", op.name, path, p, values[p], want, body)
					}
				}
			}
			set(old)
		})
		if want := strings.Count(full, `":`) / 2; fields < want {
			t.Errorf("%s: %d fields were replaced, want at least %d", op.name, fields, want)
		}
	}
}

func parseJSON(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

var absent = new(any) // deletes a field

// eachField calls f with the path and the value of each field in v, and of the first item of each
// list, and with a function that replaces the value.
func eachField(v any, path string, f func(path string, old any, set func(any))) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			f(path+"/"+key, v[key], func(value any) {
				if v[key] = value; value == absent {
					delete(v, key)
				}
			})
			eachField(v[key], path+"/"+key, f)
		}
	case []any:
		if len(v) == 0 {
			return
		}
		f(path+"/0", v[0], func(value any) {
			if v[0] = value; value == absent {
				v[0] = nil
			}
		})
		eachField(v[0], path+"/0", f)
	}
}

// flatten returns the values in v that are neither objects nor lists, by their paths.
func flatten(v any) map[string]any {
	values := map[string]any{}
	eachField(v, "", func(path string, value any, _ func(any)) {
		switch value.(type) {
		case map[string]any, []any:
		default:
			values[path] = value
		}
	})
	return values
}

func getSession(t *testing.T, fields string) *sessions.Session {
	t.Helper()
	s, err := newClient(t, respondAlways(200, `{"session_id":"950dd2eaff09-S",`+fields+`}`)).Get(t.Context(), testID)
	if err != nil {
		t.Fatalf("%s: %v", fields, err)
	}
	return s
}

func TestIntegers(t *testing.T) {
	for _, test := range []struct {
		value string
		want  int64
		port  int32
	}{
		{`10`, 10, 10}, {`"10"`, 10, 10}, {`-3`, -3, -3}, {`"-3"`, -3, -3}, {`9.4`, 9, 9}, {`9.0`, 9, 9}, {`"9.4"`, 9, 9}, {`1e3`, 1000, 1000},
		{`-1.5`, -1, -1}, {`2147483648`, 2147483648, 0}, {`9007199254740991`, 9007199254740991, 0}, {`"9007199254740991"`, 9007199254740991, 0},
		{`9223372036854775808`, 0, 0}, {`1e300`, 0, 0}, {`"1e999"`, 0, 0}, {`"NaN"`, 0, 0}, {`"Inf"`, 0, 0}, {`""`, 0, 0}, {`"ten"`, 0, 0},
		{`null`, 0, 0}, {`true`, 0, 0}, {`[10]`, 0, 0}, {`{"a":10}`, 0, 0},
	} {
		s := getSession(t, fmt.Sprintf(`"user_count":%[1]s,"deployment":{"sockets":%[1]s,"sockets_usage":2,"ports":{"game":{"external":%[1]s,"internal":7777}}}`, test.value))
		if s.UserCount != test.want || s.Deployment.Sockets != test.want || s.Deployment.SocketsUsage != 2 {
			t.Errorf("%s: got %d users and %d sockets, want %d", test.value, s.UserCount, s.Deployment.Sockets, test.want)
		}
		if got := s.Deployment.Ports["game"]; got.External != test.port || got.Internal != 7777 {
			t.Errorf("%s: got port %+v, want external %d", test.value, got, test.port)
		}
		page, err := newClient(t, respondAlways(200, fmt.Sprintf(`{"data":[],"total_count":%s}`, test.value))).List(t.Context(), sessions.ListOptions{})
		if err != nil || int64(page.Total) != test.want {
			t.Errorf("%s: got page %+v, error %v, want total %d", test.value, page, err, test.want)
		}
	}
}

func TestCoordinates(t *testing.T) {
	for _, test := range []struct {
		value string
		want  any // float64 or nil
	}{
		{`45.5`, 45.5}, {`0`, 0.0}, {`45`, 45.0}, {`"45.5"`, 45.5}, {`"-73"`, -73.0}, {`"north"`, nil}, {`"NaN"`, nil}, {`"Inf"`, nil}, {`""`, nil},
		{`null`, nil}, {`true`, nil}, {`{}`, nil}, {`[1]`, nil},
	} {
		s := getSession(t, fmt.Sprintf(`"session_users":[{"ip":"203.0.113.7","latitude":%[1]s,"longitude":1}],"deployment":{"location":{"latitude":%[1]s,"city":"Montreal"}}`, test.value))
		var got any
		if p := s.SessionUsers[0].Latitude; p != nil {
			got = *p
		}
		if got != test.want || *s.SessionUsers[0].Longitude != 1 {
			t.Errorf("%s: latitude of the user is %v, want %v", test.value, got, test.want)
		}
		want, _ := test.want.(float64)
		if l := s.Deployment.Location; l.Latitude != want || l.City != "Montreal" {
			t.Errorf("%s: location is %+v, want latitude %v", test.value, l, want)
		}
	}
}

func TestOddObjectsAreNil(t *testing.T) {
	for _, value := range []string{`null`, `[]`, `[{}]`, `"soon"`, `""`, `false`, `7`} {
		if s := getSession(t, `"user_count":2,"deployment":`+value); s.Deployment != nil || s.UserCount != 2 {
			t.Errorf("deployment %s: got %+v, want nil", value, s.Deployment)
		}
		if s := getSession(t, `"deployment":{"fqdn":"a","location":`+value+`}`); s.Deployment.Location != nil || s.Deployment.FQDN != "a" {
			t.Errorf("location %s: got %+v, want nil", value, s.Deployment.Location)
		}
	}
	if s := getSession(t, `"deployment":{}`); s.Deployment == nil {
		t.Error("deployment {}: got nil")
	}
}

func TestOddButUsableResponses(t *testing.T) {
	for _, test := range []struct{ name, contentType, body string }{
		{"charset", "application/json ; charset=utf-8", `{"session_id":"a","user_count":2}`},
		{"capitals", "Application/JSON", `{"session_id":"a","user_count":2}`},
		{"suffix", "application/vnd.api+json", `{"session_id":"a","user_count":2}`},
		{"text/json", "text/json", `{"session_id":"a","user_count":2}`},
		{"unknown fields", "application/json", `{"session_id":"a","user_count":2,"new":{"session_id":7}}`},
		{"a name twice", "application/json", `{"session_id":"b","user_count":1,"session_id":"a","user_count":2}`},
		{"invalid UTF-8", "application/json", "{\"session_id\":\"a\",\"user_count\":2,\"error\":\"\xff\"}"},
		{"white space", "application/json", " \r\n{ \"session_id\" : \"a\" , \"user_count\" : 2 }\n"},
	} {
		res := respondJSON(200, test.body)
		res.Header.Set("Content-Type", test.contentType)
		s, err := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) { return res, nil })).Get(t.Context(), testID)
		if err != nil || s.SessionID != "a" || s.UserCount != 2 {
			t.Errorf("%s: got %+v, error %v", test.name, s, err)
		}
	}
}

func TestUnusableResponses(t *testing.T) {
	for _, op := range operations {
		if op.name == "Delete" {
			continue
		}
		for _, test := range []struct {
			name, contentType, body string
			want                    []string // parts of the error
		}{
			{"login page", "text/html; charset=utf-8", "<html>Log in</html>", []string{"Content-Type", "text/html", "application/json"}},
			{"HTML labeled as JSON", "application/json", "<html>Log in</html>", nil},
			{"no Content-Type", "", op.response, []string{"Content-Type"}},
			{"text/plain", "text/plain", op.response, []string{"text/plain"}},
			{"jsonp", "application/jsonp", op.response, []string{"application/jsonp"}},
			{"json in a parameter", "text/html; a=json", op.response, []string{"text/html"}},
			{"empty", "application/json", "", nil},
			{"null", "application/json", "null", []string{"missing"}},
			{"list", "application/json", "[" + op.response + "]", nil},
			{"string", "application/json", `"ok"`, nil},
			{"only half", "application/json", op.response[:len(op.response)/2], nil},
			{"two values", "application/json", op.response + op.response, nil},
			{"no required field", "application/json", `{"message":"ok"}`, []string{"missing"}},
			{"required field is null", "application/json", `{"session_id":null,"session_users":null,"data":null,"processable":null}`, []string{"missing"}},
			{"required field has another type", "application/json", `{"session_id":7,"session_users":"a","data":{},"processable":true}`, []string{"missing"}},
			{"required id is empty", "application/json", `{"session_id":""}`, []string{"missing"}},
			{"id of another session", "application/json", `{"session_id":7,"data":[{"session_id":"other"},{"session_users":[{"processable":[{"session_id":"other"}`, nil},
		} {
			requests := 0
			_, err := op.call(t.Context(), newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
				requests++
				res := respondJSON(200, test.body)
				res.Header.Set("Content-Type", test.contentType)
				return res, nil
			})))
			if !errors.Is(err, sessions.ErrUnexpectedResponse) || errors.Is(err, sessions.ErrOutcomeUnknown) == op.idempotent || requests != 1 {
				t.Errorf("%s, %s: error is %v after %d requests, want ErrUnexpectedResponse, ErrOutcomeUnknown %t, and 1 request",
					op.name, test.name, err, requests, !op.idempotent)
				continue
			}
			for _, want := range append(test.want, "unexpected response") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s, %s: error is %q, want it to contain %q", op.name, test.name, err, want)
				}
			}
			e := asError(t, err)
			if e.StatusCode != 200 || e.Operation != op.name {
				t.Errorf("%s, %s: error has operation %q and status %d", op.name, test.name, e.Operation, e.StatusCode)
			}
			if op.name != "Create" && (e.SessionID == testID) != strings.Contains(op.path, testID) || strings.Contains(err.Error(), "other") {
				t.Errorf("%s, %s: error is %v with session %q", op.name, test.name, err, e.SessionID)
			}
		}
	}
}

func TestDeleteIgnoresTheBody(t *testing.T) {
	for _, status := range []int{200, 202, 204, 404, 410} {
		for _, body := range []string{"", "null", "{", "<html>", `{"session_id":7}`} {
			res := respondJSON(status, body)
			res.Header.Del("Content-Type")
			if err := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) { return res, nil })).Delete(t.Context(), testID); err != nil {
				t.Errorf("status %d, body %q: %v", status, body, err)
			}
		}
	}
}

func TestUnusableCreateNamesItsSession(t *testing.T) {
	const isJSON = "application/json"
	for _, test := range []struct{ name, contentType, body, want string }{
		{"truncated JSON", isJSON, `{"session_id":"950dd2eaff09-S","app":"are`, testID},
		{"truncated after another field", isJSON, `{"app":"arena","session_id":"950dd2eaff09-S","ver`, testID},
		{"id after an odd field", isJSON, `{"app":{"a":[7]},"session_id":"950dd2eaff09-S"`, testID},
		{"syntax error after the id", isJSON, `{"session_id":"950dd2eaff09-S",}`, testID},
		{"other Content-Type", "text/html", `{"session_id":"950dd2eaff09-S"}`, testID},
		{"no Content-Type", "", `{"session_id":"950dd2eaff09-S"}`, testID},
		{"too large", isJSON, `{"session_id":"950dd2eaff09-S","app":"` + strings.Repeat("a", 1<<20) + `"}`, testID},
		{"half an id", isJSON, `{"session_id":"950dd2ea`, ""},
		{"id of another object", isJSON, `{"parent":{"session_id":"other"},"app":`, ""},
		{"no JSON", "text/html", `<html>950dd2eaff09-S</html>`, ""},
	} {
		for _, fails := range []bool{false, true} { // the connection, after the body
			_, err := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
				res := respondJSON(200, test.body)
				res.Header.Set("Content-Type", test.contentType)
				if fails {
					res.Body = failingBody(test.body)
				}
				return res, nil
			})).Create(t.Context(), sessions.CreateRequest{AppName: "arena"})
			if e := asError(t, err); !errors.Is(err, sessions.ErrOutcomeUnknown) || e.SessionID != test.want {
				t.Errorf("%s: error is %v with session %q, want ErrOutcomeUnknown with session %q", test.name, err, e.SessionID, test.want)
			}
		}
	}
}

func TestBodiesAreLimited(t *testing.T) {
	for _, op := range operations {
		for _, status := range []int{200, 500} {
			limit := 1 << 20
			switch {
			case status == 500:
				limit = 64 << 10
			case op.name == "List":
				limit = 8 << 20
			}
			body := strings.NewReader(`{"message":"` + strings.Repeat("a", 9<<20) + `"}`)
			size := body.Len()
			_, err := op.call(t.Context(), newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
				res := respondJSON(status, "")
				res.Body = io.NopCloser(body)
				return res, nil
			})))
			if status == 500 && len(asError(t, err).Body) != 4<<10 {
				t.Errorf("%s: error has %d bytes of the body, want 4 KiB", op.name, len(asError(t, err).Body))
			}
			if read := size - body.Len(); read > limit+1 {
				t.Errorf("%s, status %d: %d bytes were read, limit %d", op.name, status, read, limit)
			}
		}
	}
}

func TestBodiesAtTheLimit(t *testing.T) {
	session := `{"session_id":"` + strings.Repeat("a", 1<<20-len(`{"session_id":""}`)) + `"}`
	list := `{"data":[{"session_id":"` + strings.Repeat("a", 8<<20-len(`{"data":[{"session_id":""}]}`)) + `"}]}`
	for _, test := range []struct {
		more string
		want error
	}{{"", nil}, {" ", sessions.ErrUnexpectedResponse}} {
		if _, err := newClient(t, respondAlways(200, session+test.more)).Get(t.Context(), testID); !errors.Is(err, test.want) {
			t.Errorf("Get with %d bytes: error is %v, want %v", len(session+test.more), err, test.want)
		}
		if _, err := newClient(t, respondAlways(200, list+test.more)).List(t.Context(), sessions.ListOptions{}); !errors.Is(err, test.want) {
			t.Errorf("List with %d bytes: error is %v, want %v", len(list+test.more), err, test.want)
		}
	}
}
