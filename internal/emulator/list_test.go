package emulator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// pageOf is the ids on a page and its pagination, which has 0 for null.
func pageOf(t *testing.T, e *emulator.Emulator, query string) (ids []string, numbers [4]int64, has [2]bool) {
	t.Helper()
	list := call[api.Sessions](t, e, "GET", "/v1/sessions"+query, "")
	if list.Data == nil {
		t.Errorf("%s: no list", query)
	}
	for _, s := range list.Data {
		ids = append(ids, s.SessionID)
	}
	number := func(n *int64) int64 {
		if n == nil {
			return 0
		}
		return *n
	}
	p := list.Pagination
	return ids, [4]int64{p.Number, p.Paginator.NumPages, number(p.PreviousPageNumber), number(p.NextPageNumber)}, [2]bool{p.HasPrevious, p.HasNext}
}

// crowded is an emulator with so many sessions.
func crowded(n int, test func(t *testing.T, e *emulator.Emulator, ids []string)) func(*testing.T) {
	return fact(emulator.Config{ReadyAfter: -1}, func(t *testing.T, e *emulator.Emulator) {
		var ids []string
		for range n {
			ids = append(ids, create(t, e, ""))
		}
		test(t, e, ids)
	})
}

// listed are how many sessions are on a page.
func listed(t *testing.T, e *emulator.Emulator, query string) int {
	t.Helper()
	return len(call[api.Sessions](t, e, "GET", "/v1/sessions"+query, "").Data)
}

var listFacts = facts{
	"paging": crowded(25, func(t *testing.T, e *emulator.Emulator, all []string) {
		for _, c := range []struct {
			query    string
			from, to int      // of all
			want     [4]int64 // number, pages, previous, next
		}{
			{"", 0, 10, [4]int64{1, 3, 0, 2}},
			{"?page=2", 10, 20, [4]int64{2, 3, 1, 3}},
			{"?page=3", 20, 25, [4]int64{3, 3, 2, 0}},
			{"?limit=25", 0, 25, [4]int64{1, 1, 0, 0}},
			{"?limit=24", 0, 24, [4]int64{1, 2, 0, 2}},
			{"?page=2&limit=24", 24, 25, [4]int64{2, 2, 1, 0}},
			{"?limit=9223372036854775807", 0, 25, [4]int64{1, 1, 0, 0}},
		} {
			ids, numbers, has := pageOf(t, e, c.query)
			if !slices.Equal(ids, all[c.from:c.to]) || numbers != c.want || has != [2]bool{c.want[2] != 0, c.want[3] != 0} {
				t.Errorf("%s: %v %v %v", c.query, ids, numbers, has)
			}
			if n := call[api.Sessions](t, e, "GET", "/v1/sessions"+c.query, "").TotalCount; n != 25 {
				t.Errorf("%s: total_count %d", c.query, n)
			}
		}
		for _, query := range []string{"page=0", "page=-1", "limit=0", "page=abc", "limit=1.5", "page=", "limit=99999999999999999999"} {
			if got, message := status(t, e, "GET", "/v1/sessions?"+query, ""); got != 400 || !strings.HasPrefix(message, query[:4]) && !strings.HasPrefix(message, query[:5]) {
				t.Errorf("%s: %d %q", query, got, message)
			}
		}
	}),

	"items of the list": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		s := settled(t, e, `"ip_list": ["203.0.113.1"], "webhook_url": "https://example.invalid/hook"`)
		got := call[api.Sessions](t, e, "GET", "/v1/sessions", "").Data[0]
		want := api.SessionContext{
			SessionID: s.SessionID, Status: "Ready", Ready: true, Linked: true, Kind: "Seat", UserCount: 1,
			DeploymentRequestID: s.Deployment.RequestID, WebhookURL: "https://example.invalid/hook",
		}
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}),

	"the default limit": guess(emulator.Config{}, emulator.Unknown{DefaultLimit: 4}, func(t *testing.T, e *emulator.Emulator) [2]int {
		for range 12 {
			create(t, e, "")
		}
		return [2]int{listed(t, e, ""), listed(t, e, "?limit=5")}
	}, [2]int{10, 5}, [2]int{4, 5}),

	"the greatest limit": guess(emulator.Config{}, emulator.Unknown{MaxLimit: 4}, func(t *testing.T, e *emulator.Emulator) [3]int {
		for range 12 {
			create(t, e, "")
		}
		return [3]int{listed(t, e, ""), listed(t, e, "?limit=1000"), listed(t, e, "?limit=3")}
	}, [3]int{10, 12, 3}, [3]int{4, 4, 3}),

	"the order of the list": guess(emulator.Config{}, emulator.Unknown{NewestFirst: true}, func(t *testing.T, e *emulator.Emulator) (order [3]int) {
		all := []string{create(t, e, ""), create(t, e, ""), create(t, e, "")}
		for i := range order {
			ids, _, _ := pageOf(t, e, fmt.Sprintf("?limit=1&page=%d", i+1))
			order[i] = slices.Index(all, ids[0])
		}
		return order
	}, [3]int{0, 1, 2}, [3]int{2, 1, 0}),

	"a page past the end": func(t *testing.T) {
		guess(emulator.Config{}, emulator.Unknown{PageBeyondEnd: 404}, func(t *testing.T, e *emulator.Emulator) [2]int {
			create(t, e, "")
			last, _ := status(t, e, "GET", "/v1/sessions?page=1", "")
			beyond, _ := status(t, e, "GET", "/v1/sessions?page=2", "")
			return [2]int{last, beyond}
		}, [2]int{200, 200}, [2]int{200, 404})(t)
		crowded(25, func(t *testing.T, e *emulator.Emulator, _ []string) {
			for page, number := range map[string]int64{"4": 4, "9223372036854775807": 9223372036854775807} {
				ids, numbers, has := pageOf(t, e, "?page="+page)
				if len(ids) != 0 || numbers != [4]int64{number, 3, 3, 0} || has != [2]bool{true, false} {
					t.Errorf("page %s: %v %v %v", page, ids, numbers, has)
				}
			}
		})(t)
	},

	"deleted sessions in the list": guess(emulator.Config{}, emulator.Unknown{ListTerminating: true}, func(t *testing.T, e *emulator.Emulator) (counts [3]int) {
		id := create(t, e, "")
		call[api.SessionDelete](t, e, "DELETE", "/v1/session/"+id, "")
		counts[0] = listed(t, e, "")
		// It cannot be stopped once more.
		again := call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", `{"filters": [{"field": "session_id", "values": ["`+id+`"], "filter_type": "any"}]}`)
		counts[1] = len(again.Processable)
		time.Sleep(time.Second)
		counts[2] = listed(t, e, "")
		return counts
	}, [3]int{0, 0, 0}, [3]int{1, 0, 0}),
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

