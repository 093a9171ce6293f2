package sessionstest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

// Option is a setting of a Server. The With functions return options.
type Option struct{ set func(*Config) }

// WithKey accepts only this API key. By default every key is accepted.
func WithKey(key string) Option { return Option{func(c *Config) { c.Key = key }} }

// WithSeed sets the number that ids, random durations and random faults depend on.
// The default is 0.
func WithSeed(seed uint64) Option { return Option{func(c *Config) { c.Seed = seed }} }

// WithApp adds an app version. It replaces one of the same name and version.
// Without any app, every app and version exists.
func WithApp(a App) Option { return Option{func(c *Config) { c.Apps = append(c.Apps, a) }} }

// WithReadyAfter sets the time from create to Ready: a tenth of it Initializing,
// three tenths Seeking, the rest Waiting. 0 means at once. The default is 2 s.
func WithReadyAfter(d time.Duration) Option { return WithReadyBetween(d, d) }

// WithReadyBetween makes the time from create to Ready random between min and max.
func WithReadyBetween(min, max time.Duration) Option {
	return Option{func(c *Config) { c.ReadyAfter, c.ReadyAfterMax = &min, max }}
}

// WithVisibleAfter sets the time until a new session appears in the list and to
// calls with its id. Until then they return 404. The default is 0.
func WithVisibleAfter(d time.Duration) Option { return Option{func(c *Config) { c.VisibleAfter = d }} }

// WithTerminatingFor sets how long a deleted session can be read. 0 means not at
// all. The default is 1 s.
func WithTerminatingFor(d time.Duration) Option {
	return Option{func(c *Config) { c.TerminatingFor = &d }}
}

// WithRateLimit allows perSecond requests a second on average and burst at once.
// The others get a 429, with a Retry-After header in whole seconds unless
// retryAfter is 0. By default there is no limit.
func WithRateLimit(perSecond float64, burst int, retryAfter time.Duration) Option {
	return Option{func(c *Config) { c.RateLimit = RateLimit{perSecond, burst, roundUp(retryAfter)} }}
}

// WithWebhooks sends all webhooks to h in memory, whatever their URL is. By default
// they are sent over HTTP, but only to loopback hosts.
func WithWebhooks(h http.Handler) Option { return Option{func(c *Config) { c.WebhookHandler = h }} }

// WithAssumptions sets what is assumed where the behavior of the API is unknown.
func WithAssumptions(a Assumptions) Option { return Option{func(c *Config) { c.Assumptions = a }} }

// App is a version of an app.
type App struct {
	Name         string              `json:"name"`           // "": any name
	Version      string              `json:"version"`        // "": any version
	Kind         api.Kind            `json:"kind"`           // Seat (default), Match or Default
	Sockets      int                 `json:"sockets"`        // of each deployment; 0: 10
	NoAutodeploy bool                `json:"no_autodeploy"`  // do not start deployments, see Server.Deploy
	Disabled     bool                `json:"disabled"`       // create returns 400
	FailsToStart bool                `json:"fails_to_start"` // new deployments fail, and their sessions become Error
	EmptyTTL     time.Duration       `json:"empty_ttl"`      // lifetime of a deployment without sessions; 0: forever
	Ports        map[string]api.Port `json:"ports"`          // default "gameport", UDP 7777
}

// Assumptions decide what is unknown about the API. The zero value is the default.
type Assumptions struct {
	// Status maps a condition to the status code of its response; 200 accepts the
	// request. The conditions and their defaults are unknown_app 400,
	// sessionless_app 400 (its kind is Default), full_deployment 200 (the one
	// requested is full or does not exist), empty_ip_list 200, duplicate_ip 200,
	// unknown_ip 200 (removed, but not there), no_socket 422 (for more users),
	// deleted_twice 410 (while Terminating), empty_filters 400 and
	// page_beyond_end 200.
	Status map[string]int `json:"status"`

	DefaultLimit        int  `json:"default_limit"`         // page size of a list request without limit; 0: 10
	MaxLimit            int  `json:"max_limit"`             // of a page; 0: none
	NewestFirst         bool `json:"newest_first"`          // order of the list
	ListTerminating     bool `json:"list_terminating"`      // the list includes Terminating sessions
	TotalIncludesEnded  bool `json:"total_includes_ended"`  // total_count includes sessions that no longer exist
	PagingContradicts   bool `json:"paging_contradicts"`    // the last page has has_next true and next_page_number 1
	LinkedWhenReady     bool `json:"linked_when_ready"`     // a Waiting session is not linked
	NoReadyWebhook      bool `json:"no_ready_webhook"`      // no second webhook when a linked session becomes Ready
	FullWebhook         bool `json:"full_webhook"`          // a webhook has the body of get-session, not of a list item
	SessionEnumNames    bool `json:"session_enum_names"`    // "Status.READY" and "SEATS" in a session
	DeploymentEnumNames bool `json:"deployment_enum_names"` // "Status.READY" in a deployment
	LinksWithScheme     bool `json:"links_with_scheme"`     // the link of a port begins with https://
	CountsAsStrings     bool `json:"counts_as_strings"`     // user_count, sockets and sockets_usage
	Nulls               bool `json:"nulls"`                 // optional fields are null instead of absent
	NullVersion         bool `json:"null_version"`          // create without version_name returns version null
	ExtraFields         bool `json:"extra_fields"`          // every object has a field that openapi.yaml lacks
}

