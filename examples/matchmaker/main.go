// Command matchmaker makes all eight calls of the API, as a matchmaker would:
//
//	go run ./examples/matchmaker
//
// Without a key it starts the emulator and calls it over HTTP on loopback. With EDGEGAP_API_KEY,
// EDGEGAP_API_TOKEN or EDGEGAP_API_KEY_FILE it calls the real API, and needs EDGEGAP_APP and
// EDGEGAP_VERSION, the app version to use. It changes only sessions that it created, and deletes
// them at the end, also after Ctrl-C.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "matchmaker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) error {
	m := &matchmaker{app: os.Getenv("EDGEGAP_APP"), version: os.Getenv("EDGEGAP_VERSION"), out: out}
	var err error
	if os.Getenv("EDGEGAP_API_KEY") == "" && os.Getenv("EDGEGAP_API_KEY_FILE") == "" {
		server, err := sessionstest.New()
		if err != nil {
			return err
		}
		defer server.Close()
		fmt.Fprintf(out, "No EDGEGAP_API_KEY: this run plays against the built-in emulator on %s\n", server.URL())
		m.app, m.version = "arena", "1.4.0"
		m.client, err = sessions.New("demo", sessions.WithBaseURL(server.URL()))
	} else {
		if m.app == "" {
			return errors.New("EDGEGAP_APP: name the app to make sessions of (and EDGEGAP_VERSION, unless any will do)")
		}
		if m.client, err = sessions.NewFromEnv(); err == nil {
			api := cmp.Or(os.Getenv("EDGEGAP_BASE_URL"), sessions.DefaultBaseURL)
			fmt.Fprintf(out, "EDGEGAP_API_KEY is set: this run makes sessions on %s, and deletes them again\n", api)
		}
	}
	if err != nil {
		return err
	}
	defer m.client.CloseIdleConnections()
	return m.play(ctx)
}

// matchmaker seats players, and remembers the sessions that it made.
type matchmaker struct {
	client       *sessions.Client
	app, version string
	out          io.Writer
	mine         []string
}

func (m *matchmaker) play(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, m.close()) }()

	m.say("Two players are matched.")
	first, err := m.seat(ctx, "203.0.113.7", "198.51.100.23")
	if err != nil {
		return err
	}

	m.say("A third player joins, and one leaves.")
	users, err := m.client.AddUsers(ctx, first.SessionID, "192.0.2.61")
	if err != nil {
		return err
	}
	m.did("put-users-session", "%s seated", players(users))
	users, err = m.client.RemoveUsers(ctx, first.SessionID, "198.51.100.23")
	if err != nil {
		return err
	}
	m.did("delete-users-session", "%s seated", players(users))
	users, err = m.client.Users(ctx, first.SessionID)
	if err != nil {
		return err
	}
	m.did("get-users-session", "%s seated, says the API when asked", players(users))

	m.say("Two more matches begin.")
	for _, ip := range []string{"203.0.113.90", "198.51.100.4"} {
		if _, err := m.seat(ctx, ip); err != nil {
			return err
		}
	}
	all, mine := 0, 0
	for s, err := range m.client.All(ctx, sessions.ListOptions{}) {
		if err != nil {
			return err
		}
		all++
		if slices.Contains(m.mine, s.SessionID) {
			mine++
		}
	}
	m.did("list-sessions", "%d active, %d of them made by this run", all, mine)

	m.say("The first match is over.")
	if err := m.client.Delete(ctx, first.SessionID); err != nil {
		return err
	}
	m.mine = slices.DeleteFunc(m.mine, func(id string) bool { return id == first.SessionID })
	m.did("session-delete", "%s deleted", first.SessionID)
	return nil
}

// seat makes a session for the players and waits until they can connect.
func (m *matchmaker) seat(ctx context.Context, ips ...string) (*sessions.Session, error) {
	began := time.Now()
	var path []string
	s, err := m.client.CreateAndWait(ctx, sessions.CreateRequest{
		AppName:     m.app,
		VersionName: m.version,
		IPList:      ips,
	}, sessions.OnStatus(func(status sessions.Status) { path = append(path, string(status)) }))
	if errors.Is(err, sessions.ErrOutcomeUnknown) {
		return nil, fmt.Errorf("%w\na session may have been made all the same: look for it in the list", err)
	}
	if err != nil {
		return nil, err
	}
	m.mine = append(m.mine, s.SessionID)
	m.did("session-post", "%s for %d of %s", s.SessionID, len(ips), strings.TrimSpace(m.app+" "+m.version))
	m.did("get-session", "%s after %.1f s", strings.Join(path, ", "), time.Since(began).Seconds())
	for _, port := range ports(s) {
		address, err := s.Endpoint(port)
		if err != nil {
			return nil, err
		}
		m.did("", "players connect to %s (%s)", address, port)
	}
	return s, nil
}

// close stops what is left of this run's sessions. It does so with time of its
// own, as it also runs after Ctrl-C.
func (m *matchmaker) close() error {
	if len(m.mine) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	m.say("The matchmaker shuts down, and stops the rest of what it made.")
	stopped, err := m.client.BulkStop(ctx, sessions.StopByID(m.mine...))
	if err != nil {
		return fmt.Errorf("%w\nthese may still run: %s", err, strings.Join(m.mine, ", "))
	}
	m.did("sessions-bulk-stop", "%s stopped", strings.Join(stopped, " and "))
	return nil
}

func (m *matchmaker) say(sentence string) { fmt.Fprintf(m.out, "\n%s\n", sentence) }

// did tells what a call of the API did.
func (m *matchmaker) did(call, format string, args ...any) {
	fmt.Fprintf(m.out, "  %-22s%s\n", call, fmt.Sprintf(format, args...))
}

// ports lists the ports of a session by key. A game knows its own, and hands
// that one to Endpoint.
func ports(s *sessions.Session) []string {
	if s.Deployment == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.Deployment.Ports))
}

func players(users []sessions.User) string {
	if len(users) == 1 {
		return "1 player"
	}
	return fmt.Sprintf("%d players", len(users))
}
