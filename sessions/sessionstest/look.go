package sessionstest

import (
	"context"
	"net/http"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// Request is one that reached the server. It does not keep the key: the
// Authorization header is left out, and a key of eight characters or more that
// stands elsewhere reads [key].
type Request struct {
	Operation   string      // the contract's name, such as "get-session"; "" if the method and path have none
	Method      string      // such as "GET"
	Path        string      // escaped, such as "/v1/session/950dd2eaff09-S"
	Query       string      // such as "page=2&limit=100"; "" if there is none
	SessionID   string      // the one in the path; "" if there is none
	Header      http.Header // without Authorization
	Body        string      // as it was sent, with the players' IPs; the first 16 KiB
	KeyAccepted bool        // the call passed the check of its key
	Status      int         // answered; 0 if there is no answer, or none yet
	Message     string      // of an answer that is an error, but for a planned body; "" if it has none
	Time        time.Time   // of its arrival
}

// Session is one that exists: it was created and not deleted.
type Session struct {
	SessionID           string    // such as "950dd2eaff09-S"
	AppName             string    // as the create named it
	VersionName         string    // where the create named none, that of the App, or v1
	Status              string    // in the short spelling, such as "Ready"
	WebhookURL          string    // as it was given, with its secret; "" for none
	DeploymentRequestID string    // "" while it has no place
	IPs                 []string  // of its players, in the order of their coming
	Created             time.Time // when the create was answered
}

// Deployment is one that runs or is on its way.
type Deployment struct {
	RequestID   string            // such as "57f84a8e1298"
	AppName     string            // never ""
	VersionName string            // never ""
	City        string            // where it is
	Tags        []string          // of the selectors of its sessions, or of Deploy
	Env         map[string]string // injected by the create that it was started for
	Ready       bool              // it is up
	Joinable    bool              // it takes new sessions: see SetJoinable
	Sockets     int               // App.Sockets
	SocketsUsed int               // by its sessions; for KindSeat one for each player
}

// Webhook is one delivery that has ended; a retry is another.
type Webhook struct {
	SessionID string    // of the session that it is about
	Status    string    // of that session, in the short spelling
	Body      string    // as it was sent; the first 16 KiB
	Answer    int       // the receiver's HTTP status; 0 if there was none
	Problem   string    // why there was none
	Time      time.Time // of its end
}

// Requests are those that reached the server, in the order of their arrival; of
// very many at least the last 10,000.
func (s *Server) Requests() []Request {
	return convert(s.emulator.Requests(), func(r emulator.Request) Request { return Request(r) })
}

// Sessions are those that exist, in the order of their creation. A test that
// ends with none has leaked none.
func (s *Server) Sessions() []Session {
	sessions := []Session{}
	for _, entry := range s.emulator.Sessions() {
		if entry.Exists {
			sessions = append(sessions, Session(entry.SessionState))
		}
	}
	return sessions
}

// Deployments are all that run or are on their way, oldest first.
func (s *Server) Deployments() []Deployment {
	return convert(s.emulator.Deployments(), func(d emulator.DeploymentState) Deployment { return Deployment(d) })
}

// Webhooks are the deliveries that have ended, in that order. Those of one
// session are in the order of what happened to it.
func (s *Server) Webhooks() []Webhook { return convert(s.emulator.Webhooks(), webhook) }

// WaitWebhooks waits until n deliveries have ended since NewServer, and returns
// them all. If the context ends first its error is returned, and another if the
// server is closed, with the deliveries that have ended.
func (s *Server) WaitWebhooks(ctx context.Context, n int) ([]Webhook, error) {
	ended, err := s.emulator.WaitWebhooks(ctx, n)
	return convert(ended, webhook), ours(err)
}

func webhook(w emulator.Webhook) Webhook { return Webhook(w) }

// String is what happened and what there is, as tables for a person: requests,
// sessions, deployments, webhooks, the last fifty of each. It holds no key,
// player's IP, body or URL. WithT logs it when a test fails.
func (s *Server) String() string { return s.emulator.Dump() }

func convert[From, To any](all []From, to func(From) To) []To {
	converted := make([]To, len(all))
	for i, one := range all {
		converted[i] = to(one)
	}
	return converted
}