// conditions are the default status codes of Assumptions.Status.
var conditions = map[string]int{
	"unknown_app": 400, "sessionless_app": 400, "full_deployment": 200, "empty_ip_list": 200, "duplicate_ip": 200,
	"unknown_ip": 200, "no_socket": 422, "deleted_twice": 410, "empty_filters": 400, "page_beyond_end": 200,
}

// Config holds all settings of an Emulator. The zero value accepts any key, app and
// version. The JSON names are those of the emulator's settings file.
type Config struct {
	Key  string `json:"key"`
	Seed uint64 `json:"seed"`

	// Apps are the app versions that exist, in the order of their creation. Of two
	// with the same name and version, the later one counts. Empty means that every
	// app and version exists.
	Apps []App `json:"apps"`

	ReadyAfter     *time.Duration `json:"ready_after"`     // nil: 2 s
	ReadyAfterMax  time.Duration  `json:"ready_after_max"` // if greater, the time is random between the two
	VisibleAfter   time.Duration  `json:"visible_after"`
	TerminatingFor *time.Duration `json:"terminating_for"` // nil: 1 s
	RateLimit      RateLimit      `json:"rate_limit"`

	// Deployments are running at the start. Faults are planned at the start.
	Deployments []DeployRequest `json:"deployments"`
	Faults      []Fault         `json:"faults"`

	Assumptions Assumptions `json:"assumptions"`

	// RemoteWebhooks allows webhooks to hosts that are not loopback.
	RemoteWebhooks bool `json:"remote_webhooks"`

	// WebhookHandler, if not nil, receives all webhooks in memory.
	WebhookHandler http.Handler `json:"-"`

	// ValidateRequest, if not nil, rejects a request with 400 and its error.
	ValidateRequest func(operation string, r *http.Request) error `json:"-"`
}

// RateLimit is a token bucket; see WithRateLimit. PerSecond 0 means no limit.
type RateLimit struct {
	PerSecond  float64 `json:"per_second"`
	Burst      int     `json:"burst"`       // 0: 1
	RetryAfter int     `json:"retry_after"` // in seconds; 0: no header
}

// clone returns a copy that shares nothing that can change with c.
func (c *Config) clone() (copied Config) {
	text, _ := json.Marshal(c)
	if err := json.Unmarshal(text, &copied); err != nil {
		panic(err) // no valid configuration fails
	}
	copied.WebhookHandler, copied.ValidateRequest = c.WebhookHandler, c.ValidateRequest
	return copied
}

// validate names every invalid setting.
func (c *Config) validate() error {
	var errs []error
	invalid := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, a := range c.Apps {
		if !slices.Contains([]api.Kind{"", api.KindSeat, api.KindMatch, api.KindDefault}, a.Kind) {
			invalid("apps[%d].kind: must be Seat, Match or Default", i)
		}
	}
	for i, d := range c.Deployments {
		if _, err := c.deployedApp(d); err != nil {
			invalid("deployments[%d]: %w", i, err)
		}
	}
	for name, status := range c.Assumptions.Status {
		if conditions[name] == 0 || status != 200 && (status < 400 || status > 599) {
			invalid("assumptions.status: %q with %d: the status must be 200 or 400 to 599, the name must be one of %s",
				name, status, strings.Join(slices.Sorted(maps.Keys(conditions)), ", "))
		}
	}
	return errors.Join(append(errs, validateFaults(c.Faults))...)
}

// app returns the app version that matches best, with its defaults. Of equal ones
// it is the last: without a version name, the version that was created last.
func (c *Config) app(name, version string) (app App, ok bool) {
	best := -1
	for _, a := range c.Apps {
		matches := (a.Name == "" || a.Name == name) && (version == "" || a.Version == "" || a.Version == version)
		exact := 2*min(len(a.Name), 1) + min(len(a.Version), len(version), 1)
		if matches && exact >= best {
			app, best = a, exact
		}
	}
	app.Name, app.Version = name, cmp.Or(version, app.Version, "v1")
	app.Kind, app.Sockets = cmp.Or(app.Kind, api.KindSeat), cmp.Or(app.Sockets, 10)
	if len(app.Ports) == 0 {
		app.Ports = map[string]api.Port{"gameport": {Internal: 7777, Protocol: "UDP"}}
	}
	return app, best >= 0 || len(c.Apps) == 0
}

// deployedApp returns the app version to deploy.
func (c *Config) deployedApp(r DeployRequest) (App, error) {
	app, ok := c.app(r.AppName, r.VersionName)
	if r.AppName == "" || !ok {
		return app, fmt.Errorf("app_name: app %q with version %q does not exist", r.AppName, r.VersionName)
	}
	return app, nil
}
