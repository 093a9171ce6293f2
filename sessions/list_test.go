package sessions_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// newListClient returns a client of an API whose list has the given bodies as pages, and the
// queries of its requests. Other pages are 404. The 10th request ends an endless walk.
func newListClient(t *testing.T, pages map[string]string) (c *sessions.Client, queries *[]string) {
	queries = new([]string)
	return newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
		*queries = append(*queries, r.URL.RawQuery)
		if body, ok := pages[cmp.Or(r.URL.Query().Get("page"), "1")]; ok && len(*queries) < 10 {
			return respondJSON(200, body), nil
		}
		return respondError(404), nil
	})), queries
}

// pageOf returns a page with one session.
func pageOf(id, pagination string) string {
	return fmt.Sprintf(`{"data":[{"session_id":%q}],"total_count":1000,"pagination":%s}`, id, pagination)
}

func collect(ctx context.Context, c *sessions.Client, o sessions.ListOptions) (ids []string, errs []error) {
	for s, err := range c.All(ctx, o) {
		if err != nil {
			errs = append(errs, err)
		} else {
			ids = append(ids, s.SessionID)
		}
	}
	return ids, errs
}

func TestAllFollowsPages(t *testing.T) {
	const nextIs2 = `{"number":1,"next_page_number":2,"has_next":true,"paginator":{"num_pages":3}}`
	for _, test := range []struct {
		name  string
		pages map[string]string
		from  int
		want  []string
		err   error
	}{
		{name: "three pages", want: []string{"a", "b", "c"}, pages: map[string]string{"1": pageOf("a", nextIs2),
			"2": pageOf("b", `{"number":2,"next_page_number":3,"previous_page_number":1,"has_next":true,"has_previous":true,"paginator":{"num_pages":3}}`),
			"3": pageOf("c", `{"number":3,"next_page_number":null,"previous_page_number":2,"has_next":false,"has_previous":true,"paginator":{"num_pages":3}}`)}},
		{name: "no pagination", want: []string{"a"}, pages: map[string]string{"1": `{"data":[{"session_id":"a"}]}`}},
		{name: "an empty page does not end the list", want: []string{"c"}, pages: map[string]string{
			"1": `{"data":[],"total_count":0,"pagination":` + nextIs2 + `}`, "2": pageOf("c", `{"number":2}`)}},
		{name: "total_count does not end the list", want: []string{"a", "b"}, pages: map[string]string{
			"1": strings.Replace(pageOf("a", nextIs2), "1000", "1", 1), "2": strings.Replace(pageOf("b", `{"number":2}`), "1000", "0", 1)}},
		{name: "next page without has_next", want: []string{"a", "b"}, pages: map[string]string{"1": pageOf("a", `{"number":1,"next_page_number":2}`), "2": pageOf("b", `{"number":2}`)}},
		{name: "has_next without a next page", want: []string{"a", "b"}, pages: map[string]string{
			"1": pageOf("a", `{"number":1,"has_next":true,"paginator":{"num_pages":2}}`), "2": pageOf("b", `{"number":2,"has_next":false,"paginator":{"num_pages":2}}`)}},
		{name: "the page after the first is gone", want: []string{"a"}, pages: map[string]string{"1": pageOf("a", nextIs2)}},
		{name: "the page after the first is empty now", want: []string{"a"}, pages: map[string]string{
			"1": pageOf("a", nextIs2), "2": `{"data":[],"total_count":1,"pagination":{"number":2,"previous_page_number":1,"has_previous":true,"paginator":{"num_pages":1}}}`}},
		{name: "the first page is gone", err: sessions.ErrNotFound},
		{name: "the first page of a start at 2 is gone", from: 2, err: sessions.ErrNotFound},

		// The vendor's example is page 6 of 5, with has_next and next page 1.
		{name: "the vendor's example", from: 6, want: []string{"f"}, pages: map[string]string{
			"6": pageOf("f", `{"number":6,"next_page_number":1,"previous_page_number":5,"paginator":{"num_pages":5},"has_next":true,"has_previous":true}`)}},
		{name: "the last page names itself", want: []string{"a"}, pages: map[string]string{"1": pageOf("a", `{"number":1,"next_page_number":1,"has_next":true,"paginator":{"num_pages":1}}`)}},
		{name: "no has_next, but next page 1", want: []string{"a"}, pages: map[string]string{"1": pageOf("a", `{"number":1,"next_page_number":1,"has_next":false,"paginator":{"num_pages":9}}`)}},
		{name: "page 1 of 5 names itself", err: sessions.ErrUnexpectedResponse, pages: map[string]string{
			"1": pageOf("a", `{"number":1,"next_page_number":1,"has_next":true,"paginator":{"num_pages":5}}`)}},
		{name: "page 2 of 5 names page 1", want: []string{"a"}, err: sessions.ErrUnexpectedResponse, pages: map[string]string{
			"1": pageOf("a", nextIs2), "2": pageOf("b", `{"number":2,"next_page_number":1,"has_next":true,"paginator":{"num_pages":5}}`)}},

		{name: "no JSON", pages: map[string]string{"1": `<html>`}, err: sessions.ErrUnexpectedResponse},
		{name: "no data", pages: map[string]string{"1": `{"session_id":"random","total_count":0}`}, err: sessions.ErrUnexpectedResponse},
		{name: "null data", pages: map[string]string{"1": `{"session_id":"random","data":null}`}, err: sessions.ErrUnexpectedResponse},
		{name: "broken second page", want: []string{"a"}, pages: map[string]string{"1": pageOf("a", nextIs2), "2": `{"data":[{"session_id":"random"},`}, err: sessions.ErrUnexpectedResponse},
		{name: "a broken page with an id", pages: map[string]string{"1": `{"session_id":"random","data":[{"session_id":"random"}]`}, err: sessions.ErrUnexpectedResponse},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, queries := newListClient(t, test.pages)
			ids, errs := collect(t.Context(), c, sessions.ListOptions{Page: test.from})
			if test.err == sessions.ErrUnexpectedResponse && len(ids) == len(test.want)+1 {
				ids = ids[:len(test.want)] // the sessions of the page that names a wrong one may be returned or not
			}
			if !slices.Equal(ids, test.want) || len(*queries) > 3 {
				t.Errorf("got sessions %q after requests %q, want %q", ids, *queries, test.want)
			}
			switch {
			case test.err == nil && len(errs) == 0:
			case test.err == nil || len(errs) != 1 || !errors.Is(errs[0], test.err):
				t.Errorf("got errors %v, want %v", errs, test.err)
			default:
				e := (*sessions.Error)(nil)
				if !errors.As(errs[0], &e) || e.Operation != "List" || e.SessionID != "" || strings.Contains(e.Error(), "random") {
					t.Errorf("got %v, want an *Error of List that names no session", errs[0])
				}
			}
		})
	}
}

