package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/edgegap-community/edgegap/api"
)

// Config says what an emulator imitates. The zero value takes any key that is
// not empty and any app and version (kind Seat, ten sockets, autodeploy on),
// and has a session ready two seconds after it was created. The tags are the
// names of the settings in the program's YAML file and controls.
type Config struct {
	// Key is the only API key taken. Empty: any key that is not empty.
	Key string `json:"-"`

	// Seed decides the ids, the times and the faults that are drawn. The same
	// seed and the same calls in the same order give the same ids.
	Seed uint64 `json:"-"`

	// Speed is how many seconds pass in the emulator for one of the process.
	// 0 means 1. It is read by New only. Delays of faults, the rate limit and
	// the time that a webhook may take are in the process's own seconds.
	Speed float64 `json:"-"`

	// Apps are the app versions there are; the first that fits a request is
	// taken. None: any app and version, with the defaults of App.
	Apps []App `json:"apps"`

	// ReadyAfter is how long after its creation a session is Ready: a tenth of
	// it Initializing, three tenths Seeking, the rest Waiting. 0 means 2 s,
	// less than 0 at once. A deployment is up when the time of the session that
	// it was made for has come, or that of another of its sessions before.
	ReadyAfter time.Duration `json:"ready_after"`

	// ReadyAfterMost, if it is longer than ReadyAfter, makes each session's
	// time one drawn evenly between the two.
	ReadyAfterMost time.Duration `json:"ready_after_most"`

	// InitializingFor and SeekingFor are how long a session is in these states,
	// in place of their shares of the time to Ready, which they may not exceed.
	// Less than 0: not at all.
	InitializingFor time.Duration `json:"initializing_for"`
	SeekingFor      time.Duration `json:"seeking_for"`

	// TerminatingFor is how long a deleted session can still be read, as
	// Terminating. 0 means 1 s, less than 0 not at all.
	TerminatingFor time.Duration `json:"terminating_for"`

	// RateLimit is what answers 429. The zero value: nothing does.
	RateLimit RateLimit `json:"rate_limit"`

	// Unknown settles what nobody outside the vendor knows.
	Unknown Unknown `json:"unknown"`

	// WebhookHandler is given every webhook in memory, whatever its host.
	// Nil: they are sent by HTTP, but to loopback hosts only.
	WebhookHandler http.Handler `json:"-"`

	// WebhooksAnywhere sends webhooks by HTTP to other hosts too.
	WebhooksAnywhere bool `json:"webhooks_anywhere"`

	// Check may refuse a request that has the right key: its error's text
	// becomes the message of a 400. It may read the body. Nil: no check
	// beyond the emulator's own.
	Check func(*http.Request) error `json:"-"`
}

// RateLimit is a token bucket that all calls with the right key share.
type RateLimit struct {
	// PerSecond is how many calls a second the bucket is filled with. 0: there
	// is no limit.
	PerSecond float64 `json:"per_second"`

	// Burst is how many calls the bucket holds; it is full at first. 0 means
	// PerSecond, and at least 1.
	Burst int `json:"burst"`

	// RetryAfter is the Retry-After of a 429, in seconds. 0: it has none.
	RetryAfter int `json:"retry_after"`
}

// App is a version of an app. Its fields are told at sessionstest.App.
type App struct {
	Name               string                     `json:"name"`
	Version            string                     `json:"version"`
	Kind               string                     `json:"kind"`
	Sockets            int                        `json:"sockets"`
	NoAutodeploy       bool                       `json:"no_autodeploy"`
	Disabled           bool                       `json:"disabled"`
	FailsToStart       bool                       `json:"fails_to_start"`
	EmptyTTL           time.Duration              `json:"empty_ttl"`
	SessionMaxDuration time.Duration              `json:"session_max_duration"`
	Ports              map[string]api.PortMapping `json:"ports"`
}

