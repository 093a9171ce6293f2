package sessionstest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// facts has a test for each row of the table of facts in docs/emulator.md.
var facts = map[string]func(*testing.T){}

func init() {
	for _, group := range []map[string]func(*testing.T){callFacts, createFacts, lifeFacts, deploymentFacts, deleteFacts, userFacts, listFacts, webhookFacts} {
		maps.Copy(facts, group)
	}
}

func TestFacts(t *testing.T) {
	page, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "fact |mark|")
	var rows []string
	for _, line := range strings.Split(table, "\n")[2:] {
		name, _, ok := strings.Cut(line, " |")
		if !ok {
			break
		}
		rows = append(rows, name)
	}
	slices.Sort(rows)
	if tested := slices.Sorted(maps.Keys(facts)); !slices.Equal(rows, tested) {
		t.Errorf("the facts of docs/emulator.md are %q,\nthose that are tested %q", rows, tested)
	}
	for name, test := range facts {
		t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
	}
}

// TestSettingsAreDocumented compares the settings that docs/emulator.md names with
// those that exist.
func TestSettingsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range []any{sessionstest.Config{}, sessionstest.RateLimit{}, sessionstest.App{}, sessionstest.DeployRequest{},
		sessionstest.Fault{}, sessionstest.Assumptions{}} {
		for field := range reflect.TypeOf(v).Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "-" && name != "status" {
				names = append(names, name)
			}
		}
	}
	_, err = sessionstest.NewEmulator(sessionstest.Config{Assumptions: sessionstest.Assumptions{Status: map[string]int{"": 400}}})
	_, conditions, _ := strings.Cut(fmt.Sprint(err), "must be one of ")
	for _, condition := range strings.Split(conditions, ", ") {
		names = append(names, "status."+condition)
	}
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/emulator.md lacks the setting %s", name)
		}
	}
	_, table, _ := strings.Cut(string(page), "fact |mark|")
	for _, row := range strings.Split(table, "\n") {
		columns := strings.Split(row, " | ")
		if len(columns) < 2 {
			continue
		}
		for _, setting := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(columns[1], -1) {
			if !slices.Contains(names, setting[1]) {
				t.Errorf("docs/emulator.md names %s, which is not a setting", setting[1])
			}
		}
	}
}

// fake is a server that is called without a client.
type fake struct {
	*sessionstest.Server
	t *testing.T
}

func newFake(t *testing.T, opts ...sessionstest.Option) *fake {
	return &fake{sessionstest.NewServer(t, opts...), t}
}

// assuming returns a fake with other assumptions.
func assuming(t *testing.T, a sessionstest.Assumptions, opts ...sessionstest.Option) *fake {
	return newFake(t, append(opts, sessionstest.WithAssumptions(a))...)
}

// assumingStatus returns a fake with another status code for a condition.
func assumingStatus(t *testing.T, condition string, status int, opts ...sessionstest.Option) *fake {
	return assuming(t, sessionstest.Assumptions{Status: map[string]int{condition: status}}, opts...)
}

// object is a JSON object.
type object map[string]any

// at returns a nested value.
func (o object) at(path ...string) any {
	var v any = map[string]any(o)
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

func (f *fake) do(method, target, body string, header http.Header) (*http.Response, object) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, "http://fake.invalid"+target, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header = header
	resp, err := f.Transport().RoundTrip(r)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		f.t.Fatalf("%s %s: %v in %q", method, target, err, text)
	}
	return resp, o
}

// call returns the status code and the body of a response.
func (f *fake) call(method, target, body string) (int, object) {
	f.t.Helper()
	resp, o := f.do(method, target, body, http.Header{"Authorization": {"token any"}})
	return resp.StatusCode, o
}

// want calls and compares the status code.
func (f *fake) want(status int, method, target, body string) object {
	f.t.Helper()
	got, o := f.call(method, target, body)
	if got != status {
		f.t.Errorf("%s %s %s: status %d, want %d: %v", method, target, body, got, status, o)
	}
	return o
}

// create creates a session of app arena with more fields and returns its id.
func (f *fake) create(fields string) string {
	f.t.Helper()
	if fields == "" {
		fields = `"ip_list": ["203.0.113.7"]`
	}
	id, _ := f.want(200, "POST", "/v1/session", `{"app_name": "arena", `+fields+`}`)["session_id"].(string)
	return id
}

// ready creates a session, waits until it is Ready or has failed, and reads it.
func (f *fake) ready(fields string) object {
	f.t.Helper()
	id := f.create(fields)
	time.Sleep(2 * time.Second)
	return f.read(id)
}

func (f *fake) read(id string) object {
	f.t.Helper()
	return f.want(200, "GET", "/v1/session/"+id, "")
}

// line prints values with single spaces between them.
func line(values ...any) string { return strings.Join(strings.Fields(fmt.Sprintln(values...)), " ") }

// equal compares the printed values.
func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
