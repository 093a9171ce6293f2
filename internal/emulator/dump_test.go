package emulator_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

func TestDump(t *testing.T) {
	config := emulator.Config{WebhookHandler: &inbox{}, Apps: []emulator.App{{Name: "arena", Version: "1.4.0", Sockets: 2}, {Name: "chess", NoAutodeploy: true}}}
	within(t, config, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, `"ip_list": ["203.0.113.77"], "selectors": [{"tag": "ranked"}], "webhook_url": "https://match.example/hook?secret=s"`)
		time.Sleep(2 * time.Second)
		get(t, e, id)
		status(t, e, "PUT", "/v1/session/"+id+"/users", `{"ip_list": ["203.0.113.78", "203.0.113.79"]}`)
		plan(t, e, emulator.Fault{Break: "reset"}, emulator.Fault{Status: 503})
		if _, err := send(t, e, "GET", "/v1/sessions?limit=7", ""); err == nil {
			t.Error("no reset")
		}
		status(t, e, "GET", "/v1/sessions/some-key", "")
		time.Sleep(1500 * ms)
		status(t, e, "POST", "/v1/session", `{"app_name": "chess", "ip_list": ["203.0.113.80"]}`)
		time.Sleep(1500 * ms)
		status(t, e, "DELETE", "/v1/session/"+id, "")
		deploy(t, e)
		synctest.Wait()
		want := `7 requests
  0.000s  session-post       POST /v1/session                      200
  2.000s  get-session        GET /v1/session/2ac77b5af679-S        200
  2.000s  put-users-session  PUT /v1/session/2ac77b5af679-S/users  422        the deployment has not that many free sockets
  2.000s  list-sessions      GET /v1/sessions                      no answer
  2.000s  -                  GET /v1/sessions/[key]                503        a planned fault
  3.500s  session-post       POST /v1/session                      200
  5.000s  session-delete     DELETE /v1/session/2ac77b5af679-S     200
2 sessions
  0.000s  2ac77b5af679-S  arena 1.4.0  1 player  Terminating (gone)
  3.500s  e8151ca30cac-S  chess v1     1 player  Unprocessable
2 deployments
  2ccdfb9482a2  arena 1.4.0  Montréal  0 of 2 sockets  ready true, joinable true, tags ["ranked"]
  30dafc7856fb  arena 1.4.0  Montréal  0 of 2 sockets  ready true, joinable true, tags []
1 webhook
  2.000s  2ac77b5af679-S  Ready  204
`
		if got := regexp.MustCompile(` +\n`).ReplaceAllString(e.Dump(), "\n"); got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
		for _, private := range []string{"203.0.113.", "some-key", "https:", "secret", "match.example", "ip_list", "limit"} {
			if strings.Contains(e.Dump(), private) {
				t.Errorf("it holds %s", private)
			}
		}
	})
}

// Of very much it shows the last, and says how much there was.
func TestDumpOfMuch(t *testing.T) {
	within(t, emulator.Config{ReadyAfter: -1}, func(t *testing.T, e *emulator.Emulator) {
		for range 60 {
			time.Sleep(time.Second)
			create(t, e, "")
		}
		text := e.Dump()
		for _, heading := range []string{"60 requests, of which the last 50 are\n  11.000s ", "60 sessions, of which the last 50 are\n  11.000s ", "1 deployment\n", "0 webhooks\n"} {
			if !strings.Contains(text, heading) {
				t.Errorf("no %q in\n%s", heading, text)
			}
		}
	})
}

func TestADumpShowsNoOddPath(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		status(t, e, "GET", "/v1/session/203.0.113.9/users", "")
		status(t, e, "POST", "/v1/sessions", "")
		call[api.SessionRequest](t, e, "POST", "/v1/session", `{"app_name": "a\n\tb"}`)
		dump := e.Dump()
		for _, want := range []string{"GET /v1/session/*/users", "POST /v1/sessions ", "a  b v1"} {
			if !strings.Contains(dump, want) {
				t.Errorf("%q is not in\n%s", want, dump)
			}
		}
	})
}