// field is a filter of a bulk stop.
func field(name, kind string, values ...string) string {
	return fmt.Sprintf(`{"field": %q, "filter_type": %q, "values": ["%s"]}`, name, kind, strings.Join(values, `", "`))
}

// stop stops in bulk, and says which of the sessions the answer and the ledger
// name, by their numbers.
func stop(t *testing.T, e *emulator.Emulator, filters ...string) (stopped []int) {
	t.Helper()
	before := e.Sessions()
	answer := call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", `{"filters": [`+strings.Join(filters, ", ")+`]}`)
	if answer.Processable == nil {
		t.Errorf("%s: processable is no list", filters)
	}
	after := e.Sessions()
	for i, s := range before {
		named := slices.Contains(answer.Processable, api.SessionStopResponse{SessionID: s.SessionID})
		if ended := s.Exists && !after[i].Exists; ended != named {
			t.Errorf("%s: session %d ended %t, in the answer %t", filters, i, ended, named)
		}
		if named {
			stopped = append(stopped, i)
		}
	}
	return stopped
}

// three sessions: of a deployment with the tag ranked, of one with ranked and eu,
// and one that is not linked yet.
func three(t *testing.T, e *emulator.Emulator) (ids []string, deployment string) {
	t.Helper()
	ranked := settled(t, e, `"selectors": [{"tag": "ranked"}]`)
	both := settled(t, e, `"selectors": [{"tag": "ranked"}, {"tag": "eu"}]`)
	return []string{ranked.SessionID, both.SessionID, create(t, e, "")}, ranked.Deployment.RequestID
}

// stops is a test of which of three sessions a bulk stop ends.
func stops(config emulator.Config, filters func(ids []string, deployment string) map[string][]int) func(*testing.T) {
	return fact(config, func(t *testing.T, e *emulator.Emulator) {
		ids, deployment := three(t, e)
		for filter, want := range filters(ids, deployment) {
			e.Reset() // then the ids are the same
			three(t, e)
			if got := stop(t, e, filter); !slices.Equal(got, want) {
				t.Errorf("%s: stopped %v, want %v", filter, got, want)
			}
		}
	})
}

