package emulator

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

// mostRecorded is how many requests, and how many webhooks, are remembered.
const mostRecorded = 10_000

// mostRecordedBody is how many bytes of a request's or a webhook's body are.
const mostRecordedBody = 16 << 10

// mostRecordedLine is how many bytes of a path, query or header are.
const mostRecordedLine = 1 << 10

// Request is one that reached the emulator, without its key. The fields are
// told at sessionstest.Request.
type Request struct {
	Operation   string      `json:"operation"`
	Method      string      `json:"method"`
	Path        string      `json:"path"`
	Query       string      `json:"query"`
	SessionID   string      `json:"session_id"`
	Header      http.Header `json:"header"`
	Body        string      `json:"body"`
	KeyAccepted bool        `json:"key_accepted"`
	Status      int         `json:"status"`
	Message     string      `json:"message"`
	Time        time.Time   `json:"time"`
}

// record begins the record of a request as it arrives.
func (e *Emulator) record(r *http.Request, operation string, secret secret) *Request {
	line := func(text string) string { return clipped(secret.mask(text), mostRecordedLine) }
	call := &Request{
		Operation: operation,
		Method:    r.Method,
		Path:      line(r.URL.EscapedPath()),
		Query:     line(r.URL.RawQuery),
		Header:    r.Header.Clone(),
		Time:      e.clock.now(),
	}
	delete(call.Header, "Authorization")
	for _, values := range call.Header {
		for i := range values {
			values[i] = line(values[i])
		}
	}
	if strings.Contains(operation, "-session") || operation == "session-delete" {
		call.SessionID = line(sessionOf(r.URL))
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = remember(e.requests, call)
	return call
}

// secret is every spelling of the keys that a request must not show: its own
// and the one that is taken.
type secret []string

func secretOf(r *http.Request, taken string) (spellings secret) {
	given := r.Header.Get("Authorization")
	if _, key, ok := strings.Cut(given, " "); ok {
		given = key
	}
	for _, key := range []string{strings.TrimSpace(given), taken} {
		if len(key) < 8 {
			continue // as tests have them; it would be in every word
		}
		for _, spelling := range []string{key, url.QueryEscape(key), url.PathEscape(key)} {
			if !slices.Contains(spellings, spelling) {
				spellings = append(spellings, spelling)
			}
		}
	}
	// One may be a part of another.
	slices.SortFunc(spellings, func(a, b string) int { return len(b) - len(a) })
	return spellings
}

// mask is a text without the keys.
func (s secret) mask(text string) string {
	for _, spelling := range s {
		text = strings.ReplaceAll(text, spelling, "[key]")
	}
	return text
}

// clipped is the beginning of a text.
func clipped(text string, most int) string { return text[:min(len(text), most)] }

// remember appends, and forgets the oldest when there are too many.
func remember[T any](all []T, one T) []T {
	if len(all) == 2*mostRecorded {
		all = slices.Clone(all[mostRecorded:])
	}
	return append(all, one)
}

// note writes in the record of a request under the lock.
func (e *Emulator) note(write func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	write()
}

// Requests are those seen since New or Reset, in the order of their arrival;
// of very many at least the last 10,000.
func (e *Emulator) Requests() []Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := []Request{}
	for _, call := range e.requests {
		seen = append(seen, *call)
	}
	return seen
}

// SessionState is the emulator's own view of one. The fields are told at
// sessionstest.Session.
type SessionState struct {
	SessionID           string    `json:"session_id"`
	AppName             string    `json:"app_name"`
	VersionName         string    `json:"version_name"`
	Status              string    `json:"status"`
	WebhookURL          string    `json:"webhook_url"`
	DeploymentRequestID string    `json:"deployment_request_id"`
	IPs                 []string  `json:"ips"`
	Created             time.Time `json:"created"`
}

// Entry is a session in the ledger.
type Entry struct {
	SessionState
	Exists bool `json:"exists"` // it can be read, and no delete was accepted
}

// Sessions is the ledger: every session created since New or Reset, in that
// order, those deleted too.
func (e *Emulator) Sessions() []Entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	ledger := make([]Entry, 0, len(e.order))
	for _, s := range e.order {
		entry := Entry{
			SessionState: SessionState{
				SessionID:   s.id,
				AppName:     s.app.Name,
				VersionName: s.app.Version,
				Status:      s.status,
				WebhookURL:  s.request.WebhookURL,
				IPs:         []string{},
				Created:     s.created,
			},
			Exists: !s.gone && s.status != StatusTerminating,
		}
		if s.deployment != nil {
			entry.DeploymentRequestID = s.deployment.id
		}
		for _, user := range s.users {
			entry.IPs = append(entry.IPs, user.IP)
		}
		ledger = append(ledger, entry)
	}
	return ledger
}

// DeploymentState is the emulator's own view of one. The fields are told at
// sessionstest.Deployment.
type DeploymentState struct {
	RequestID   string            `json:"request_id"`
	AppName     string            `json:"app_name"`
	VersionName string            `json:"version_name"`
	City        string            `json:"city"`
	Tags        []string          `json:"tags"`
	Env         map[string]string `json:"env"`
	Ready       bool              `json:"ready"`
	Joinable    bool              `json:"joinable"`
	Sockets     int               `json:"sockets"`
	SocketsUsed int               `json:"sockets_used"`
}

// Deployments are all that run or are on their way, oldest first.
func (e *Emulator) Deployments() []DeploymentState {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.advance()
	all := []DeploymentState{}
	for _, d := range slices.SortedFunc(maps.Values(e.byID), func(a, b *deployment) int { return cmp.Compare(a.number, b.number) }) {
		all = append(all, DeploymentState{
			RequestID:   d.id,
			AppName:     d.app.Name,
			VersionName: d.app.Version,
			City:        places[d.place].City,
			Tags:        list(d.tags),
			Env:         maps.Clone(d.env),
			Ready:       d.ready,
			Joinable:    !d.unjoinable,
			Sockets:     d.app.Sockets,
			SocketsUsed: d.used,
		})
	}
	return all
}

// Deploy has a deployment of an app version running at once, with tags, and
// returns its request id. It stands in for the API's other calls. An app
// version that is not configured is an error, and a tag outside 1 to 20
// characters.
func (e *Emulator) Deploy(app, version string, tags ...string) (string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	found, ok := e.config.app(app, version)
	if !ok || app == "" {
		return "", fmt.Errorf("there is no app %q with a version %q to deploy", app, version)
	}
	for i, tag := range tags {
		if !lengthWithin(tag, 20) {
			return "", fmt.Errorf("tags[%d] must have 1 to 20 characters", i)
		}
	}
	now := e.advance()
	d := e.deploy(found, api.SessionModel{})
	for _, tag := range tags {
		e.mark(d, []api.SelectorModel{{Tag: tag}})
	}
	d.ready = true
	e.idle(d, now)
	e.rest()
	return d.id, nil
}
