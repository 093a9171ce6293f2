package sessionstest_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func TestSetStatusAndDeploy(t *testing.T) {
	app := sessionstest.WithApp(sessionstest.App{Name: "arena", NoAutodeploy: true})
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		request, err := srv.Deploy("arena", "", "ranked")
		if err != nil {
			t.Fatal(err)
		}
		s, err := client.CreateAndWait(t.Context(), arena)
		if err != nil || s.Deployment.RequestID != request || !slices.Equal(s.Deployment.Tags, []string{"ranked"}) {
			t.Fatalf("%+v, %v", s, err)
		}
		if err := srv.SetStatus(s.SessionID, "Error"); err != nil {
			t.Fatal(err)
		}
		if s, err = client.Get(t.Context(), s.SessionID); err != nil || s.Status != "Error" {
			t.Errorf("%+v, %v", s, err)
		}
		if err := srv.SetStatus("950dd2eaff09-S", "Error"); err == nil {
			t.Error("the status of nothing was set")
		}
		if _, err := srv.Deploy("chess", ""); err == nil {
			t.Error("an app that is not there was deployed")
		}
	}, app)
}

func TestSetJoinable(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		first, err := client.CreateAndWait(t.Context(), arena)
		if err != nil {
			t.Fatal(err)
		}
		drained := first.Deployment.RequestID
		place := func(request sessions.CreateRequest) string {
			s, err := client.CreateAndWait(t.Context(), request)
			if failed := new(sessions.FailedError); errors.As(err, &failed) {
				return failed.Session.Status
			} else if err != nil {
				t.Fatal(err)
			}
			return s.Deployment.RequestID
		}
		if err := srv.SetJoinable(drained, false); err != nil {
			t.Fatal(err)
		}
		if srv.Deployments()[0].Joinable {
			t.Errorf("%+v", srv.Deployments()[0])
		}
		if place(arena) == drained {
			t.Error("a session joined all the same")
		}
		asking := arena
		asking.DeploymentRequestID = drained
		if got := place(asking); got != "Unprocessable" {
			t.Errorf("a session that asked for it is on or in %s", got)
		}
		if s, err := client.Get(t.Context(), first.SessionID); err != nil || !s.Ready {
			t.Errorf("who was there is so no more: %+v, %v", s, err)
		}
		if err := srv.SetJoinable(drained, true); err != nil {
			t.Fatal(err)
		}
		if got := place(asking); got != drained {
			t.Errorf("joinable again, and the session is on or in %s", got)
		}
		if err := srv.SetJoinable("57f84a8e1298", true); err == nil || !strings.HasPrefix(err.Error(), "sessionstest: request_id") {
			t.Errorf("a deployment that is not there: %v", err)
		}
	})
}

func TestEndDeployment(t *testing.T) {
	for _, status := range []string{"", "Unprocessable", "Terminating"} {
		hooks := http.NewServeMux()
		bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
			request := arena
			request.WebhookURL = "https://match.example/hook"
			s, err := client.CreateAndWait(t.Context(), request)
			if err != nil {
				t.Fatal(err)
			}
			if err := srv.EndDeployment(s.Deployment.RequestID); err != nil {
				t.Fatal(err)
			}
			want := status
			if want == "" {
				want = "Error"
			}
			if s, err = client.Get(t.Context(), s.SessionID); err != nil || s.Status != want || s.Ready || s.Deployment != nil {
				t.Errorf("%+v, %v", s, err)
			}
			if len(srv.Deployments()) != 0 {
				t.Errorf("%+v", srv.Deployments())
			}
			time.Sleep(90*time.Minute - time.Second)
			if _, err := client.Get(t.Context(), s.SessionID); err != nil {
				t.Errorf("%s cannot be read for as long as its app says: %v", want, err)
			}
			time.Sleep(time.Second)
			if _, err := client.Get(t.Context(), s.SessionID); !errors.Is(err, sessions.ErrNotFound) {
				t.Errorf("%s can still be read: %v", want, err)
			}
			if err := srv.EndDeployment("57f84a8e1298"); err == nil {
				t.Error("a deployment that is not there was ended")
			}
			var told []string
			for _, w := range srv.Webhooks() {
				told = append(told, w.Status)
			}
			if expected := slices.DeleteFunc([]string{"Ready", want}, func(s string) bool { return s == "Terminating" }); !slices.Equal(told, expected) {
				t.Errorf("webhooks: %v, want %v", told, expected)
			}
		}, sessionstest.WithApp(sessionstest.App{SessionMaxDuration: 90 * time.Minute}), sessionstest.WithWebhooks(hooks),
			sessionstest.WithUnknown(sessionstest.Unknown{EndedStatus: status}))
	}
}

func TestADeploymentWithoutSessionsEnds(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		s, err := client.CreateAndWait(t.Context(), arena)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if d := srv.Deployments(); len(d) != 1 || d[0].SocketsUsed != 2 || !d[0].Ready {
			t.Fatalf("while somebody plays: %+v", d)
		}
		if _, err := client.Delete(t.Context(), s.SessionID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5*time.Minute - time.Second)
		if d := srv.Deployments(); len(d) != 1 || d[0].SocketsUsed != 0 {
			t.Errorf("before its time: %+v", d)
		}
		time.Sleep(time.Second)
		if d := srv.Deployments(); len(d) != 0 {
			t.Errorf("after its time: %+v", d)
		}
	}, sessionstest.WithApp(sessionstest.App{EmptyTTL: 5 * time.Minute}))
}

func TestDeployments(t *testing.T) {
	bubble(t, func(t *testing.T, srv *sessionstest.Server, client *sessions.Client) {
		request := arena
		request.City = "Tokyo"
		request.Selectors = []sessions.Selector{{Tag: "ranked", Env: sessions.Env{Key: "MODE", Value: "ranked"}}}
		if _, err := client.Create(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		if d := srv.Deployments(); len(d) != 0 {
			t.Errorf("at once: %+v", d)
		}
		time.Sleep(time.Second)
		d := srv.Deployments()
		if len(d) != 1 || d[0].Ready || !d[0].Joinable || d[0].SocketsUsed != 2 || d[0].Sockets != 10 || d[0].City != "Tokyo" ||
			d[0].AppName != "arena" || d[0].VersionName != "v1" || !slices.Equal(d[0].Tags, []string{"ranked"}) || d[0].Env["MODE"] != "ranked" {
			t.Fatalf("on its way: %+v", d)
		}
		if on := srv.Sessions()[0].DeploymentRequestID; on != d[0].RequestID {
			t.Errorf("the session is on %q", on)
		}
		time.Sleep(time.Second)
		if d = srv.Deployments(); !d[0].Ready {
			t.Errorf("up: %+v", d)
		}
	})
}
