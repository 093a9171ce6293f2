package sessionstest_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// createMany returns the ids of n sessions, oldest first.
func (f *fake) createMany(n int) (ids []string) {
	f.t.Helper()
	for range n {
		ids = append(ids, f.create(""))
	}
	return ids
}

// page returns the ids of a page and its pagination.
func (f *fake) page(query string) (ids []string, pagination object) {
	f.t.Helper()
	o := f.want(200, "GET", "/v1/sessions?"+query, "")
	for _, item := range o["data"].([]any) {
		ids = append(ids, item.(map[string]any)["session_id"].(string))
	}
	return ids, o["pagination"].(map[string]any)
}

var listFacts = map[string]func(*testing.T){
	"paging": func(t *testing.T) {
		f := newFake(t)
		ids, p := f.page("")
		equal(t, "no session", line(ids, p), "[] map[has_next:false has_previous:false next_page_number:<nil> number:1 paginator:map[num_pages:1] previous_page_number:<nil>]")
		all := f.createMany(25)
		ids, p = f.page("")
		equal(t, "without limit", ids, all[:10])
		equal(t, "first page", p, "map[has_next:true has_previous:false next_page_number:2 number:1 paginator:map[num_pages:3] previous_page_number:<nil>]")
		ids, p = f.page("page=3")
		equal(t, "last page", ids, all[20:])
		equal(t, "last page", p, "map[has_next:false has_previous:true next_page_number:<nil> number:3 paginator:map[num_pages:3] previous_page_number:2]")
		ids, _ = f.page("page=2&limit=7")
		equal(t, "page 2 of 7", ids, all[7:14])
		ids, _ = f.page(fmt.Sprintf("limit=%d", math.MaxInt))
		equal(t, "greatest limit", ids, all)
		ids, _ = f.page(fmt.Sprintf("page=2&limit=%d", math.MaxInt))
		equal(t, "after the greatest limit", ids, "[]")
		for _, query := range []string{"page=0", "page=-1", "limit=0", "limit=x", "page=1.5", "page=99999999999999999999"} {
			f.want(400, "GET", "/v1/sessions?"+query, "")
		}
		f = assuming(t, sessionstest.Assumptions{DefaultLimit: 2, MaxLimit: 3})
		f.createMany(5)
		for query, want := range map[string]int{"": 2, "limit=3": 3, "limit=100": 3} {
			ids, _ := f.page(query)
			equal(t, "length with "+query, len(ids), want)
		}
	},
	"order": func(t *testing.T) {
		f := assuming(t, sessionstest.Assumptions{NewestFirst: true})
		all := f.createMany(25)
		slices.Reverse(all)
		for i, want := range [][]string{all[:10], all[10:20], all[20:], nil} {
			ids, _ := f.page(fmt.Sprintf("page=%d", i+1))
			equal(t, line("page ", i+1), ids, want)
		}
	},
	"page past the end": func(t *testing.T) {
		for status, f := range map[int]*fake{200: newFake(t), 404: assumingStatus(t, "page_beyond_end", 404)} {
			f.createMany(11)
			f.page("page=2")
			for _, page := range []int{3, 1000, math.MaxInt} {
				o := f.want(status, "GET", fmt.Sprintf("/v1/sessions?page=%d", page), "")
				if status == 200 {
					equal(t, "page", line(o["data"], o.at("pagination", "has_next"), o.at("pagination", "previous_page_number")), "[] false 2")
				}
			}
		}
	},
	"contradictory paging": func(t *testing.T) {
		f := assuming(t, sessionstest.Assumptions{PagingContradicts: true})
		f.createMany(11)
		_, first := f.page("")
		_, last := f.page("page=2")
		equal(t, "next pages", line(first["next_page_number"], last["next_page_number"], last["has_next"]), "2 1 true")
	},
	"total_count": func(t *testing.T) {
		for ended, want := range map[bool]int{false: 1, true: 3} {
			f := assuming(t, sessionstest.Assumptions{TotalIncludesEnded: ended})
			for _, id := range f.createMany(3)[:2] {
				f.want(200, "DELETE", "/v1/session/"+id, "")
			}
			equal(t, "total_count", f.want(200, "GET", "/v1/sessions", "")["total_count"], want)
		}
	},
}

// receiver is a webhook handler that records the bodies.
type receiver struct {
	bodies []string
	delay  time.Duration // of a response
	status int           // of a response; 0: 200
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.bodies = append(r.bodies, string(body))
	time.Sleep(r.delay)
	if r.status != 0 {
		w.WriteHeader(r.status)
	}
}

