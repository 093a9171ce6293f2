package sessions_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestBadInputIsRefusedUnsent(t *testing.T) {
	// What must not be repeated in an error: it may be personal data.
	const marked = "marked-value"
	create := func(r sessions.CreateRequest) func(context.Context, *sessions.Client) error {
		return func(ctx context.Context, c *sessions.Client) error { _, err := c.Create(ctx, r); return err }
	}
	valid := func(change func(*sessions.CreateRequest)) func(context.Context, *sessions.Client) error {
		r := sessions.CreateRequest{AppName: "arena"}
		change(&r)
		return create(r)
	}
	selector := func(s sessions.Selector) func(context.Context, *sessions.Client) error {
		return valid(func(r *sessions.CreateRequest) {
			r.Selectors = []sessions.Selector{{Tag: "fine"}, s}
		})
	}
	place := func(lat, long float64) func(context.Context, *sessions.Client) error {
		return valid(func(r *sessions.CreateRequest) { r.Location = &sessions.Location{Latitude: lat, Longitude: long} })
	}
	stop := func(f sessions.StopFilter) func(context.Context, *sessions.Client) error {
		return func(ctx context.Context, c *sessions.Client) error {
			_, err := c.BulkStop(ctx, sessions.StopTags("eu"), f)
			return err
		}
	}
	cases := []struct {
		field string // as the error names it
		do    func(context.Context, *sessions.Client) error
	}{
		{"app_name: missing", create(sessions.CreateRequest{})},
		{"ip_list[1]: not an IP", valid(func(r *sessions.CreateRequest) { r.IPList = []string{"203.0.113.7", marked} })},
		{"ip_list[0]: not an IP", valid(func(r *sessions.CreateRequest) { r.IPList = []string{""} })},
		{"ip_list[0]: not an IP", valid(func(r *sessions.CreateRequest) { r.IPList = []string{"203.0.113.07"} })},
		{"ip_list[0]: not an IP", valid(func(r *sessions.CreateRequest) { r.IPList = []string{"203.0.113.7:80"} })},
		{"ip_list[0]: an IP address with a zone", valid(func(r *sessions.CreateRequest) { r.IPList = []string{"fe80::1%" + marked} })},
		{"geo_ip_list[0].ip: not an IP", valid(func(r *sessions.CreateRequest) { r.GeoIPList = []sessions.GeoIP{{IP: marked}} })},
		{"geo_ip_list[0].ip: an IP address with a zone", valid(func(r *sessions.CreateRequest) { r.GeoIPList = []sessions.GeoIP{{IP: "fe80::1%eth0"}} })},
		{"geo_ip_list[1].latitude", valid(func(r *sessions.CreateRequest) {
			r.GeoIPList = []sessions.GeoIP{{IP: "203.0.113.7"}, {IP: "203.0.113.8", Latitude: 90.01}}
		})},
		{"geo_ip_list[0].longitude", valid(func(r *sessions.CreateRequest) {
			r.GeoIPList = []sessions.GeoIP{{IP: "203.0.113.7", Longitude: math.NaN()}}
		})},
		{"location.latitude", place(-90.5, 0)},
		{"location.latitude", place(math.NaN(), 0)},
		{"location.latitude", place(math.Inf(1), 0)},
		{"location.longitude", place(0, 180.5)},
		{"location.longitude", place(0, math.Inf(-1))},
		{"selectors[1].tag", selector(sessions.Selector{})},
		{"selectors[1].tag", selector(sessions.Selector{Tag: strings.Repeat("é", 21)})},
		{"selectors[1].env.key", selector(sessions.Selector{Tag: "t", Env: sessions.Env{Value: marked}})},
		{"selectors[1].env.key", selector(sessions.Selector{Tag: "t", Env: sessions.Env{Key: strings.Repeat("k", 256), Value: "v"}})},
		{"selectors[1].env.value", selector(sessions.Selector{Tag: "t", Env: sessions.Env{Key: marked}})},
		{"selectors[1].env.value", selector(sessions.Selector{Tag: "t", Env: sessions.Env{Key: "k", Value: strings.Repeat("v", 1025)}})},
		{"filters[0].values: empty", valid(func(r *sessions.CreateRequest) {
			r.Filters = []sessions.LocationFilter{{Field: "city", FilterType: sessions.FilterAny}}
		})},
		{"filters[0].field", valid(func(r *sessions.CreateRequest) {
			r.Filters = []sessions.LocationFilter{{FilterType: sessions.FilterAny, Values: []string{"x"}}}
		})},
		{"filters[0].filter_type", valid(func(r *sessions.CreateRequest) {
			r.Filters = []sessions.LocationFilter{{Field: "city", FilterType: marked, Values: []string{"x"}}}
		})},
		{"webhook_url", valid(func(r *sessions.CreateRequest) { r.WebhookURL = "ftp://" + marked })},
		{"webhook_url", valid(func(r *sessions.CreateRequest) { r.WebhookURL = marked })},
		{"webhook_url", valid(func(r *sessions.CreateRequest) { r.WebhookURL = "https://" })},
		{"webhook_url", valid(func(r *sessions.CreateRequest) { r.WebhookURL = "http://%zz/" + marked })},
		{"filters[1].values: empty", stop(sessions.StopIDs())},
		{"filters[1].values[1]: empty", stop(sessions.StopIDs(marked, ""))},
		{"filters[1].field", stop(sessions.StopFilter{FilterType: sessions.FilterAny, Values: []string{"x"}})},
		{"filters[1].field", stop(sessions.StopFilter{Field: marked, FilterType: sessions.FilterAny, Values: []string{"x"}})},
		{"filters[1].filter_type", stop(sessions.StopFilter{Field: sessions.StopBySessionID, Values: []string{"x"}})},
		{"page: negative", func(ctx context.Context, c *sessions.Client) error {
			_, err := c.List(ctx, sessions.ListOptions{Page: -1})
			return err
		}},
		{"limit: negative", func(ctx context.Context, c *sessions.Client) error {
			for _, err := range c.All(ctx, sessions.ListOptions{Limit: -1}) {
				return err
			}
			return nil
		}},
		{"poll interval", func(ctx context.Context, c *sessions.Client) error {
			_, err := c.WaitReady(ctx, testID, sessions.PollEvery(0, time.Second))
			return err
		}},
		{"poll interval", func(ctx context.Context, c *sessions.Client) error {
			_, err := c.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena"}, sessions.PollEvery(2, 1))
			return err
		}},
		{"ip_list[2]: not an IP", func(ctx context.Context, c *sessions.Client) error {
			_, err := c.AddUsers(ctx, testID, "203.0.113.7", "203.0.113.8", marked)
			return err
		}},
		{"ip_list[0]: not an IP", func(ctx context.Context, c *sessions.Client) error {
			_, err := c.RemoveUsers(ctx, testID, marked)
			return err
		}},
	}
	for id, why := range map[string]string{"": "empty", ".": "path segment", "..": "path segment", "a\x00b": "control", "a\nb": "control", "\x7f": "control", "a\u0085b": "control"} {
		for _, do := range []func(context.Context, *sessions.Client) error{
			func(ctx context.Context, c *sessions.Client) error { _, err := c.Get(ctx, id); return err },
			func(ctx context.Context, c *sessions.Client) error { _, err := c.Delete(ctx, id); return err },
			func(ctx context.Context, c *sessions.Client) error { _, err := c.Users(ctx, id); return err },
			func(ctx context.Context, c *sessions.Client) error {
				_, err := c.AddUsers(ctx, id, "203.0.113.7")
				return err
			},
			func(ctx context.Context, c *sessions.Client) error {
				_, err := c.RemoveUsers(ctx, id, "203.0.113.7")
				return err
			},
			func(ctx context.Context, c *sessions.Client) error { _, err := c.WaitReady(ctx, id); return err },
		} {
			cases = append(cases, struct {
				field string
				do    func(context.Context, *sessions.Client) error
			}{"session id: " + prefix(why), do})
		}
	}
	for _, c := range cases {
		s := says(200, `{}`)
		err := c.do(t.Context(), newClient(t, s))
		if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%v, want %q", err, c.field)
			continue
		}
		if strings.Contains(err.Error(), marked) {
			t.Errorf("the value is repeated: %v", err)
		}
		if errors.Is(err, sessions.ErrOutcomeUnknown) {
			t.Errorf("%v leaves the outcome open", err)
		}
		if len(s.seen) != 0 {
			t.Errorf("%s: sent all the same", c.field)
		}
	}
}

