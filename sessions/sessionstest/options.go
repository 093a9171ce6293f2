package sessionstest

import (
	"net/http"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
	"github.com/edgegap-community/edgegap/sessions"
)

// Option changes a default of NewServer.
type Option func(*emulator.Config)

// WithApp adds a version of an app. Once there is one, a create for an app or
// version that is not there is a 400. The first that fits is taken.
func WithApp(a App) Option {
	return func(c *emulator.Config) { c.Apps = append(c.Apps, emulator.App(a)) }
}

// WithReadyAfter sets how long after its creation a session is Ready. The
// default is two seconds; 0 is at once.
func WithReadyAfter(d time.Duration) Option { return WithReadyBetween(d, d) }

// WithReadyBetween has each session Ready after a time drawn evenly between the
// two, the same for the same seed.
func WithReadyBetween(least, most time.Duration) Option {
	return func(c *emulator.Config) {
		c.ReadyAfter, c.ReadyAfterMost = least, most
		if least <= 0 {
			c.ReadyAfter = -1
		}
	}
}

// WithKey has the server take this API key only; other keys get a 401. The
// default is any key.
func WithKey(key string) Option { return func(c *emulator.Config) { c.Key = key } }

// WithRateLimit answers 429 to calls beyond a token bucket that holds burst
// calls, is full at first, and is filled with perSecond calls a second. With
// retryAfter above 0 those answers say so, in seconds rounded up. The default
// is no limit.
func WithRateLimit(perSecond float64, burst int, retryAfter time.Duration) Option {
	seconds := int((retryAfter + time.Second - 1) / time.Second)
	return func(c *emulator.Config) {
		c.RateLimit = emulator.RateLimit{PerSecond: perSecond, Burst: burst, RetryAfter: seconds}
	}
}

// WithSeed changes the ids, which are otherwise those of seed 0. The same calls
// in the same order get the same ids.
func WithSeed(seed uint64) Option { return func(c *emulator.Config) { c.Seed = seed } }

// WithWebhooks hands every webhook to a handler in memory, whatever the host of
// its URL. By default webhooks are sent by HTTP, and to loopback hosts only.
func WithWebhooks(h http.Handler) Option {
	return func(c *emulator.Config) { c.WebhookHandler = h }
}

// WithUnknown settles what is not known about the API.
func WithUnknown(u Unknown) Option {
	return func(c *emulator.Config) { c.Unknown = emulator.Unknown(u) }
}

// App is a version of an app. The zero value of each field is its default.
type App struct {
	Name    string // "": any name
	Version string // "": any version; where a create names none either, it is called v1

	// Kind is sessions.KindSeat, the default, KindMatch or KindDefault. A create
	// for KindDefault, which has no sessions, is a 400.
	Kind string

	Sockets      int  // of each deployment; 0: 10
	NoAutodeploy bool // no deployment is started: a session that finds none is Unprocessable
	Disabled     bool // a create is a 400
	FailsToStart bool // new deployments fail, and their sessions end in Error

	// Ports are those of a deployment, by key. Internal, Protocol, TLSUpgrade and
	// Name (by default the key) are taken; External and Link are given. None:
	// "gameport", UDP 7777.
	Ports map[string]sessions.Port
}

// Unknown has a field for each thing about the API that is not known. The zero
// value is the fake's best guess. An int is the HTTP status answered: 0 is the
// default named, 200 takes the call.
type Unknown struct {
	UnknownSession     int  // a session that never was; default 404
	DeletedSession     int  // one that was deleted; default 410 for a second delete while it is Terminating, then 404
	FullDeployment     int  // a create for a deployment that has no room or does not exist; default 200: the session ends Unprocessable
	NoSocket           int  // more users than free sockets; default 422
	DuplicateIP        int  // a user who is there already; default 200: counted once
	UnknownIP          int  // to remove a user who is not there; default 200: nothing happens
	EmptyIPList        int  // to add or remove nobody; default 200: nothing happens
	EmptyFilters       int  // a bulk stop without filters; default 400; 200 stops every session
	PageBeyondEnd      int  // a page past the last; default 200: an empty one
	MaxLimit           int  // the most sessions on a page, whatever is asked for; 0: no maximum
	NewestFirst        bool // the order of the list; default oldest first
	ListTerminating    bool // deleted sessions stay in the list until they are gone
	LinkedWhileWaiting bool // linked is true, and a webhook sent, before the deployment is up
	LinkedWhileDeleted bool // linked is true while Terminating
	LongNames          bool // Status.READY and SEATS instead of Ready and Seat
	Nulls              bool // optional fields without a value are null instead of absent
	FullWebhook        bool // a webhook's body is that of a get; default an item of the list
	WebhookRetries     int  // how often a webhook not answered with 2xx is sent again, after a second; default not
}

// Fault is something that goes wrong with one call or several. The zero value
// goes well, but takes its turn.
type Fault struct {
	Operation string // the contract's name, such as "session-post"; "": any call
	Times     int    // for how many requests; 0: one. A retry takes one up, and a call that is not retried leaves the rest

	// Delay comes before anything else. It ends early when the caller gives up,
	// and then nothing is done.
	Delay time.Duration

	// Status, 200 to 599, is answered in place of what the API would answer; 0:
	// the API's own. RetryAfter is the header of that name, "" for none, and Body
	// what it holds, "" for the API's error body.
	Status     int
	RetryAfter string
	Body       string

	// Break is what happens to the answer on its way: "reset" (the connection,
	// before any of it arrives), "stall" (it never comes), "cut" (in the middle)
	// or "garble" (it is JSON no more); "": nothing.
	Break string

	// Done has the call carried out before a Status or a reset, which otherwise
	// come instead of it. What is stalled, cut or garbled without a Status is the
	// answer to a call that was carried out.
	Done bool
}

// Request is one that reached the server. It keeps neither the key nor a body.
type Request struct {
	Operation   string // the contract's name, such as "get-session"; "" if the method and path have none
	Method      string
	Path        string // escaped, without the query
	SessionID   string // the one in the path; "" if there is none
	Status      int    // answered; 0 if there is no answer, or none yet
	KeyAccepted bool   // the call passed the check of its key
	ContentType string
	HasBody     bool
	UserAgent   string
	Time        time.Time // of its arrival
}
