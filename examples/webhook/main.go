// Webhook is a small matchmaking service. It tells players the address that they
// connect to, learns by webhook when a session is ready, and leaves nothing behind:
//
//	go run ./examples/webhook
//	curl -d '{"players": ["203.0.113.7", "198.51.100.23"]}' localhost:8090/match
//	curl -X DELETE localhost:8090/match/SESSION_ID
//
// Without a key it starts the emulator and plays against that. With
// EDGEGAP_API_KEY (or EDGEGAP_API_KEY_FILE) it uses the real API, the app version
// that EDGEGAP_APP and EDGEGAP_VERSION name, and PUBLIC_URL, such as
// https://match.example.com, below which the API can reach the path /webhook.
// GAME_PORT names the port to connect to, where the app has several, and LISTEN is
// where the service listens. Whoever reaches /match gets one: show the internet
// only /webhook.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

const (
	patience   = time.Minute      // of players, for their match
	timeToEnd  = 10 * time.Second // a session, or all of them
	timeToStop = 20 * time.Second // for requests under way, which may have a session to end
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("webhook", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("LISTEN"), "localhost:8090"))
	if err != nil {
		return err
	}
	defer listener.Close()
	s := &service{app: os.Getenv("EDGEGAP_APP"), version: os.Getenv("EDGEGAP_VERSION"), port: os.Getenv("GAME_PORT"), secret: rand.Text()}
	public := strings.TrimSuffix(os.Getenv("PUBLIC_URL"), "/")
	if os.Getenv("EDGEGAP_API_KEY") == "" && os.Getenv("EDGEGAP_API_KEY_FILE") == "" {
		emulator := sessionstest.NewServer()
		defer emulator.Close()
		slog.Info("no EDGEGAP_API_KEY: the built-in emulator is the API", "url", emulator.URL())
		s.app, s.version, s.port, public = "arena", "1.4.0", "gameport", "http://"+listener.Addr().String()
		s.client, err = sessions.New("demo", sessions.WithBaseURL(emulator.URL()))
	} else if s.app == "" || public == "" {
		return errors.New("EDGEGAP_APP and PUBLIC_URL: name the app to make sessions of, and where the API reaches this service")
	} else {
		s.client, err = sessions.NewFromEnv()
	}
	if err != nil {
		return err
	}
	defer s.client.CloseIdleConnections()
	if s.webhook, err = sessions.WebhookURL(public+"/webhook", s.secret); err != nil {
		return fmt.Errorf("PUBLIC_URL: %w", err)
	}
	return s.serve(ctx, listener)
}

// service seats players, and knows those of its sessions that run.
type service struct {
	client             *sessions.Client
	app, version, port string
	webhook, secret    string // the URL of webhooks, and the secret in it

	mu      sync.Mutex
	running []string // session ids
}

// serve answers until ctx ends, and with it what waits for a match: no webhook
// arrives once the listener is closed. Then it stops every session that runs.
func (s *service) serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /match", s.begin)
	mux.HandleFunc("DELETE /match/{session_id}", s.finish)
	mux.Handle("/webhook", s.client.WebhookHandler(s.secret, nil))
	server := &http.Server{Handler: mux, ReadTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	slog.Info("listening", "address", listener.Addr().String())
	select {
	case err := <-failed:
		return errors.Join(err, s.close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeToStop)
	defer cancel()
	err := server.Shutdown(grace)
	return errors.Join(err, s.close())
}

// begin makes a match, and tells where it is.
func (s *service) begin(w http.ResponseWriter, r *http.Request) {
	players, problem := readPlayers(w, r)
	if problem != "" {
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience) // it ends, too, when the caller goes away
	defer cancel()
	id, address, err := s.seat(ctx, players)
	if err != nil {
		s.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"session_id": id, "address": address})
}

// readPlayers names what is wrong by its field, and never by its value.
func readPlayers(w http.ResponseWriter, r *http.Request) (ips []string, problem string) {
	var body struct{ Players []string }
	// To its end: before that, net/http does not notice that the caller goes away.
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil || json.Unmarshal(content, &body) != nil || len(body.Players) == 0 {
		return nil, "players: not a list of at least one IP address, in JSON"
	}
	for i, ip := range body.Players {
		if addr, err := netip.ParseAddr(ip); err != nil || addr.Zone() != "" {
			return nil, fmt.Sprintf("players[%d]: not an IP address", i)
		}
	}
	return body.Players, ""
}

