package sessionstest_test

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

var arenaRequest = sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}, WebhookURL: "https://match.example/hook"}

// TestMisuse runs itself in another process, where it misuses the server: each
// subtest must fail with a message, and the process must go on to the next.
func TestMisuse(t *testing.T) {
	if os.Getenv("SESSIONSTEST_MISUSE") != "" {
		misuse(t)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestMisuse$", "-test.v")
	cmd.Env = append(os.Environ(), "SESSIONSTEST_MISUSE=1")
	out, _ := cmd.CombinedOutput()
	output := string(out)
	if !strings.Contains(output, "--- PASS: TestMisuse/last") {
		t.Fatalf("the process did not reach its last test:\n%s", output)
	}
	for name, want := range map[string]string{
		"outside":        "created outside of the testing/synctest bubble",
		"escaped":        "created outside of the testing/synctest bubble",
		"webhook_panics": "the webhook handler panicked: no such match",
		"option":         "apps[0].kind: must be Seat, Match or Default",
		"fault":          "faults[0]: status, connection, delay or headers is required",
	} {
		_, log, _ := strings.Cut(output, "=== RUN   TestMisuse/"+name+"\n")
		log, _, _ = strings.Cut(log, "=== RUN")
		if !strings.Contains(log, want) || !strings.Contains(output, "--- FAIL: TestMisuse/"+name+" ") {
			t.Errorf("TestMisuse/%s: logged %q, want a failure with %q", name, log, want)
		}
	}
}

func misuse(t *testing.T) {
	t.Run("outside", func(t *testing.T) {
		srv := sessionstest.NewServer(t)
		client := srv.Client()
		synctest.Test(t, func(t *testing.T) {
			_, err := client.CreateAndWait(t.Context(), arenaRequest)
			t.Log(err)
			t.Log(srv.Deploy(sessionstest.DeployRequest{AppName: "arena"}))
			time.Sleep(time.Minute)
			srv.FailNext(sessionstest.Status(503))
			srv.Sessions()
		})
	})
	t.Run("escaped", func(t *testing.T) {
		var srv *sessionstest.Server
		synctest.Test(t, func(inner *testing.T) {
			srv = sessionstest.NewServer(t)
			if _, err := srv.Client().CreateAndWait(inner.Context(), arenaRequest); err != nil {
				t.Error(err)
			}
		})
		_, err := srv.Client().CreateAndWait(t.Context(), arenaRequest)
		t.Log(err)
	})
	t.Run("webhook panics", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			srv := sessionstest.NewServer(t, sessionstest.WithWebhooks(panicking{}))
			_, err := srv.Client().CreateAndWait(t.Context(), arenaRequest)
			synctest.Wait()
			if hooks := srv.Webhooks(); len(hooks) != 2 || hooks[0].Error != "the handler panicked: no such match" {
				t.Log(err, hooks)
				t.FailNow() // without the expected message
			}
		})
	})
	t.Run("option", func(t *testing.T) {
		sessionstest.NewServer(t, sessionstest.WithApp(sessionstest.App{Kind: "Team"}))
	})
	t.Run("fault", func(t *testing.T) {
		sessionstest.NewServer(t).FailNext(sessionstest.Fault{})
	})
	t.Run("last", func(t *testing.T) {})
}

type panicking struct{}

func (panicking) ServeHTTP(http.ResponseWriter, *http.Request) { panic("no such match") }