// Bytes that are not UTF-8 would arrive as others.
func TestTextThatIsNotUTF8IsRefused(t *testing.T) {
	const odd = "https://h/\xff" // a URL, for webhook_url
	create := func(change func(*sessions.CreateRequest)) func(*sessions.Client) error {
		return func(c *sessions.Client) error {
			r := arena
			change(&r)
			_, err := c.Create(t.Context(), r)
			return err
		}
	}
	filter := func(f sessions.LocationFilter) func(*sessions.Client) error {
		return create(func(r *sessions.CreateRequest) { r.Filters = []sessions.LocationFilter{f} })
	}
	cases := map[string]func(*sessions.Client) error{
		"ip_list[0]":        create(func(r *sessions.CreateRequest) { r.IPList = []string{odd} }),
		"geo_ip_list[0].ip": create(func(r *sessions.CreateRequest) { r.GeoIPList = []sessions.GeoIP{{IP: odd}} }),
		"selectors[0].tag":  create(func(r *sessions.CreateRequest) { r.Selectors = []sessions.Selector{{Tag: odd}} }),
		"selectors[0].env.key": create(func(r *sessions.CreateRequest) {
			r.Selectors = []sessions.Selector{{Tag: "t", Env: sessions.Env{Key: odd, Value: "v"}}}
		}),
		"selectors[0].env.value": create(func(r *sessions.CreateRequest) {
			r.Selectors = []sessions.Selector{{Tag: "t", Env: sessions.Env{Key: "k", Value: odd}}}
		}),
		"filters[0].field":       filter(sessions.LocationFilter{Field: odd, FilterType: sessions.FilterAny, Values: []string{"x"}}),
		"filters[0].filter_type": filter(sessions.LocationFilter{Field: "city", FilterType: odd, Values: []string{"x"}}),
		"filters[0].values[1]":   filter(sessions.LocationFilter{Field: "city", FilterType: sessions.FilterAny, Values: []string{"x", odd}}),
		"filters[1].values[0]": func(c *sessions.Client) error {
			_, err := c.BulkStop(t.Context(), sessions.StopIDs("x"), sessions.StopTags(odd))
			return err
		},
	}
	for i, f := range reflect.VisibleFields(reflect.TypeFor[sessions.CreateRequest]()) { // those to come, too
		if f.Type.Kind() == reflect.String {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			cases[name] = create(func(r *sessions.CreateRequest) { reflect.ValueOf(r).Elem().Field(i).SetString(odd) })
		}
	}
	if len(cases) < 18 {
		t.Errorf("%d fields", len(cases))
	}
	for field, do := range cases {
		s := says(200, createdJSON)
		err := do(newClient(t, s))
		if !errors.Is(err, sessions.ErrInvalidArgument) || !strings.Contains(err.Error(), field+": not ") || len(s.seen) != 0 {
			t.Errorf("%s: %d requests, %v", field, len(s.seen), err)
		}
	}
}