// Unknown has a field for each thing about the API that is not known, or only
// inferred. The fields are told at sessionstest.Unknown.
type Unknown struct {
	UnknownApp         int               `json:"unknown_app"`
	SessionlessApp     int               `json:"sessionless_app"`
	UnknownField       int               `json:"unknown_field"`
	UnknownSession     int               `json:"unknown_session"`
	DeletedSession     int               `json:"deleted_session"`
	FullDeployment     int               `json:"full_deployment"`
	NoSocket           int               `json:"no_socket"`
	DuplicateIP        int               `json:"duplicate_ip"`
	UnknownIP          int               `json:"unknown_ip"`
	EmptyIPList        int               `json:"empty_ip_list"`
	EmptyFilters       int               `json:"empty_filters"`
	PageBeyondEnd      int               `json:"page_beyond_end"`
	DefaultLimit       int               `json:"default_limit"`
	MaxLimit           int               `json:"max_limit"`
	NewestFirst        bool              `json:"newest_first"`
	ListTerminating    bool              `json:"list_terminating"`
	LinkedWhileWaiting bool              `json:"linked_while_waiting"`
	LinkedStatus       bool              `json:"linked_status"`
	LinkedWhileDeleted bool              `json:"linked_while_deleted"`
	ReadyWhileDeleted  bool              `json:"ready_while_deleted"`
	LongNames          bool              `json:"long_names"`
	Nulls              bool              `json:"nulls"`
	NoErrorText        bool              `json:"no_error_text"`
	ChangedUsersOnly   bool              `json:"changed_users_only"`
	AnyFilter          bool              `json:"any_filter"`
	BulkStopTakes      time.Duration     `json:"bulk_stop_takes"`
	EndedStatus        string            `json:"ended_status"`
	FullWebhook        bool              `json:"full_webhook"`
	WebhookRetries     int               `json:"webhook_retries"`
	WebhookTimeout     time.Duration     `json:"webhook_timeout"`
	WebhookHeaders     map[string]string `json:"webhook_headers"`
}

// clone is the configuration with lists and maps of its own.
func (c Config) clone() Config {
	c.Apps = slices.Clone(c.Apps)
	for i := range c.Apps {
		c.Apps[i].Ports = maps.Clone(c.Apps[i].Ports)
	}
	c.Unknown.WebhookHeaders = maps.Clone(c.Unknown.WebhookHeaders)
	return c
}

// century is longer than any duration of a setting may be.
const century = 100 * 365 * 24 * time.Hour