// seat makes a session for players and waits until they can connect. It ends a
// session that it does not hand over.
func (s *service) seat(ctx context.Context, ips []string) (id, address string, err error) {
	webhook := s.webhook + "&match=" + rand.Text() // no other match has it
	request := sessions.CreateRequest{AppName: s.app, VersionName: s.version, IPList: ips, WebhookURL: webhook}
	session, err := s.client.CreateAndWait(ctx, request,
		// The webhook ends the wait. The reads are for one that gets lost, or that is
		// sent when the session is linked and not yet ready, if the API does that.
		sessions.PollEvery(10*time.Second, 10*time.Second),
		sessions.OnChange(func(session *sessions.Session) {
			slog.Info("session", "session_id", session.SessionID, "status", session.Status)
		}))
	if errors.Is(err, sessions.ErrOutcomeUnknown) {
		s.reclaim(ctx, webhook)
	}
	if err == nil || errors.Is(err, sessions.ErrNotDeleted) {
		s.keep(session.SessionID)
	}
	if err != nil {
		return "", "", err
	}
	if address, err = sessions.Endpoint(session, s.port); err != nil {
		s.end(ctx, session.SessionID)
	}
	return session.SessionID, address, err
}

func (s *service) keep(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = append(s.running, id)
}

// reclaim ends the session of a create that failed and may have been carried out
// all the same. The list shows it, by its webhook, unless it is still under way.
func (s *service) reclaim(ctx context.Context, webhook string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeToEnd)
	defer cancel()
	for session, err := range s.client.All(ctx, sessions.ListOptions{Limit: 100}) {
		if err != nil {
			slog.Warn("a session may be left behind", "error", err)
			return
		}
		if session.WebhookURL == webhook {
			s.keep(session.SessionID)
			s.end(ctx, session.SessionID)
			return
		}
	}
}

// finish ends a match of this service.
func (s *service) finish(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("session_id")
	s.mu.Lock()
	runs := slices.Contains(s.running, id)
	s.mu.Unlock()
	if !runs {
		http.Error(w, "session_id: no such match", http.StatusNotFound)
	} else if err := s.end(r.Context(), id); err != nil {
		s.refuse(w, err)
	} else {
		w.WriteHeader(http.StatusNoContent)
	}
}

// end deletes a session even when nobody waits for it any more. What cannot be
// deleted now is left to close.
func (s *service) end(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeToEnd)
	defer cancel()
	_, err := s.client.Delete(ctx, id)
	if err != nil && !errors.Is(err, sessions.ErrNotFound) && !errors.Is(err, sessions.ErrGone) {
		slog.Warn("not deleted", "error", err)
		return err
	}
	s.mu.Lock()
	s.running = slices.DeleteFunc(s.running, func(other string) bool { return other == id })
	s.mu.Unlock()
	return nil
}

// close stops what runs, with time of its own.
func (s *service) close() error {
	s.mu.Lock()
	left := slices.Clone(s.running)
	s.mu.Unlock()
	if len(left) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeToEnd)
	defer cancel()
	stopped, err := s.client.BulkStop(ctx, sessions.StopIDs(left...))
	if err == nil {
		left = slices.DeleteFunc(left, func(id string) bool { return slices.Contains(stopped, id) })
	}
	slog.Info("stopped", "sessions", len(stopped), "left", left)
	return err
}

// refuse answers what a caller can act on, and logs what happened: the text of
// these errors holds neither the key nor a player's address.
func (s *service) refuse(w http.ResponseWriter, err error) {
	slog.Warn("refused", "error", err)
	var e *sessions.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	status := http.StatusBadGateway
	switch {
	case errors.Is(err, sessions.ErrRateLimited), errors.As(err, new(*sessions.FailedError)), errors.Is(err, context.Canceled):
		status = http.StatusServiceUnavailable // too many matches, no room, or the service stops
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
	}
	http.Error(w, http.StatusText(status), status)
}
