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
	"crypto/rand"
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
	if cmp.Or(os.Getenv("EDGEGAP_API_KEY"), os.Getenv("EDGEGAP_API_TOKEN"), os.Getenv("EDGEGAP_API_KEY_FILE")) == "" {
		return runWithEmulator(ctx, out)
	}
	app := os.Getenv("EDGEGAP_APP")
	if app == "" {
		return errors.New("set EDGEGAP_APP, and EDGEGAP_VERSION, to the app version to create sessions of")
	}
	client, err := sessions.NewFromEnv()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "An API key is set: this program creates sessions on %s, and deletes them.\n", cmp.Or(os.Getenv("EDGEGAP_BASE_URL"), sessions.DefaultBaseURL))
	return (&matchmaker{client: client, app: app, version: os.Getenv("EDGEGAP_VERSION"), out: out}).play(ctx)
}

func runWithEmulator(ctx context.Context, out io.Writer) error {
	server, err := sessionstest.New()
	if err != nil {
		return err
	}
	defer server.Close()
	client, err := sessions.New("demo", sessions.WithBaseURL(server.URL()))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "EDGEGAP_API_KEY is not set: this program uses its own emulator of the API, at %s.\n", server.URL())
	return (&matchmaker{client: client, app: "arena", version: "1.4.0", out: out}).play(ctx)
}

// matchmaker creates sessions and remembers their ids.
type matchmaker struct {
	client       *sessions.Client
	hooks        *sessions.Webhooks
	app, version string
	out          io.Writer
	ids          []string
	addresses    []string
}

// play makes all eight calls. It deletes the sessions that it created, also after an error.
func (m *matchmaker) play(ctx context.Context) (err error) {
	defer m.client.CloseIdleConnections()
	// This program receives no webhooks. It needs their URLs, because CreateAndWait finds a session
	// by the reference in the URL if the response to the create is lost, as by Ctrl-C.
	if m.hooks, err = m.client.Webhooks("https://matchmaker.example.com/hook", rand.Text()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.stopAll()) }()

	m.step("Two players are matched.")
	first, err := m.createSession(ctx, "203.0.113.7", "198.51.100.23")
	if err != nil {
		return err
	}

	m.step("A third player joins, and one leaves.")
	users, err := m.client.AddUsers(ctx, first, "192.0.2.61")
	if err != nil {
		return err
	}
	m.report("put-users-session", "%d players in the session", len(users))
	users, err = m.client.RemoveUsers(ctx, first, "198.51.100.23")
	if err != nil {
		return err
	}
	m.report("delete-users-session", "%d players in the session", len(users))
	users, err = m.client.Users(ctx, first)
	if err != nil {
		return err
	}
	m.report("get-users-session", "%d players in the session", len(users))

	m.step("Two more matches begin.")
	for _, ip := range []string{"203.0.113.90", "198.51.100.4"} {
		if _, err := m.createSession(ctx, ip); err != nil {
			return err
		}
	}
	if slices.Sort(m.addresses); len(slices.Compact(slices.Clone(m.addresses))) == 1 {
		m.report("", "all three sessions have one address: a deployment hosts players until its sockets are used")
	}
	total, own := 0, 0
	for s, err := range m.client.All(ctx, sessions.ListOptions{}) {
		if err != nil {
			return err
		}
		total++
		if slices.Contains(m.ids, s.SessionID) {
			own++
		}
	}
	m.report("list-sessions", "%d sessions, %d of them created by this program", total, own)

	m.step("The first match is over.")
	if err := m.client.Delete(ctx, first); err != nil {
		return err
	}
	m.ids = slices.DeleteFunc(m.ids, func(id string) bool { return id == first })
	m.report("session-delete", "%s deleted", first)
	return nil
}

// createSession creates a session for players and waits until they can connect.
func (m *matchmaker) createSession(ctx context.Context, ips ...string) (id string, err error) {
	start := time.Now()
	var statuses []string
	s, err := m.client.CreateAndWait(ctx, sessions.CreateRequest{AppName: m.app, VersionName: m.version, IPList: ips, WebhookURL: m.hooks.URL(rand.Text())},
		sessions.OnStatus(func(status sessions.Status) { statuses = append(statuses, string(status)) }))
	if err != nil {
		return "", err
	}
	m.ids = append(m.ids, s.SessionID)
	m.report("session-post", "%s of %s, players: %d", s.SessionID, strings.TrimSpace(m.app+" "+m.version), len(ips))
	m.report("get-session", "%s after %.1f s", strings.Join(statuses, ", "), time.Since(start).Seconds())
	for _, port := range ports(s) {
		address, err := s.Endpoint(port)
		if err != nil {
			return "", err
		}
		m.addresses = append(m.addresses, address)
		m.report("", "players connect to %s (%s)", address, port)
	}
	return s.SessionID, nil
}

// stopAll stops the sessions that this program created. It runs after Ctrl-C, too, and therefore
// has a context of its own.
func (m *matchmaker) stopAll() error {
	if len(m.ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	m.step("The matchmaker stops, and with it the other sessions.")
	stopped, err := m.client.BulkStop(ctx, sessions.StopByID(m.ids...))
	if err != nil {
		return fmt.Errorf("%w; these sessions may still exist: %s", err, strings.Join(m.ids, ", "))
	}
	m.report("sessions-bulk-stop", "%s stopped", strings.Join(stopped, " and "))
	return nil
}

func (m *matchmaker) step(sentence string) { fmt.Fprintf(m.out, "\n%s\n", sentence) }

// report prints the result of a call.
func (m *matchmaker) report(operation, format string, args ...any) {
	fmt.Fprintf(m.out, "  %-22s%s\n", operation, fmt.Sprintf(format, args...))
}

// ports returns the names of the ports of a session. A game knows the name of its port.
func ports(s *sessions.Session) []string {
	if s.Deployment == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.Deployment.Ports))
}