const hooked = `"ip_list": ["203.0.113.7"], "webhook_url": "https://match.example/hook?secret=x"`

// deliveries describes the finished deliveries.
func (f *fake) deliveries() (list []string) {
	for _, h := range f.Webhooks() {
		list = append(list, line(h.SessionStatus, h.Host, h.Status, h.Duration, h.Error))
	}
	return list
}

var webhookFacts = map[string]func(*testing.T){
	"webhook": func(t *testing.T) {
		for name, test := range map[string]struct {
			assume sessionstest.Assumptions
			app    sessionstest.App
			want   []string
		}{
			"default":           {want: []string{"Waiting", "Ready"}},
			"no ready webhook":  {assume: sessionstest.Assumptions{NoReadyWebhook: true}, want: []string{"Waiting"}},
			"linked when ready": {assume: sessionstest.Assumptions{LinkedWhenReady: true, NoReadyWebhook: true}, want: []string{"Ready"}},
			"fails":             {app: sessionstest.App{FailsToStart: true}, want: []string{"Waiting", "Error"}},
			"no deployment":     {app: sessionstest.App{NoAutodeploy: true}, want: []string{"Unprocessable"}},
		} {
			for _, readyAfter := range []time.Duration{0, 2 * time.Second} {
				f := assuming(t, test.assume, sessionstest.WithApp(test.app), sessionstest.WithWebhooks(&receiver{}), sessionstest.WithReadyAfter(readyAfter))
				s := f.ready(hooked)
				f.create("") // without a URL
				time.Sleep(time.Minute)
				f.want(200, "DELETE", "/v1/session/"+s["session_id"].(string), "")
				time.Sleep(time.Minute)
				var got []string
				for _, h := range f.Webhooks() {
					got = append(got, string(h.SessionStatus))
				}
				equal(t, name+" after "+readyAfter.String(), got, test.want)
			}
		}
	},
	"webhook body": func(t *testing.T) {
		for full, want := range map[bool]string{
			false: `{"deployment_request_id":"ID","kind":"Seat","linked":true,"ready":true,"session_id":"SID","status":"Ready","user_count":1,"webhook_url":"https://match.example/hook?secret=x"}`,
			true:  `"deployment":{`} {
			r := &receiver{}
			f := assuming(t, sessionstest.Assumptions{FullWebhook: full, LinkedWhenReady: true}, sessionstest.WithWebhooks(r))
			s := f.ready(hooked)
			synctest.Wait()
			want = strings.NewReplacer("SID", s["session_id"].(string), "ID", deployment(s).(string)).Replace(want)
			if len(r.bodies) != 1 || !strings.Contains(r.bodies[0], want) {
				t.Errorf("bodies %s, want one with %s", r.bodies, want)
			}
		}
	},
	"webhook delivery": func(t *testing.T) {
		r := &receiver{delay: 3 * time.Second}
		f := newFake(t, sessionstest.WithWebhooks(r))
		id := f.ready(hooked)["session_id"].(string)
		for range 2 {
			if err := f.SendWebhook(id); err != nil {
				t.Error(err)
			}
		}
		if err := f.SetStatus(id, sessions.StatusError); err != nil {
			t.Error(err)
		}
		time.Sleep(3*5*time.Second - 1200*time.Millisecond - 1)
		equal(t, "before the last is finished", len(f.Webhooks()), 4)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		ok := "match.example 200 3s"
		equal(t, "in order", f.deliveries(), []string{"Waiting " + ok, "Ready " + ok, "Ready " + ok, "Ready " + ok, "Error " + ok})
		if err := f.SendWebhook(f.create("")); err == nil {
			t.Error("no error for a session without webhook_url")
		}

		r = &receiver{delay: time.Minute}
		f = newFake(t, sessionstest.WithWebhooks(r), sessionstest.WithReadyAfter(0))
		f.create(hooked)
		time.Sleep(time.Hour)
		synctest.Wait()
		equal(t, "requests to a slow receiver", len(r.bodies), 2)
		equal(t, "a slow receiver", f.Webhooks()[0].Error, "timeout: no response within 10s")

		f = assuming(t, sessionstest.Assumptions{NoReadyWebhook: true}, sessionstest.WithWebhooks(&receiver{status: 302}))
		f.ready(hooked)
		time.Sleep(time.Hour)
		equal(t, "a failing receiver", f.deliveries(), []string{"Waiting match.example 302 0s status 302"})
	},
}
