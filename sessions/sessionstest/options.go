package sessionstest

import (
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
	"github.com/edgegap-community/edgegap/sessions"
)

// Option changes a default of NewServer. Of two that change the same, the later
// counts.
type Option func(*settings)

// settings are what options change.
type settings struct {
	emulator.Config
	t interface {
		Cleanup(func())
		Failed() bool
		Log(...any)
	}
	wrong []error // what makes no sense, beside what Config.Valid says
}

// bad is an option that makes no sense.
func bad(why string) Option {
	return func(c *settings) { c.wrong = append(c.wrong, errors.New(why)) }
}

// WithApp adds a version of an app. Once there is one, a create for an app or
// version that is not there is a 400. The first that fits is taken.
func WithApp(a App) Option {
	return func(c *settings) { c.Apps = append(c.Apps, emulator.App(a)) }
}

// WithReadyAfter sets how long after its creation a session is Ready. The
// default is two seconds; 0 is at once.
func WithReadyAfter(d time.Duration) Option { return WithReadyBetween(d, d) }

// WithReadyBetween has each session Ready after a time drawn evenly between the
// two, the same for the same seed.
func WithReadyBetween(least, most time.Duration) Option {
	if least < 0 || most < least {
		return bad("WithReadyBetween: least is negative, or more than most")
	}
	return func(c *settings) {
		c.ReadyAfter, c.ReadyAfterMost = least, most
		if least <= 0 {
			c.ReadyAfter = -1
		}
	}
}

// WithKey has the server take this API key only, which it is given without the
// word token; other keys get a 401. The default is any key.
func WithKey(key string) Option { return func(c *settings) { c.Key = key } }

// WithRateLimit answers 429 to calls beyond a token bucket that holds burst
// calls, is full at first, and is filled with perSecond calls a second. With
// retryAfter above 0 those answers say so, in seconds rounded up. The default
// is no limit.
func WithRateLimit(perSecond float64, burst int, retryAfter time.Duration) Option {
	seconds := int(math.Ceil(retryAfter.Seconds()))
	return func(c *settings) {
		c.RateLimit = emulator.RateLimit{PerSecond: perSecond, Burst: burst, RetryAfter: seconds}
	}
}

// WithTimes sets how long sessions stay in states of which nobody waits for the
// end.
func WithTimes(t Times) Option {
	return func(c *settings) {
		c.InitializingFor, c.SeekingFor, c.TerminatingFor = t.Initializing, t.Seeking, t.Terminating
	}
}

// Times are how long a session stays in a state. 0 is the default; less than 0
// is not at all. Initializing and Seeking together must not be longer than the
// time to Ready; what is left of it the session is Waiting.
type Times struct {
	Initializing time.Duration // after the create; default a tenth of the time to Ready
	Seeking      time.Duration // until it is given a place on a deployment; default three tenths
	Terminating  time.Duration // after the delete, until it can be read no more; default a second
}

// WithSeed changes what is drawn: ids, times and faults are otherwise those of
// seed 0. The same calls in the same order get the same.
func WithSeed(seed uint64) Option { return func(c *settings) { c.Seed = seed } }

// WithWebhooks hands every webhook to a handler in memory, whatever the host of
// its URL. A handler that needs a client of this server is made after it: give
// an http.ServeMux here, and add the handler to it then. It must not close the
// server, which waits for it. By default webhooks are sent by HTTP, and to
// loopback hosts only.
func WithWebhooks(h http.Handler) Option {
	if h == nil {
		return bad("WithWebhooks: the handler is nil; an http.ServeMux can take it later")
	}
	return func(c *settings) { c.WebhookHandler = h }
}

// WithT ties the server to a test, a *testing.T: when the test ends the server is
// closed, and if it failed, its log shows what happened and what there is, as
// [Server.String] does.
func WithT(t interface {
	Cleanup(func())
	Failed() bool
	Log(...any)
}) Option {
	return func(c *settings) { c.t = t }
}

// WithUnknown settles what is not known about the API.
func WithUnknown(u Unknown) Option {
	return func(c *settings) { c.Unknown = emulator.Unknown(u) }
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

	// EmptyTTL is how long a deployment that is up runs without a session before
	// it ends. 0: for ever.
	EmptyTTL time.Duration

	// SessionMaxDuration is how long a session can still be read when its
	// deployment has ended. At least an hour, which is the default.
	SessionMaxDuration time.Duration

	// Ports are those of a deployment, by key. Internal, Protocol, TLSUpgrade and
	// Name (by default the key) are taken; External and Link are given. None:
	// "gameport", UDP 7777.
	Ports map[string]sessions.Port
}
