package emulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

func TestPages(t *testing.T) {
	within(t, emulator.Config{ReadyAfter: -1}, func(t *testing.T, e *emulator.Emulator) {
		var all []string
		for range 25 {
			all = append(all, create(t, e, ""))
		}
		for _, c := range []struct {
			query          string
			from, to       int // of all
			number, pages  int64
			previous, next int64 // 0 for null
		}{
			{"", 0, 10, 1, 3, 0, 2},
			{"?page=2", 10, 20, 2, 3, 1, 3},
			{"?page=3", 20, 25, 3, 3, 2, 0},
			{"?page=4", 25, 25, 4, 3, 3, 0},
			{"?page=9223372036854775807", 25, 25, 9223372036854775807, 3, 3, 0},
			{"?limit=25", 0, 25, 1, 1, 0, 0},
			{"?limit=24", 0, 24, 1, 2, 0, 2},
			{"?page=2&limit=24", 24, 25, 2, 2, 1, 0},
			{"?limit=9223372036854775807", 0, 25, 1, 1, 0, 0},
		} {
			list := call[api.Sessions](t, e, "GET", "/v1/sessions"+c.query, "")
			var got []string
			for _, s := range list.Data {
				got = append(got, s.SessionID)
			}
			if !slices.Equal(got, all[c.from:c.to]) || list.Data == nil {
				t.Errorf("%s: %d sessions %v", c.query, len(got), got)
			}
			p := list.Pagination
			number := func(n *int64) int64 {
				if n == nil {
					return 0
				}
				return *n
			}
			if list.TotalCount != 25 || p.Number != c.number || p.Paginator.NumPages != c.pages || number(p.PreviousPageNumber) != c.previous ||
				number(p.NextPageNumber) != c.next || p.HasNext != (c.next != 0) || p.HasPrevious != (c.previous != 0) {
				t.Errorf("%s: total %d, %+v", c.query, list.TotalCount, p)
			}
		}
		for _, query := range []string{"page=0", "page=-1", "limit=0", "page=abc", "limit=1.5", "page=", "limit=99999999999999999999"} {
			if got, message := status(t, e, "GET", "/v1/sessions?"+query, ""); got != 400 || !strings.HasPrefix(message, query[:4]) && !strings.HasPrefix(message, query[:5]) {
				t.Errorf("%s: %d %q", query, got, message)
			}
		}
	})
}

func TestAnEmptyListIsAList(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		answer := call[map[string]any](t, e, "GET", "/v1/sessions", "")
		pagination, _ := answer["pagination"].(map[string]any)
		if data, ok := answer["data"].([]any); !ok || len(data) != 0 || pagination["paginator"] == nil {
			t.Errorf("%v", answer)
		}
		if next, there := pagination["next_page_number"]; !there || next != nil {
			t.Errorf("next_page_number is to be null: %v", pagination)
		}
	})
}

func TestTheListShowsWhatIsKnown(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		s := settled(t, e, `"ip_list": ["203.0.113.1"], "webhook_url": "https://example.invalid/hook"`)
		got := call[api.Sessions](t, e, "GET", "/v1/sessions", "").Data[0]
		want := api.SessionContext{
			SessionID: s.SessionID, Status: "Ready", Ready: true, Linked: true, Kind: "Seat", UserCount: 1,
			DeploymentRequestID: s.Deployment.RequestID, WebhookURL: "https://example.invalid/hook",
		}
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

func TestBulkStop(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		for _, c := range []struct {
			filters string // %[1]s and so on are the ids of the sessions and of the first's deployment
			stopped []int
		}{
			{`{"field": "session_id", "values": ["%[1]s", "000000000000-S"], "filter_type": "any"}`, []int{0}},
			{`{"field": "session_id", "values": ["%[1]s"], "filter_type": "all"}`, []int{0}},
			{`{"field": "session_id", "values": ["%[1]s", "%[2]s"], "filter_type": "all"}`, nil},
			{`{"field": "session_id", "values": ["%[1]s"], "filter_type": "not"}`, []int{1, 2}},
			{`{"field": "deployment_tags", "values": ["ranked"], "filter_type": "any"}`, []int{0, 1}},
			{`{"field": "deployment_tags", "values": ["ranked", "eu"], "filter_type": "all"}`, []int{1}},
			{`{"field": "deployment_tags", "values": ["eu"], "filter_type": "not"}`, []int{0, 2}},
			{`{"field": "request_id", "values": ["%[4]s"], "filter_type": "any"}`, []int{0}},
			{`{"field": "request_id", "values": ["%[4]s"], "filter_type": "not"}`, []int{1, 2}},
			{`{"field": "deployment_tags", "values": ["ranked"], "filter_type": "any"}, {"field": "session_id", "values": ["%[1]s", "%[3]s"], "filter_type": "any"}`, []int{0}},
		} {
			e.Reset()
			ranked := settled(t, e, `"selectors": [{"tag": "ranked"}]`)
			both := settled(t, e, `"selectors": [{"tag": "ranked"}, {"tag": "eu"}]`)
			lost := create(t, e, "") // not linked yet
			ids := []string{ranked.SessionID, both.SessionID, lost}
			body := fmt.Sprintf(c.filters+"%.0[1]s%.0[2]s%.0[3]s%.0[4]s", ids[0], ids[1], ids[2], ranked.Deployment.RequestID)
			answer := call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", `{"filters": [`+body+`]}`)
			var got, want []string
			for _, s := range answer.Processable {
				got = append(got, s.SessionID)
			}
			for _, i := range c.stopped {
				want = append(want, ids[i])
			}
			if !slices.Equal(got, want) || answer.Processable == nil {
				t.Errorf("%s: stopped %v, want %v", c.filters, got, want)
			}
			for i, s := range e.Sessions() {
				if s.Exists == slices.Contains(c.stopped, i) {
					t.Errorf("%s: session %d: %+v", c.filters, i, s)
				}
			}
		}
		// What is stopped already cannot be stopped again.
		again := `{"filters": [{"field": "session_id", "values": ["none"], "filter_type": "not"}]}`
		call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", again)
		if answer := call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", again); len(answer.Processable) != 0 {
			t.Errorf("%+v", answer)
		}
	})
}

func TestBulkStopRefuses(t *testing.T) {
	within(t, emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		id := create(t, e, "")
		for _, body := range []string{
			`{}`, `{"filters": []}`, `{"filters": null}`, `{"filters": {}}`,
			`{"filters": [{"field": "city", "values": ["a"], "filter_type": "any"}]}`,
			`{"filters": [{"field": "session_id", "values": ["a"], "filter_type": "none"}]}`,
			`{"filters": [{"field": "session_id", "values": [], "filter_type": "all"}]}`,
		} {
			if got, message := status(t, e, "POST", "/v1/sessions/bulk-stop", body); got != 400 || !strings.HasPrefix(message, "filters") {
				t.Errorf("%s: %d %q", body, got, message)
			}
		}
		if s := get(t, e, id); s.Status == "Terminating" {
			t.Error("a refused call stopped a session")
		}
	})
}
