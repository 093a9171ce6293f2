package sessions_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestInvalidArguments(t *testing.T) {
	const ip, invalid = "203.0.113.7", "s3cr3t-value" // invalid must not be repeated in an error
	create := func(change func(*sessions.CreateRequest)) func(context.Context, *sessions.Client) error {
		return func(ctx context.Context, c *sessions.Client) error {
			r := sessions.CreateRequest{AppName: "arena"}
			change(&r)
			_, err := c.Create(ctx, r)
			return err
		}
	}
	stop := func(filters ...sessions.StopFilter) func(context.Context, *sessions.Client) error {
		return func(ctx context.Context, c *sessions.Client) error { _, err := c.BulkStop(ctx, filters...); return err }
	}
	add := func(id string, ips ...string) func(context.Context, *sessions.Client) error {
		return func(ctx context.Context, c *sessions.Client) error { _, err := c.AddUsers(ctx, id, ips...); return err }
	}
	remove := func(id string, ips ...string) func(context.Context, *sessions.Client) error {
		return func(ctx context.Context, c *sessions.Client) error {
			_, err := c.RemoveUsers(ctx, id, ips...)
			return err
		}
	}
	type test struct {
		name string
		call func(context.Context, *sessions.Client) error
		want string // the field in the error
	}
	tests := []test{
		{"no app", create(func(r *sessions.CreateRequest) { r.AppName = "" }), "app_name"},
		{"IP", create(func(r *sessions.CreateRequest) { r.IPList = []string{ip, invalid} }), "ip_list[1]"},
		{"empty IP", create(func(r *sessions.CreateRequest) { r.IPList = []string{""} }), "ip_list[0]"},
		{"IP with port", create(func(r *sessions.CreateRequest) { r.IPList = []string{ip + ":80"} }), "ip_list[0]"},
		{"IP with space", create(func(r *sessions.CreateRequest) { r.IPList = []string{" " + ip} }), "ip_list[0]"},
		{"geo IP", create(func(r *sessions.CreateRequest) { r.GeoIPList = []sessions.GeoIP{{IP: ip}, {IP: invalid}} }), "geo_ip_list[1].ip"},
		{"relative webhook URL", create(func(r *sessions.CreateRequest) { r.WebhookURL = "/" + invalid }), "webhook_url"},
		{"webhook URL of another scheme", create(func(r *sessions.CreateRequest) { r.WebhookURL = "ftp://" + invalid }), "webhook_url"},
		{"webhook URL without host", create(func(r *sessions.CreateRequest) { r.WebhookURL = "https:///" + invalid }), "webhook_url"},
		{"malformed webhook URL", create(func(r *sessions.CreateRequest) { r.WebhookURL = "http://%zz/" + invalid }), "webhook_url"},
		{"NaN", create(func(r *sessions.CreateRequest) { r.Location = &sessions.Location{Latitude: math.NaN()} }), "location.latitude"},
		{"infinity", create(func(r *sessions.CreateRequest) { r.Location = &sessions.Location{Longitude: math.Inf(-1)} }), "location.longitude"},
		{"NaN of a player", create(func(r *sessions.CreateRequest) {
			r.GeoIPList = []sessions.GeoIP{{IP: ip}, {IP: ip, Longitude: math.NaN()}}
		}), "geo_ip_list[1].longitude"},
		{"user to add", add(testID, ip, invalid), "ip_list[1]"},
		{"no user to add", add(testID), "ip_list"},
		{"user to remove", remove(testID, invalid), "ip_list[0]"},
		{"no user to remove", remove(testID), "ip_list"},
		{"no filters", stop(), "filters"},
		{"no values", stop(sessions.StopByTag(invalid), sessions.StopByID()), "filters[1].values"},
		{"no field", stop(sessions.StopFilter{FilterType: sessions.FilterTypeAny, Values: []string{invalid}}), "filters[0].field"},
		{"no filter type", stop(sessions.StopFilter{Field: sessions.StopFieldSessionID, Values: []string{invalid}}), "filters[0].filter_type"},
		{"empty value", stop(sessions.StopByID(invalid, "")), "filters[0].values[1]"},
	}
	for _, id := range []string{"", ".", "..", "a\x00", "\na", "a\x7f", "a\u0085"} {
		for name, call := range map[string]func(context.Context, *sessions.Client) error{
			"Get":         func(ctx context.Context, c *sessions.Client) error { _, err := c.Get(ctx, id); return err },
			"Delete":      func(ctx context.Context, c *sessions.Client) error { return c.Delete(ctx, id) },
			"Users":       func(ctx context.Context, c *sessions.Client) error { _, err := c.Users(ctx, id); return err },
			"AddUsers":    add(id, ip),
			"RemoveUsers": remove(id, ip),
			"WaitReady":   func(ctx context.Context, c *sessions.Client) error { _, err := c.WaitReady(ctx, id); return err },
		} {
			tests = append(tests, test{fmt.Sprintf("%s of %q", name, id), call, "session ID"})
		}
	}
	for _, test := range tests {
		requests := 0
		c := newClient(t, roundTripFunc(func(*http.Request) (*http.Response, error) {
			requests++
			return respondJSON(500, `{}`), nil
		}))
		err := test.call(t.Context(), c)
		if !errors.Is(err, sessions.ErrInvalidArgument) || errors.Is(err, sessions.ErrOutcomeUnknown) || requests != 0 {
			t.Errorf("%s: error is %v after %d requests, want ErrInvalidArgument and no request", test.name, err, requests)
			continue
		}
		if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), invalid) {
			t.Errorf("%s: error is %q, want it to name %s without the value", test.name, err, test.want)
		}
		if e := asError(t, err); e.StatusCode != 0 || e.Operation == "" {
			t.Errorf("%s: error has operation %q and status %d, want the operation and 0", test.name, e.Operation, e.StatusCode)
		}
	}
}

