package contract

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// requestExamples returns the examples of an operation's request body in openapi.yaml, or nothing
// if it has no body.
func (d *Document) requestExamples(t *testing.T, operation string) (bodies []string) {
	t.Helper()
	body := d.routes[operation].Operation.RequestBody
	if body == nil {
		return []string{""}
	}
	media := body.Value.Content["application/json"]
	examples := []any{media.Example}
	for _, e := range media.Examples {
		examples = append(examples, e.Value.Value)
	}
	for _, e := range examples {
		if e != nil {
			text, err := json.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, string(text))
		}
	}
	if len(bodies) == 0 {
		t.Errorf("%s has no example", operation)
	}
	return bodies
}

// TestFakeFollowsTheContract sends the examples of openapi.yaml to the fake, and requests that fail,
// and validates each request and response.
func TestFakeFollowsTheContract(t *testing.T) {
	d := load(t)
	for name, assume := range map[string]sessionstest.Assumptions{
		"default": {},
		"nulls":   {Nulls: true, NullVersion: true, FullWebhook: true, PagingContradicts: true, ListTerminating: true, LinkedWhenReady: true},
		"forms":   {SessionEnumNames: true, DeploymentEnumNames: true, LinksWithScheme: true, ExtraFields: true, TotalIncludesEnded: true, NewestFirst: true},
	} {
		t.Run(name, func(t *testing.T) {
			fake, err := sessionstest.NewEmulator(sessionstest.Config{ReadyAfter: new(time.Duration), Assumptions: assume, ValidateRequest: d.ValidateRequest})
			if err != nil {
				t.Fatal(err)
			}
			defer fake.Close()
			call := func(want int, operation, id, body string) []byte {
				t.Helper()
				route := d.routes[operation]
				req, err := http.NewRequest(route.Method, "http://fake.invalid"+strings.Replace(route.Path, "{session_id}", id, 1), strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if want != http.StatusUnauthorized {
					req.Header.Set("Authorization", "token any")
				}
				req.Header.Set("Content-Type", "application/json")
				resp, err := fake.Transport().RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != want {
					t.Errorf("%s %s: status %d, want %d: %s", operation, body, resp.StatusCode, want, text)
				}
				if err := d.ValidateResponse(operation, req, resp.StatusCode, resp.Header, text); err != nil {
					t.Errorf("%s: %v in %d %s", operation, err, resp.StatusCode, text)
				}
				return text
			}
			create := func(body string) string {
				t.Helper()
				var created api.CreateResult
				if err := json.Unmarshal(call(200, sessionstest.OpCreate, "", body), &created); err != nil {
					t.Fatal(err)
				}
				return created.SessionID
			}
			for _, body := range d.requestExamples(t, sessionstest.OpCreate) {
				id := create(body)
				for _, operation := range []string{sessionstest.OpGet, sessionstest.OpUsers, sessionstest.OpAddUsers, sessionstest.OpRemoveUsers, sessionstest.OpList} {
					for _, body := range d.requestExamples(t, operation) {
						call(200, operation, id, body)
					}
				}
				call(200, sessionstest.OpDelete, id, "")
				call(200, sessionstest.OpGet, id, "")
				call(410, sessionstest.OpDelete, id, "")
			}
			for _, body := range d.requestExamples(t, sessionstest.OpBulkStop) {
				id := create(`{"app_name": "space-arena", "ip_list": ["203.0.113.10"]}`)
				body = strings.ReplaceAll(body, "950dd2eaff09-S", id)
				stopped := call(200, sessionstest.OpBulkStop, "", body)
				if strings.Contains(body, id) && !bytes.Contains(stopped, []byte(id)) {
					t.Errorf("bulk stop %s: got %s", body, stopped)
				}
			}
			for _, status := range []api.Status{"Initializing", "Seeking", "Waiting", "Error", "Unprocessable"} {
				id := create(`{"app_name": "space-arena", "ip_list": ["203.0.113.10"]}`)
				if err := fake.SetStatus(id, status); err != nil {
					t.Fatal(err)
				}
				call(200, sessionstest.OpGet, id, "")
			}
			call(400, sessionstest.OpCreate, "", `{"app": "space-arena"}`)
			call(404, sessionstest.OpGet, "950dd2eaff09-S", "")
			for operation := range d.routes {
				if operation != "session-webhook" {
					call(401, operation, "950dd2eaff09-S", d.requestExamples(t, operation)[0])
					fake.FailNext(sessionstest.RateLimited(time.Second))
					call(429, operation, "950dd2eaff09-S", d.requestExamples(t, operation)[0])
				}
			}
			for _, status := range []int{404, 409, 422, 500} {
				fake.FailNext(sessionstest.Status(status))
				call(status, sessionstest.OpCreate, "", `{"app_name": "space-arena"}`)
			}
		})
	}
}