func TestListOptions(t *testing.T) {
	c, queries := newListClient(t, map[string]string{"1": pageOf("a", `null`), "3": pageOf("c", `{"number":3,"next_page_number":4,"has_next":true}`)})
	first, err := c.List(t.Context(), sessions.ListOptions{})
	if err != nil || len(first.Sessions) != 1 || first.Total != 1000 || first.Next != 0 {
		t.Errorf("got %+v, %v, want one session of 1000 and no next page", first, err)
	}
	third, err := c.List(t.Context(), sessions.ListOptions{Page: 3, PageSize: 7})
	if err != nil || third.Next != 4 {
		t.Errorf("got %+v, %v, want next page 4", third, err)
	}
	collect(t.Context(), c, sessions.ListOptions{Page: 1})
	collect(t.Context(), c, sessions.ListOptions{Page: 1, PageSize: 7})
	if want := []string{"", "page=3&limit=7", "page=1&limit=100", "page=1&limit=7"}; !slices.Equal(*queries, want) {
		t.Errorf("got queries %q, want %q", *queries, want)
	}
	for _, o := range []sessions.ListOptions{{Page: -1}, {PageSize: -1}} {
		if _, errs := collect(t.Context(), noRequests(t), o); len(errs) != 1 || !errors.Is(errs[0], sessions.ErrInvalidArgument) {
			t.Errorf("All(%+v): got %v, want ErrInvalidArgument", o, errs)
		}
	}
}

func TestAllReadsPagesAsNeeded(t *testing.T) {
	c, queries := newListClient(t, map[string]string{
		"1": `{"data":[{"session_id":"a"},{"session_id":"b"}],"pagination":{"number":1,"next_page_number":2,"has_next":true}}`,
		"2": pageOf("c", `{"number":2,"next_page_number":3,"has_next":true}`)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all := c.All(ctx, sessions.ListOptions{})
	for stop, requests := range map[string]int{"a": 1, "b": 1, "c": 2} {
		*queries = nil
		for s, err := range all { // each iteration starts at the first page
			if err != nil || s.SessionID == stop {
				break
			}
		}
		if len(*queries) != requests {
			t.Errorf("got %d requests until session %s, want %d", len(*queries), stop, requests)
		}
	}
	var errs []error
	for _, err := range all {
		if cancel(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("got %v after a cancel, want Canceled once", errs)
	}
}
