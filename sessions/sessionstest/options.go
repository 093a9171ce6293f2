package sessionstest

import (
	"net/http"
	"slices"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

// Option is a setting of a Server. The With functions return options; the fields of
// Config are not part of the promise of this package, see Emulator.
type Option func(*Config)

// WithKey accepts only this API key. By default every key is accepted.
func WithKey(key string) Option { return func(c *Config) { c.Key = key } }

// WithSeed sets the number that ids, random durations and random faults depend on.
// The default is 0.
func WithSeed(seed uint64) Option { return func(c *Config) { c.Seed = seed } }

// WithApp adds an app version. It replaces one of the same name and version.
// Without any app, every app and version exists.
func WithApp(a App) Option {
	return func(c *Config) {
		same := func(b App) bool { return a.Name == b.Name && a.Version == b.Version }
		c.Apps = append(slices.DeleteFunc(slices.Clone(c.Apps), same), a)
	}
}

// WithReadyAfter sets the time from create to Ready: a tenth of it Initializing,
// three tenths Seeking, the rest Waiting. 0 means at once. The default is 2 s.
func WithReadyAfter(d time.Duration) Option { return WithReadyBetween(d, d) }

// WithReadyBetween makes the time from create to Ready random between min and max.
func WithReadyBetween(min, max time.Duration) Option {
	return func(c *Config) { c.ReadyAfter, c.ReadyAfterMax = &min, max }
}

// WithVisibleAfter sets the time until a new session appears in the list and to
// calls with its id. Until then they return 404. The default is 0.
func WithVisibleAfter(d time.Duration) Option { return func(c *Config) { c.VisibleAfter = d } }

// WithTerminatingFor sets how long a deleted session can be read. 0 means not at
// all. The default is 1 s.
func WithTerminatingFor(d time.Duration) Option {
	return func(c *Config) { c.TerminatingFor = &d }
}

// WithRateLimit allows perSecond requests a second on average and burst at once.
// The others get a 429, with a Retry-After header in whole seconds unless
// retryAfter is 0. By default there is no limit.
func WithRateLimit(perSecond float64, burst int, retryAfter time.Duration) Option {
	return func(c *Config) {
		c.RateLimit = RateLimit{perSecond, burst, int((retryAfter + time.Second - 1) / time.Second)}
	}
}

// WithWebhooks sends all webhooks to h in memory, whatever their URL is. By default
// they are sent over HTTP, but only to loopback hosts.
func WithWebhooks(h http.Handler) Option { return func(c *Config) { c.WebhookHandler = h } }

// WithAssumptions sets what is assumed where the behavior of the API is unknown.
func WithAssumptions(a Assumptions) Option { return func(c *Config) { c.Assumptions = a } }

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
