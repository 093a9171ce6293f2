package contract

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func newRequest(method, target, body string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "token secret")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func TestRequestsThatKeepToTheContract(t *testing.T) {
	d := mustLoad(t)
	for _, c := range []struct{ operation, method, target, body string }{
		{"session-post", "POST", "/v1/session", `{"app_name":"a","ip_list":["192.0.2.1"],"selectors":[{"tag":"t"}]}`},
		{"get-session", "GET", "/v1/session/950dd2eaff09-S", ""},
		{"session-delete", "DELETE", "/v1/session/950dd2eaff09-S", ""},
		{"get-users-session", "GET", "/v1/session/950dd2eaff09-S/users", ""},
		{"put-users-session", "PUT", "/v1/session/950dd2eaff09-S/users", `{"ip_list":["2001:db8::30"]}`},
		{"delete-users-session", "DELETE", "/v1/session/950dd2eaff09-S/users", `{"ip_list":["2001:db8::30"]}`},
		{"list-sessions", "GET", "/v1/sessions", ""},
		{"list-sessions", "GET", "/v1/sessions?page=2&limit=50", ""},
		{"list-sessions", "GET", "http://127.0.0.1:9999/v1/sessions", ""},
		{"sessions-bulk-stop", "POST", "/v1/sessions/bulk-stop", `{"filters":[{"field":"session_id","values":["a"],"filter_type":"any"}]}`},
		// An escaped slash belongs to the id.
		{"get-session", "GET", "/v1/session/a%2Fusers", ""},
	} {
		r := newRequest(c.method, c.target, c.body)
		operation, err := d.ValidateRequest(r)
		if operation != c.operation || err != nil {
			t.Errorf("%s %s: got %q, %v, want %q", c.method, c.target, operation, err, c.operation)
		}
		if body, _ := io.ReadAll(r.Body); string(body) != c.body {
			t.Errorf("%s %s: afterwards the body reads %s", c.method, c.target, body)
		}
	}
}

func TestRequestsThatBreakTheContract(t *testing.T) {
	d := mustLoad(t)
	const create, users, stop = "/v1/session", "/v1/session/x-S/users", "/v1/sessions/bulk-stop"
	for _, c := range []struct{ method, target, body, want string }{
		{"POST", create, ``, "the body is missing"},
		{"POST", create, `{`, "the body can't be parsed"},
		{"POST", create, `null`, "the body: Value is not nullable"},
		{"POST", create, `[]`, "the body: value must be an object"},
		{"POST", create, `{}`, `app_name: property "app_name" is missing`},
		{"POST", create, `{"app_name":""}`, "app_name: minimum string length is 1"},
		{"POST", create, `{"app_name":"a","location":{"latitude":45}}`, `location.longitude: property "longitude" is missing`},
		{"POST", create, `{"app_name":"a","location":{"latitude":98.7,"longitude":0}}`, "location.latitude: number must be at most 90"},
		{"POST", create, `{"app_name":"a","ip_list":["192.0.2.98",7]}`, "ip_list[1]: value must be a string"},
		{"POST", create, `{"app_name":"a","selectors":[{"tag":"987654321098765432109"}]}`, "selectors[0].tag: maximum string length is 20"},
		{"POST", create, `{"app_name":"a","skip_telemetry":"98"}`, "skip_telemetry: value must be a boolean"},
		{"PUT", users, `{"ip_list":"192.0.2.98"}`, "ip_list: value must be an array"},
		{"DELETE", users, ``, "the body is missing"},
		{"DELETE", users, `{"ip":"192.0.2.98"}`, `ip_list: property "ip_list" is missing`},
		{"POST", stop, `{"filters":[]}`, "filters: minimum number of items is 1"},
		{"POST", stop, `{"filters":[{"field":"session_id","values":[],"filter_type":"any"}]}`, "filters[0].values: minimum number of items is 1"},
		{"POST", stop, `{"filters":[{"field":"city98","values":["a"],"filter_type":"any"}]}`,
			`filters[0].field: value is not one of the allowed values ["session_id","deployment_tags","request_id"]`},
		{"GET", "/v1/sessions?page=0", ``, "page: number must be at least 1"},
		{"GET", "/v1/sessions?page=98x", ``, "page can't be parsed"},
		{"GET", "/v1/sessions?limit=", ``, "limit is empty"},
	} {
		_, err := d.ValidateRequest(newRequest(c.method, c.target, c.body))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s %s %s:\n got %v\nwant %s", c.method, c.target, c.body, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "98") {
			t.Errorf("%s %s: the error holds the value: %v", c.method, c.target, err)
		}
	}
}

