package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// newHookedStore returns a store, and the ids of its sessions, one for each webhook URL.
func newHookedStore(t *testing.T, webhookURLs ...string) (st *store, ids []string) {
	st = newStore(t, sessionstest.WithWebhooks(http.NotFoundHandler()))
	for _, u := range webhookURLs {
		s, err := st.client.Create(t.Context(), sessions.CreateRequest{AppName: "arena", WebhookURL: u})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, s.SessionID)
	}
	return st, ids
}

func (st *store) left() (ids []string) {
	for _, s := range st.Sessions() {
		ids = append(ids, s.SessionID)
	}
	return ids
}

func notInUse(context.Context, string) (bool, error) { return false, nil }

func TestReclaimDeletesOnlyUnderItsBase(t *testing.T) {
	for _, test := range []struct {
		base         string
		same, others []string // webhook URLs
	}{
		{
			base: "https://match.example.com/~hook",
			same: []string{"https://match.example.com/~hook?ref=1", "https://match.example.com/~hook?secret=old&ref=1", "https://match.example.com:443/~hook?ref=1",
				"HTTPS://MATCH.Example.com/~hook?ref=1", "https://match.example.com/%7Ehook?ref=1", "https://match.example.com/%7e%68ook?ref=1"},
			others: []string{"", "https://match.example.com/~hook", "https://match.example.com/~hook?ref=", "https://match.example.com/~hook?match=1",
				"http://match.example.com/~hook?ref=1", "https://match.example.com:8443/~hook?ref=1", "https://match.example.com/?ref=1",
				"https://match.example.com/~hook/2?ref=1", "https://match.example.com/~hook2?ref=1", "https://match.example.com/~Hook?ref=1",
				"https://match.example.com.evil.example/~hook?ref=1", "https://other.example.com/~hook?ref=1", "https://match.example.com/~hook?env=prod&ref=1",
				"https://match.example.com/~hook?env=prod;x&ref=1", "https://match.example.com/~hook?env=%zz&ref=1", "https://user@match.example.com/~hook?ref=1", "https://user:pw@match.example.com/~hook?ref=1"},
		},
		{
			base: "https://match.example.com/hook?env=staging&region=a%20b",
			same: []string{"https://match.example.com/hook?env=staging&region=a+b&ref=1&secret=x", "https://match.example.com/hook?region=a%20b&secret=x&ref=1&env=staging"},
			others: []string{"https://match.example.com/hook?env=prod&region=a+b&ref=1&secret=x", "https://match.example.com/hook?ref=1", "https://match.example.com/hook?env=staging&ref=1",
				"https://match.example.com/hook?env=staging&env=prod&region=a+b&ref=1"},
		},
		{base: "http://match.example.com:80/a%2Fb", same: []string{"http://match.example.com/a%2Fb?ref=1", "http://match.example.com/a%2fb?ref=1"},
			others: []string{"http://match.example.com/a/b?ref=1", "https://match.example.com:80/a%2Fb?ref=1"}},
		{base: "https://[2001:DB8::1]/hook", same: []string{"https://[2001:db8::1]:443/hook?ref=1"}, others: []string{"https://[2001:db8::2]/hook?ref=1"}},
	} {
		own := newHooks(t, noRequests(t), test.base).URL("1")
		urls := slices.Concat(test.others, test.same, []string{own})
		st, ids := newHookedStore(t, urls...)
		hooks := newHooks(t, st.client, test.base)
		if found, err := hooks.Find(t.Context(), "1"); err != nil || len(found) != len(test.same)+1 {
			t.Errorf("%s: found %d sessions, %v, want %d", test.base, len(found), err, len(test.same)+1)
		}
		deleted, err := hooks.Reclaim(t.Context(), notInUse)
		if err != nil {
			t.Fatal(err)
		}
		for i, u := range urls {
			if want := i >= len(test.others); slices.Contains(deleted, ids[i]) != want || slices.Contains(st.left(), ids[i]) == want {
				t.Errorf("%s: deleted = %v for %s, want %v", test.base, !want, u, want)
			}
		}
	}
}

func TestReclaimKeepsWhatItMust(t *testing.T) {
	lookUp, all := errors.New("database is down"), []int{0, 1, 2, 3}
	for _, test := range []struct {
		name         string
		used         []string // references
		failing      string   // reference whose look-up fails
		list, delete int      // status codes for the second page, and for deletes of the first session
		cancel       bool     // in inUse
		deleted      []int
		want         error
		calls        int // of inUse
	}{
		{name: "none in use", deleted: all, calls: 4},
		{name: "some in use", used: []string{"0", "2"}, deleted: []int{1, 3}, calls: 4},
		{name: "a look-up fails", failing: "2", deleted: []int{0, 1, 3}, want: lookUp, calls: 4},
		{name: "a delete fails", delete: 401, deleted: []int{1, 2, 3}, want: sessions.ErrUnauthorized, calls: 4},
		{name: "canceled", cancel: true, want: context.Canceled, calls: 1},
		{name: "the list fails", list: 500, want: sessions.ErrServer},
	} {
		t.Run(test.name, func(t *testing.T) {
			var urls []string
			for _, reference := range []string{"0", "1", "2", "10"} {
				urls = append(urls, hookBase+"?ref="+reference)
			}
			st, ids := newHookedStore(t, append(urls, make([]string, 100)...)...) // two pages
			st.intercept = func(r *http.Request, operation string) (*http.Response, error) {
				switch {
				case operation == "List" && r.URL.Query().Get("page") == "2" && test.list != 0:
					return respondError(test.list), nil
				case operation == "List" && r.URL.Query().Get("page") == "2": // has session 1 again
					return respondJSON(200, fmt.Sprintf(`{"data":[{"session_id":%q,"webhook_url":%q}]}`, ids[1], urls[1])), nil
				case operation == "Delete" && strings.HasSuffix(r.URL.Path, ids[0]) && test.delete != 0:
					return respondError(test.delete), nil
				}
				return nil, nil
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			calls, hooks := 0, newHooks(t, st.client, hookBase)
			if found, err := hooks.Find(ctx, "1"); test.list == 0 && (err != nil || len(found) != 1 || found[0].SessionID != ids[1]) {
				t.Errorf("found %+v, %v, want session %s", found, err, ids[1])
			}
			if _, err := hooks.Find(ctx, ""); !errors.Is(err, sessions.ErrInvalidArgument) {
				t.Errorf("Find without a reference: got %v, want ErrInvalidArgument", err)
			}
			deleted, err := hooks.Reclaim(ctx, func(_ context.Context, reference string) (bool, error) {
				if calls++; st.calls["List"].Load() != 4 {
					t.Error("inUse was called before the whole list was read")
				}
				if test.cancel {
					cancel()
				}
				if reference == test.failing {
					return false, lookUp
				}
				return slices.Contains(test.used, reference), nil
			})
			if !errors.Is(err, test.want) || calls != test.calls || len(deleted) != len(test.deleted) {
				t.Errorf("got %q, %v after %d calls of inUse, want %d deleted, %v and %d calls", deleted, err, calls, len(test.deleted), test.want, test.calls)
			}
			for i, id := range ids {
				if want := slices.Contains(test.deleted, i); slices.Contains(deleted, id) != want || slices.Contains(st.left(), id) == want {
					t.Errorf("deleted = %v for session %d, want %v", !want, i, want)
				}
			}
		})
	}
}