func TestARefusalNamesItsCallAndSession(t *testing.T) {
	c := newClient(t, says(200, "{}"))
	ctx := t.Context()
	for name, test := range map[string]struct {
		do                     func() error
		operation, id, because string
	}{
		"bad IP to add":          {func() error { _, err := c.AddUsers(ctx, testID, "x"); return err }, "put-users-session", testID, "ip_list[0]"},
		"bad IP to remove":       {func() error { _, err := c.RemoveUsers(ctx, testID, "x"); return err }, "delete-users-session", testID, "ip_list[0]"},
		"bad interval of a wait": {func() error { _, err := c.WaitReady(ctx, testID, sessions.PollEvery(2, 1)); return err }, "get-session", testID, "poll interval"},
		"nil option of a wait":   {func() error { _, err := c.WaitReady(ctx, testID, nil); return err }, "get-session", testID, "nil option"},
		"bad interval of both":   {func() error { _, err := c.CreateAndWait(ctx, arena, sessions.PollEvery(2, 1)); return err }, "session-post", "", "poll interval"},
		"nil option of both":     {func() error { _, err := c.CreateAndWait(ctx, arena, nil); return err }, "session-post", "", "nil option"},
		"bad id":                 {func() error { _, err := c.AddUsers(ctx, "..", "x"); return err }, "put-users-session", "", "session id"},
	} {
		var e *sessions.Error
		if err := test.do(); !errors.As(err, &e) || !errors.Is(err, sessions.ErrInvalidArgument) || e.Operation != test.operation || e.SessionID != test.id || !strings.Contains(err.Error(), test.because) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// prefix puts the article that the error has before a noun.
func prefix(why string) string {
	if why == "empty" {
		return why
	}
	return "a " + why
}

func TestInputAtItsBoundsIsSent(t *testing.T) {
	r := sessions.CreateRequest{
		AppName:   "arena",
		IPList:    []string{"203.0.113.7", "2001:db8::1", "::ffff:203.0.113.9"},
		GeoIPList: []sessions.GeoIP{{IP: "203.0.113.7", Latitude: 90, Longitude: -180}},
		Location:  &sessions.Location{Latitude: -90, Longitude: 180},
		Selectors: []sessions.Selector{{Tag: strings.Repeat("é", 20)}, {Tag: "t", TagOnly: true, Env: sessions.Env{Key: strings.Repeat("k", 255), Value: strings.Repeat("é", 1024)}}},
		Filters:   []sessions.LocationFilter{{Field: "anything", FilterType: sessions.FilterNot, Values: []string{"x"}}},

		WebhookURL: "http://10.0.0.1:9000/hook?match=1",
	}
	s := says(200, createdJSON)
	if _, err := newClient(t, s).Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"location":{"latitude":-90,"longitude":180}`, `"tag_only":true`, `"env":{"key":"kkk`, `"webhook_url":"http://10.0.0.1:9000/hook?match=1"`} {
		if !strings.Contains(s.seen[0].body, want) {
			t.Errorf("no %s in %s", want, s.seen[0].body)
		}
	}
	// 0, 0 is a place and is sent; no place is not.
	r = sessions.CreateRequest{AppName: "arena", Location: &sessions.Location{}}
	if _, err := newClient(t, s).Create(t.Context(), r); err != nil || s.seen[1].body != `{"app_name":"arena","location":{"latitude":0,"longitude":0}}` {
		t.Errorf("sent %s, %v", s.seen[1].body, err)
	}
}