var bulkStopFacts = facts{
	"bulk stop": fact(emulator.Config{}, func(t *testing.T, e *emulator.Emulator) {
		ids, _ := three(t, e)
		filter := `{"filters": [` + field("session_id", "not", ids[1]) + `]}`
		answer := call[map[string][]map[string]any](t, e, "POST", "/v1/sessions/bulk-stop", filter)["processable"]
		if len(answer) != 2 || len(answer[0]) != 1 || answer[0]["session_id"] != ids[0] || answer[1]["session_id"] != ids[2] {
			t.Errorf("%v", answer)
		}
		if s := get(t, e, ids[0]); s.Status != "Terminating" {
			t.Errorf("%+v", s)
		}
		time.Sleep(time.Second)
		if got, _ := status(t, e, "GET", "/v1/session/"+ids[0], ""); got != 404 || !get(t, e, ids[1]).Ready {
			t.Errorf("%d", got)
		}
		// What is stopped already cannot be stopped again.
		if again := call[map[string][]any](t, e, "POST", "/v1/sessions/bulk-stop", filter)["processable"]; again == nil || len(again) != 0 {
			t.Errorf("%v", again)
		}
		for _, body := range []string{
			`{}`, `{"filters": null}`, `{"filters": {}}`, `{"filters": [` + field("city", "any", "a") + `]}`,
			`{"filters": [` + field("session_id", "none", "a") + `]}`, `{"filters": [{"field": "session_id", "values": [], "filter_type": "all"}]}`,
		} {
			if got, message := status(t, e, "POST", "/v1/sessions/bulk-stop", body); got != 400 || !strings.HasPrefix(message, "filters") || !get(t, e, ids[1]).Ready {
				t.Errorf("%s: %d %q", body, got, message)
			}
		}
	}),

	"fields of a bulk stop": stops(emulator.Config{}, func(ids []string, deployment string) map[string][]int {
		return map[string][]int{
			field("session_id", "any", ids[2], "000000000000-S"): {2},
			field("deployment_tags", "any", "eu", "na"):          {1},
			field("request_id", "any", deployment):               {0},
			field("request_id", "any", ids[0]):                   nil,
		}
	}),

	"filter types": stops(emulator.Config{}, func(ids []string, deployment string) map[string][]int {
		return map[string][]int{
			field("session_id", "any", ids[0], ids[2]):      {0, 2},
			field("session_id", "all", ids[0]):              {0},
			field("session_id", "all", ids[0], ids[1]):      nil,
			field("session_id", "not", ids[0]):              {1, 2},
			field("deployment_tags", "any", "ranked"):       {0, 1},
			field("deployment_tags", "all", "ranked", "eu"): {1},
			field("deployment_tags", "not", "eu"):           {0, 2}, // one that has no deployment has no tags
			field("request_id", "not", deployment):          {1, 2},
		}
	}),

	"several filters": guess(emulator.Config{}, emulator.Unknown{AnyFilter: true}, func(t *testing.T, e *emulator.Emulator) []int {
		ids, _ := three(t, e)
		return stop(t, e, field("deployment_tags", "any", "ranked"), field("session_id", "any", ids[0], ids[2]))
	}, []int{0}, []int{0, 1, 2}),

	"empty filters": func(t *testing.T) {
		guess(emulator.Config{}, emulator.Unknown{EmptyFilters: 200}, func(t *testing.T, e *emulator.Emulator) [2]int {
			three(t, e)
			got, _ := status(t, e, "POST", "/v1/sessions/bulk-stop", `{"filters": []}`)
			return [2]int{got, listed(t, e, "")}
		}, [2]int{400, 3}, [2]int{200, 0})(t)
		within(t, emulator.Config{Unknown: emulator.Unknown{EmptyFilters: 200, AnyFilter: true}}, func(t *testing.T, e *emulator.Emulator) {
			three(t, e)
			if got := stop(t, e); !slices.Equal(got, []int{0, 1, 2}) {
				t.Errorf("where any filter will do: %v", got)
			}
		})
	},

	"the time a bulk stop takes": func(t *testing.T) {
		guess(emulator.Config{}, emulator.Unknown{BulkStopTakes: 5 * time.Second}, func(t *testing.T, e *emulator.Emulator) (exists [3]bool) {
			filters := `{"filters": [` + field("session_id", "any", settled(t, e, "").SessionID) + `]}`
			if answer := call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", filters); len(answer.Processable) != 1 {
				t.Errorf("%+v", answer)
			}
			for i, after := range []time.Duration{0, 4999 * ms, ms} {
				time.Sleep(after)
				exists[i] = e.Sessions()[0].Exists
			}
			return exists
		}, [3]bool{}, [3]bool{true, true, false})(t)
		within(t, emulator.Config{Unknown: emulator.Unknown{BulkStopTakes: 5 * time.Second}}, func(t *testing.T, e *emulator.Emulator) {
			path := "/v1/session/" + create(t, e, "")
			call[api.SessionBulkStopResponse](t, e, "POST", "/v1/sessions/bulk-stop", `{"filters": [`+field("session_id", "not", "none")+`]}`)
			time.Sleep(4500 * ms)
			call[api.SessionDelete](t, e, "DELETE", path, "")
			time.Sleep(time.Second)
			if got, _ := status(t, e, "GET", path, ""); got != 404 {
				t.Errorf("one that was deleted meanwhile is deleted again: %d", got)
			}
		})
	},
}