func TestRequestThatIsNotJSON(t *testing.T) {
	r := newRequest("POST", "/v1/session", `{"app_name":"a"}`)
	r.Header.Set("Content-Type", "text/plain")
	_, err := mustLoad(t).ValidateRequest(r)
	if want := "the body can't be read or is not application/json"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRequestThatIsTooLarge(t *testing.T) {
	r := newRequest("POST", "/v1/session", `{"app_name":"a"}`)
	r.Body = http.MaxBytesReader(nil, r.Body, 4)
	_, err := mustLoad(t).ValidateRequest(r)
	if want := "the body has more than 4 bytes"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestRequestsOutsideTheContract(t *testing.T) {
	d := mustLoad(t)
	for _, c := range [][2]string{
		{"GET", "/"},
		{"POST", "/v1/sessions"},
		{"GET", "/v1/session"},
		{"GET", "/v1/session/"},
		{"GET", "/v1/session//users"},
		{"GET", "/v1/sessions/"},
		{"PATCH", "/v1/session/x-S"},
		{"GET", "/v2/session/x-S"},
		{"GET", "/v1/session/x-S/users/y"},
	} {
		if operation, err := d.ValidateRequest(newRequest(c[0], c[1], "")); !errors.Is(err, ErrNoOperation) {
			t.Errorf("%s %s: got %q, %v", c[0], c[1], operation, err)
		}
	}
}

func TestRequestsWithoutAKey(t *testing.T) {
	d := mustLoad(t)
	for _, value := range []string{"", "secret", "token", "token ", "Bearer secret"} {
		r := newRequest("GET", "/v1/sessions", "")
		r.Header.Set("Authorization", value)
		if operation, err := d.ValidateRequest(r); !errors.Is(err, ErrNoKey) || operation != "list-sessions" {
			t.Errorf("%q: got %q, %v", value, operation, err)
		}
	}
}

func TestAnswers(t *testing.T) {
	d := mustLoad(t)
	const deleted = `{"message":"m","session_id":"x-S"}`
	for _, c := range []struct {
		name, target, contentType string
		status                    int
		body, want                string
	}{
		{"right", "/v1/session/x-S", "application/json", 200, deleted, ""},
		{"right with a charset", "/v1/session/x-S", "application/json; charset=utf-8", 200, deleted, ""},
		{"null for what is optional", "/v1/session/x-S", "application/json", 200, `{"message":"m","session_id":"x-S","custom_id":null}`, ""},
		{"declared error", "/v1/session/x-S", "application/json", 410, `{"message":"m"}`, ""},
		{"status", "/v1/session/x-S", "application/json", 204, deleted, "session-delete: status 204 is not declared"},
		{"redirect", "/v1/session/x-S", "application/json", 301, deleted, "session-delete: status 301 is not declared"},
		{"content type", "/v1/session/x-S", "text/html", 200, deleted, "session-delete: 200: the body can't be read or is not application/json"},
		{"empty", "/v1/session/x-S", "application/json", 200, "", "session-delete: 200: the body is not one JSON value"},
		{"trailing", "/v1/session/x-S", "application/json", 200, deleted + "{}", "session-delete: 200: the body is not one JSON value"},
		{"missing", "/v1/session/x-S", "application/json", 200, `{"message":"m"}`, `session-delete: 200: session_id: property "session_id" is missing`},
		{"null for what is required", "/v1/session/x-S", "application/json", 200, `{"message":null,"session_id":"x-S"}`, "session-delete: 200: message: Value is not nullable"},
		{"error without a message", "/v1/session/x-S", "application/json", 404, `{}`, `session-delete: 404: message: property "message" is missing`},
		{"nowhere", "/v1/x", "application/json", 200, deleted, ErrNoOperation.Error()},
	} {
		header := http.Header{"Content-Type": {c.contentType}}
		err := d.ValidateAnswer(newRequest("DELETE", c.target, ""), c.status, header, []byte(c.body))
		if got := text(err); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAnswersListsWhatIsDeclared(t *testing.T) {
	answers := mustLoad(t).Answers()
	var deletes []int
	for _, a := range answers {
		if a.Operation == "session-delete" {
			deletes = append(deletes, a.Status)
		}
	}
	if want := []int{200, 400, 401, 403, 404, 410, 429}; !slices.Equal(deletes, want) {
		t.Errorf("session-delete answers %v, want %v", deletes, want)
	}
	for id, fact := range operationFacts {
		for _, code := range fact.codes {
			if !slices.Contains(answers, Answer{id, code}) {
				t.Errorf("%s %d is not among the answers", id, code)
			}
		}
	}
}

// A document of its own, with what the contract lacks.
func TestParse(t *testing.T) {
	d, err := Parse([]byte(`
openapi: 3.0.3
info: {title: t, version: "1"}
paths:
  /faults:
    post:
      operationId: plan
      requestBody:
        required: true
        content:
          application/json:
            schema:
              oneOf:
                - $ref: '#/components/schemas/Fault'
                - type: array
                  items:
                    $ref: '#/components/schemas/Fault'
      responses: {'204': {description: planned}}
  /{name}:
    get:
      operationId: read
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      responses: {'204': {description: read}}
components:
  schemas:
    Fault:
      type: object
      additionalProperties: false
      properties: {status: {type: integer}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]string{
		`{"status": 503}`:                 "",
		`[{"status": 503}, {}]`:           "",
		`{"statsu": 503}`:                 `the body: property "statsu" is unsupported`,
		`{"status": "x"}`:                 "status: value must be an integer",
		`[{}, {"status": "x"}]`:           "[1].status: value must be an integer",
		`[{"status": 503}, {"statsu":1}]`: `[1]: property "statsu" is unsupported`,
		`[{}, "x"]`:                       "[1]: value must be an object",
		`"x"`:                             `the body: value doesn't match any schema from "oneOf"`,
	} {
		if _, err := d.ValidateRequest(newRequest("POST", "/faults", body)); text(err) != want {
			t.Errorf("%s:\n got %v\nwant %s", body, err, want)
		}
	}
	for method, want := range map[string]Route{
		"POST /faults":  {Operation: "plan", Path: "/faults", Params: map[string]string{}},
		"GET /faults":   {Operation: "read", Path: "/{name}", Params: map[string]string{"name": "faults"}},
		"GET /a%2Fb":    {Operation: "read", Path: "/{name}", Params: map[string]string{"name": "a%2Fb"}},
		"PUT /x":        {Path: "/{name}", Allow: []string{"GET"}},
		"GET /":         {},
		"GET /faults/1": {},
	} {
		verb, path, _ := strings.Cut(method, " ")
		if got := d.Route(newRequest(verb, path, "")); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", method, got, want)
		}
	}
}
