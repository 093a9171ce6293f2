package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

// Config says what an emulator imitates. The zero value takes any key that is
// not empty and any app and version (kind Seat, ten sockets, autodeploy on),
// and has a session ready two seconds after it was created.
type Config struct {
	// Key is the only API key taken. Empty: any key that is not empty.
	Key string `json:"-"`

	// Seed decides the ids and the times that are drawn. The same seed and the
	// same calls in the same order give the same ids.
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
	// less than 0 at once. A deployment is up when the first of its sessions
	// is Ready.
	ReadyAfter time.Duration `json:"ready_after"`

	// ReadyAfterMost, if it is longer than ReadyAfter, makes each session's
	// time one drawn evenly between the two.
	ReadyAfterMost time.Duration `json:"ready_after_most"`

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
	Name         string                     `json:"name"`
	Version      string                     `json:"version"`
	Kind         string                     `json:"kind"`
	Sockets      int                        `json:"sockets"`
	NoAutodeploy bool                       `json:"no_autodeploy"`
	Disabled     bool                       `json:"disabled"`
	FailsToStart bool                       `json:"fails_to_start"`
	Ports        map[string]api.PortMapping `json:"ports"`
}

// Unknown has a field for each thing about the API that is not known. The
// fields are told at sessionstest.Unknown.
type Unknown struct {
	UnknownSession     int  `json:"unknown_session"`
	DeletedSession     int  `json:"deleted_session"`
	FullDeployment     int  `json:"full_deployment"`
	NoSocket           int  `json:"no_socket"`
	DuplicateIP        int  `json:"duplicate_ip"`
	UnknownIP          int  `json:"unknown_ip"`
	EmptyIPList        int  `json:"empty_ip_list"`
	EmptyFilters       int  `json:"empty_filters"`
	PageBeyondEnd      int  `json:"page_beyond_end"`
	MaxLimit           int  `json:"max_limit"`
	NewestFirst        bool `json:"newest_first"`
	ListTerminating    bool `json:"list_terminating"`
	LinkedWhileWaiting bool `json:"linked_while_waiting"`
	LinkedWhileDeleted bool `json:"linked_while_deleted"`
	LongNames          bool `json:"long_names"`
	Nulls              bool `json:"nulls"`
	FullWebhook        bool `json:"full_webhook"`
	WebhookRetries     int  `json:"webhook_retries"`
}

// Valid says what is wrong with the configuration: a kind that there is not, a
// count below 0, or an answer that does not fit its question.
func (c Config) Valid() error {
	for i, a := range c.Apps {
		if !slices.Contains([]string{"", KindSeat, KindMatch, KindDefault}, a.Kind) {
			return fmt.Errorf("emulator: apps[%d]: kind must be Seat, Match or Default", i)
		}
		if a.Sockets < 0 {
			return fmt.Errorf("emulator: apps[%d]: sockets must not be negative", i)
		}
	}
	u := c.Unknown
	if u.MaxLimit < 0 || u.WebhookRetries < 0 || c.RateLimit.PerSecond < 0 || c.RateLimit.Burst < 0 || c.RateLimit.RetryAfter < 0 || c.Speed < 0 {
		return errors.New("emulator: max_limit, webhook_retries, rate_limit and speed must not be negative")
	}
	for _, answer := range []int{u.UnknownSession, u.DeletedSession} {
		if answer != 0 && !isErrorStatus(answer) {
			return errors.New("emulator: unknown_session and deleted_session must be 0 or 400 to 599")
		}
	}
	for _, answer := range []int{u.FullDeployment, u.NoSocket, u.DuplicateIP, u.UnknownIP, u.EmptyIPList, u.EmptyFilters, u.PageBeyondEnd} {
		if answer != 0 && answer != http.StatusOK && !isErrorStatus(answer) {
			return errors.New("emulator: the answers of unknown must be 0, 200 or 400 to 599")
		}
	}
	return nil
}

func isErrorStatus(status int) bool { return status >= 400 && status <= 599 }

// orElse is v, or the default where v is not set.
func orElse[T comparable](v, otherwise T) T {
	var unset T
	if v == unset {
		return otherwise
	}
	return v
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