func TestSessionIDIsOnePathSegment(t *testing.T) {
	for _, id := range []string{
		"...", "a/b", "../apps", `..\apps`, "x?y=1", "x#y", "x;y", "%2e%2e", "%2F", "100%", "a b", "a+b", "//example.net", "https://example.net", "users", "é雪", "a\xff",
	} {
		for _, base := range []string{"https://example.com", "https://example.com/edgegap/"} {
			var req *http.Request
			c := newClient(t, captureRequest(&req), sessions.WithBaseURL(base))
			if err := c.Delete(t.Context(), id); err != nil {
				t.Errorf("id %q: %v", id, err)
				continue
			}
			prefix := strings.TrimSuffix(strings.TrimPrefix(base, "https://example.com"), "/")
			escaped := strings.TrimPrefix(req.URL.RequestURI(), prefix+"/v1/session/")
			if req.URL.Host != "example.com" || req.URL.Path != prefix+"/v1/session/"+id || strings.ContainsAny(escaped, "/?#") {
				t.Errorf("id %q: request is for %s", id, req.URL)
			}
		}
	}
}

func TestIPv4MappedAddressesAreSentAsIPv4(t *testing.T) {
	var body []byte
	c := newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
		body, _ = io.ReadAll(r.Body)
		return respondJSON(200, `{"session_id":"a","session_users":[]}`), nil
	}))
	const mapped = "::ffff:203.0.113.7"
	r := sessions.CreateRequest{AppName: "arena", IPList: []string{mapped, "2001:db8::1"}, GeoIPList: []sessions.GeoIP{{IP: mapped, Latitude: 1}}, Location: &sessions.Location{}}
	ips := []string{mapped}
	for _, test := range []struct {
		name string
		call func() error
		want string
	}{
		{"Create", func() error { _, err := c.Create(t.Context(), r); return err },
			`{"app_name":"arena","geo_ip_list":[{"ip":"203.0.113.7","latitude":1,"longitude":0}],"ip_list":["203.0.113.7","2001:db8::1"],"location":{"latitude":0,"longitude":0}}`},
		{"AddUsers", func() error { _, err := c.AddUsers(t.Context(), testID, ips...); return err }, `{"ip_list":["203.0.113.7"]}`},
		{"RemoveUsers", func() error { _, err := c.RemoveUsers(t.Context(), testID, ips...); return err }, `{"ip_list":["203.0.113.7"]}`},
	} {
		if err := test.call(); err != nil || string(body) != test.want {
			t.Errorf("%s: body is %s, error %v, want %s", test.name, body, err, test.want)
		}
	}
	if r.IPList[0] != mapped || r.GeoIPList[0].IP != mapped || !slices.Equal(ips, []string{mapped}) {
		t.Error("the caller's slices were changed")
	}
}
