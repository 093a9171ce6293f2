package sessions_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// pages serves a list of size sessions, and tells what was asked for.
func pages(size int) *wire {
	var mu sync.Mutex
	return &wire{meet: func(_ int, r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		number := func(name string, otherwise int) int {
			if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil {
				return n
			}
			return otherwise
		}
		page, limit := number("page", 1), number("limit", 10)
		var items []string
		for i := (page - 1) * limit; i < min(page*limit, size); i++ {
			webhook := ""
			if i%2 == 0 { // what is absent must not be left from the page before
				webhook = fmt.Sprintf(`,"webhook_url":"https://h/%d"`, i)
			}
			items = append(items, fmt.Sprintf(`{"session_id":"%d-S","status":"Ready"%s}`, i, webhook))
		}
		next := "null"
		if page*limit < size {
			next = strconv.Itoa(page + 1)
		}
		return response(200, fmt.Sprintf(`{"data":[%s],"total_count":%d,"pagination":{"number":%d,"next_page_number":%s,"has_next":%t}}`,
			strings.Join(items, ","), size, page, next, next != "null")), nil
	}}
}

func queries(s *wire) (all []string) {
	for _, r := range s.seen {
		all = append(all, r.URL.RawQuery)
	}
	return all
}

func TestListReadsOnePage(t *testing.T) {
	s := pages(25)
	c := newClient(t, s)
	for options, want := range map[sessions.ListOptions]sessions.Page{
		{}:                   {Total: 25, Next: 2},
		{Page: 3}:            {Total: 25},
		{Page: 2, Limit: 12}: {Total: 25, Next: 3},
		{Page: 9}:            {Total: 25},
	} {
		p, err := c.List(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if p.Total != want.Total || p.Next != want.Next {
			t.Errorf("%+v: total %d, next %d", options, p.Total, p.Next)
		}
	}
	s.seen = nil
	if _, err := c.List(t.Context(), sessions.ListOptions{}); err != nil || queries(s)[0] != "" {
		t.Errorf("the defaults are sent as %q, %v", queries(s), err)
	}
	if _, err := c.List(t.Context(), sessions.ListOptions{Page: 2, Limit: 5}); err != nil || queries(s)[1] != "page=2&limit=5" {
		t.Errorf("sent %q, %v", queries(s), err)
	}
}

func TestAllWalksEveryPage(t *testing.T) {
	for _, prefetch := range []bool{false, true} {
		for _, size := range []int{0, 1, 10, 11, 95} {
			s := pages(size)
			n := 0
			for got, err := range newClient(t, s).All(t.Context(), sessions.ListOptions{Prefetch: prefetch}) {
				if err != nil {
					t.Fatal(err)
				}
				want := sessions.Summary{SessionID: fmt.Sprintf("%d-S", n), Status: "Ready"}
				if n%2 == 0 {
					want.WebhookURL = fmt.Sprintf("https://h/%d", n)
				}
				if got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				n++
			}
			if n != size || len(s.seen) != max(1, (size+9)/10) {
				t.Errorf("prefetch %t: %d sessions of %d in %d requests", prefetch, n, size, len(s.seen))
			}
		}
		s := pages(95)
		n := 0
		for range newClient(t, s).All(t.Context(), sessions.ListOptions{Page: 8, Limit: 10, Prefetch: prefetch}) {
			n++
		}
		if n != 25 {
			t.Errorf("from page 8 on there are %d", n)
		}
	}
}

func TestAWalkCanBeRepeated(t *testing.T) {
	all := newClient(t, pages(25)).All(t.Context(), sessions.ListOptions{Page: 2})
	for range 2 {
		n := 0
		for _, err := range all {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != 15 {
			t.Errorf("%d sessions", n)
		}
	}
}

func TestAllStopsWithTheCaller(t *testing.T) {
	for _, prefetch := range []bool{false, true} {
		for stopAt, want := range map[int]int{1: 1, 10: 1, 11: 2, 20: 2, 31: 4} {
			s := pages(100)
			n := 0
			for range newClient(t, s).All(t.Context(), sessions.ListOptions{Prefetch: prefetch}) {
				if n++; n == stopAt {
					break
				}
			}
			if prefetch {
				want++
			}
			if got := len(s.seen); got > want || got < want-1 || !prefetch && got != want {
				t.Errorf("prefetch %t, stop at %d: %d requests, want %d", prefetch, stopAt, got, want)
			}
		}
	}
}

func TestAnErrorEndsAWalk(t *testing.T) {
	for _, prefetch := range []bool{false, true} {
		good := pages(30)
		s := &wire{meet: func(_ int, r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("page") == "2" {
				return response(403, `{"message":"no more"}`), nil
			}
			return good.meet(0, r)
		}}
		n, failures := 0, 0
		for _, err := range newClient(t, s).All(t.Context(), sessions.ListOptions{Prefetch: prefetch}) {
			if err == nil {
				n++
			} else if failures++; !errors.Is(err, sessions.ErrForbidden) {
				t.Errorf("%v", err)
			}
		}
		if n != 10 || failures != 1 {
			t.Errorf("prefetch %t: %d sessions, %d errors", prefetch, n, failures)
		}
	}
}

func TestPagesThatLeadAstrayAreRefused(t *testing.T) {
	item := `{"session_id":"a-S"}`
	page := func(items, pagination string) string {
		return `{"data":[` + items + `],"pagination":` + pagination + `}`
	}
	for content, next := range map[string]int{ // -1: refused
		`{"data":[` + item + `]}`:                            0,
		page(item, `null`):                                   0,
		page(item, `{}`):                                     0,
		page(item, `{"has_next":false}`):                     0,
		page(item, `{"number":6,"next_page_number":null}`):   0,
		page(item, `{"number":6,"next_page_number":7}`):      7,
		page(item, `{"number":6,"next_page_number":9}`):      9,
		page(item, `{"next_page_number":7,"has_next":true}`): 7,
		page("", `{"number":6,"has_next":false}`):            0,
		page(item, `{"number":6,"next_page_number":1,"has_next":true,"paginator":{"num_pages":5}}`): -1, // the vendor's own example
		page(item, `{"number":6,"next_page_number":6}`):                                             -1,
		page(item, `{"number":6,"next_page_number":-7}`):                                            -1,
		page(item, `{"next_page_number":2}`):                                                        -1,
		page(item, `{"number":8,"next_page_number":8}`):                                             -1,
		page(item, `{"number":6,"has_next":true}`):                                                  -1,
		page("", `{"number":6,"next_page_number":7}`):                                               -1,
	} {
		p, err := newClient(t, says(200, content)).List(t.Context(), sessions.ListOptions{Page: 6})
		if next < 0 {
			if !errors.Is(err, sessions.ErrBadResponse) || !strings.Contains(err.Error(), "page ") {
				t.Errorf("%s: %+v, %v", content, p, err)
			}
		} else if err != nil || p.Next != next {
			t.Errorf("%s: %+v, %v", content, p, err)
		}
	}
}
