package emulator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/edgegap-community/edgegap/api"
)

// calls are the eight operations, in the shape that the generated handlers ask
// for. Each holds the lock from beginning to end, having first brought the
// state up to the present.
type calls struct{ *Emulator }

// refusal is an answer that is not a success.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

func bad(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, format, args...)
}

// settled is the answer to something of which it is not known whether the API
// takes it: nil where the setting, or else the default, is 200.
func settled(setting, otherwise int, format string, args ...any) error {
	if status := orElse(setting, otherwise); status != http.StatusOK {
		return refuse(status, format, args...)
	}
	return nil
}

func (c calls) SessionPost(_ context.Context, r SessionPostRequestObject) (SessionPostResponseObject, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	request := *r.Body
	if err := check(request); err != nil {
		return nil, err
	}
	for name, isEmpty := range map[string]bool{
		"ip_list":     request.IPList != nil && len(request.IPList) == 0,
		"geo_ip_list": request.GeoIPList != nil && len(request.GeoIPList) == 0,
	} {
		if err := settled(c.config.Unknown.EmptyIPList, http.StatusOK, "%s: is empty", name); isEmpty && err != nil {
			return nil, err
		}
	}
	users, err := c.users(request)
	if err != nil {
		return nil, err
	}
	app, ok := c.config.app(request.AppName, request.VersionName)
	switch {
	case !ok:
		return nil, refuse(orElse(c.config.Unknown.UnknownApp, http.StatusBadRequest), "app_name: there is no such app, or it has no such version")
	case app.Disabled:
		return nil, bad("version_name: the app version is not active")
	case app.Kind == KindDefault:
		if err := settled(c.config.Unknown.SessionlessApp, http.StatusBadRequest, "version_name: the app version does not use sessions"); err != nil {
			return nil, err
		}
	}
	if id := request.DeploymentRequestID; id != "" && !c.takes(id, app, (&session{app: app}).need(len(users))) {
		if err := settled(c.config.Unknown.FullDeployment, http.StatusOK, "deployment_request_id: the deployment has no room"); err != nil {
			return nil, err
		}
	}
	s := c.begin(app, request, users)
	return SessionPost200JSONResponse{
		SessionID:           s.id,
		App:                 app.Name,
		Version:             app.Version,
		DeploymentRequestID: request.DeploymentRequestID,
		Selectors:           request.Selectors,
		WebhookURL:          request.WebhookURL,
	}, nil
}

// check refuses what the contract does not allow in a create. It names the
// field, never the value.
func check(r api.SessionModel) error {
	if r.AppName == "" {
		return bad("app_name: is required")
	}
	if r.WebhookURL != "" {
		if u, err := url.Parse(r.WebhookURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return bad("webhook_url: is not an http or https URL")
		}
	}
	if l := r.Location; l != nil && !onEarth(l.Latitude, l.Longitude) {
		return bad("location: is out of range")
	}
	if err := checkIPs(r.IPList); err != nil {
		return err
	}
	for i, g := range r.GeoIPList {
		if !isIP(g.IP) {
			return bad("geo_ip_list[%d].ip: is not an IP address", i)
		}
		if !onEarth(g.Latitude, g.Longitude) {
			return bad("geo_ip_list[%d]: the coordinates are out of range", i)
		}
	}
	for i, s := range r.Selectors {
		if !lengthWithin(s.Tag, 20) {
			return bad("selectors[%d].tag: must have 1 to 20 characters", i)
		}
		if s.Env != (api.SelectorEnvModel{}) && !(lengthWithin(s.Env.Key, 255) && lengthWithin(s.Env.Value, 1024)) {
			return bad("selectors[%d].env: the key must have 1 to 255 characters, the value 1 to 1024", i)
		}
	}
	for i, f := range r.Filters {
		if !f.FilterType.Valid() || len(f.Values) == 0 {
			return bad("filters[%d]: needs values and filter_type (any, all or not)", i)
		}
	}
	return nil
}

func onEarth(latitude, longitude float64) bool {
	return latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180
}

func lengthWithin(s string, most int) bool {
	n := utf8.RuneCountInString(s)
	return 1 <= n && n <= most
}

// session is the one that a call is about; it is not found once it is gone.
func (c calls) session(id string) (*session, error) {
	unknown := c.config.Unknown
	s := c.sessions[id]
	if s == nil {
		return nil, refuse(orElse(unknown.UnknownSession, http.StatusNotFound), "session not found")
	}
	if s.gone {
		return nil, refuse(orElse(unknown.DeletedSession, http.StatusNotFound), "session not found")
	}
	return s, nil
}

func (c calls) GetSession(_ context.Context, r GetSessionRequestObject) (GetSessionResponseObject, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	s, err := c.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return c.full(s), nil
}

func (c calls) SessionDelete(_ context.Context, r SessionDeleteRequestObject) (SessionDeleteResponseObject, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.advance()
	s, err := c.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	if s.status == StatusTerminating {
		return nil, refuse(orElse(c.config.Unknown.DeletedSession, http.StatusGone), "the session is being deleted already")
	}
	c.stop(s, now)
	c.advance()
	return SessionDelete200JSONResponse{SessionID: s.id, Message: "The session is being deleted"}, nil
}

// list is l, never null.
func list[T any](l []T) []T { return append([]T{}, l...) }