// Valid says everything that is wrong with the configuration, by the names of
// the settings: a kind that there is not, a count below 0, an answer that does
// not fit its question.
func (c Config) Valid() error {
	var wrong []error
	unless := func(fine bool, format string, args ...any) {
		if !fine {
			wrong = append(wrong, fmt.Errorf(""+format, args...))
		}
	}
	for i, a := range c.Apps {
		unless(slices.Contains([]string{"", KindSeat, KindMatch, KindDefault}, a.Kind), "apps[%d].kind must be Seat, Match or Default", i)
		unless(a.Sockets >= 0, "apps[%d].sockets must not be negative", i)
		unless(a.EmptyTTL >= 0, "apps[%d].empty_ttl must not be negative", i)
		unless(a.SessionMaxDuration == 0 || a.SessionMaxDuration >= time.Hour, "apps[%d].session_max_duration must be at least an hour", i)
		unless(max(a.EmptyTTL, a.SessionMaxDuration) < century, "apps[%d].empty_ttl and session_max_duration must be less than 100 years", i)
		for key, port := range a.Ports {
			unless(min(port.Internal, port.External) >= 0 && max(port.Internal, port.External) < 1<<16, "apps[%d].ports.%s must be 1 to 65535", i, key)
		}
	}
	unless(!strings.ContainsFunc(c.Key, func(r rune) bool { return r <= ' ' || r > '~' }), "key must be visible ASCII")
	unless(c.Speed == 0 || c.Speed >= 0.001 && c.Speed <= 1e6, "speed must be 0.001 to 1000000")
	u := c.Unknown
	for name, n := range map[string]float64{
		"rate_limit.per_second": c.RateLimit.PerSecond, "rate_limit.burst": float64(c.RateLimit.Burst),
		"rate_limit.retry_after": float64(c.RateLimit.RetryAfter), "unknown.default_limit": float64(u.DefaultLimit),
		"unknown.max_limit": float64(u.MaxLimit), "unknown.webhook_retries": float64(u.WebhookRetries),
		"unknown.webhook_timeout": float64(u.WebhookTimeout), "unknown.bulk_stop_takes": float64(u.BulkStopTakes),
	} {
		unless(n >= 0, "%s must not be negative", name)
	}
	for name, d := range map[string]time.Duration{
		"ready_after": c.ReadyAfter, "ready_after_most": c.ReadyAfterMost, "initializing_for": c.InitializingFor, "seeking_for": c.SeekingFor,
		"terminating_for": c.TerminatingFor, "unknown.webhook_timeout": u.WebhookTimeout, "unknown.bulk_stop_takes": u.BulkStopTakes,
	} {
		unless(d < century, "%s must be less than 100 years", name)
	}
	ready := c.leastReadyAfter()
	unless(max(c.InitializingFor, c.SeekingFor, ready) >= century || share(c.InitializingFor, ready/10)+share(c.SeekingFor, ready*3/10) <= ready,
		"initializing_for and seeking_for must not be longer than ready_after together")
	for name, answer := range map[string]int{"unknown_session": u.UnknownSession, "deleted_session": u.DeletedSession, "unknown_app": u.UnknownApp} {
		unless(answer == 0 || isErrorStatus(answer), "unknown.%s must be 0 or 400 to 599", name)
	}
	for name, answer := range map[string]int{"sessionless_app": u.SessionlessApp, "unknown_field": u.UnknownField, "full_deployment": u.FullDeployment, "no_socket": u.NoSocket,
		"duplicate_ip": u.DuplicateIP, "unknown_ip": u.UnknownIP, "empty_ip_list": u.EmptyIPList, "empty_filters": u.EmptyFilters,
		"page_beyond_end": u.PageBeyondEnd} {
		unless(answer == 0 || answer == http.StatusOK || isErrorStatus(answer), "unknown.%s must be 0, 200 or 400 to 599", name)
	}
	unless(slices.Contains([]string{"", StatusError, StatusUnprocessable, StatusTerminating}, u.EndedStatus),
		"unknown.ended_status must be Error, Unprocessable or Terminating")
	for name, value := range u.WebhookHeaders {
		unless(isHeader(name, value), "unknown.webhook_headers: %q is not a header", name)
	}
	slices.SortFunc(wrong, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(wrong...)
}

func isErrorStatus(status int) bool { return status >= 400 && status <= 599 }

// isHeader is whether HTTP can carry a header.
func isHeader(name, value string) bool {
	const punctuation = "!#$%&'*+-.^_`|~"
	isToken := func(r rune) bool {
		return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune(punctuation, r)
	}
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return !isToken(r) }) &&
		!strings.ContainsFunc(value, unicode.IsControl)
}

// orElse is v, or the default where v is not set.
func orElse[T comparable](v, otherwise T) T {
	var unset T
	if v == unset {
		return otherwise
	}
	return v
}

// leastReadyAfter is the shortest time to Ready.
func (c *Config) leastReadyAfter() time.Duration {
	return max(orElse(c.ReadyAfter, 2*time.Second), 0)
}

// app is the first configured app version that fits the names of a request.
func (c *Config) app(name, version string) (App, bool) {
	apps := c.Apps
	if len(apps) == 0 {
		apps = []App{{}}
	}
	for _, a := range apps {
		if (a.Name == "" || a.Name == name) && (version == "" || a.Version == "" || a.Version == version) {
			a.Name = name
			a.Version = orElse(orElse(version, a.Version), "v1")
			a.Kind = orElse(a.Kind, KindSeat)
			a.Sockets = orElse(a.Sockets, 10)
			if len(a.Ports) == 0 {
				a.Ports = map[string]api.PortMapping{"gameport": {Internal: 7777, Protocol: "UDP"}}
			}
			return a, true
		}
	}
	return App{}, false
}
