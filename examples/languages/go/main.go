// The work of a matchmaker with package sessions.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

func main() {
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) (err error) {
	client, err := sessions.NewFromEnv(sessions.WithTransport(rateLimitLog{sessions.NewTransport()}))
	if err != nil {
		return err
	}
	var mine []string
	defer func() {
		err = errors.Join(err, shutDown(context.WithoutCancel(ctx), client, mine))
	}()

	first, err := createAndWait(ctx, client, "match-1", "1.4.0", "203.0.113.7", "198.51.100.23")
	if err != nil {
		return err
	}
	mine = append(mine, first.SessionID)

	users, err := client.AddUsers(ctx, first.SessionID, "192.0.2.61")
	if err != nil {
		return err
	}
	fmt.Println("one more:", ips(users))
	if users, err = client.RemoveUsers(ctx, first.SessionID, "198.51.100.23"); err != nil {
		return err
	}
	fmt.Println("one less:", ips(users))
	if users, err = client.Users(ctx, first.SessionID); err != nil {
		return err
	}
	fmt.Println("players:", ips(users))

	second, err := createAndWait(ctx, client, "match-2", "1.4.0", "203.0.113.90")
	if err != nil {
		return err
	}
	mine = append(mine, second.SessionID)

	for page := 1; page > 0; { // client.All does this in one loop
		list, err := client.List(ctx, sessions.ListOptions{Page: page, PageSize: 1})
		if err != nil {
			return err
		}
		for _, s := range list.Sessions {
			fmt.Printf("page %d: %s\n", page, sessions.Reference(s.WebhookURL))
		}
		page = list.Next
	}

	_, err = createAndWait(ctx, client, "match-3", "broken", "198.51.100.4")
	if failed := (*sessions.SessionFailedError)(nil); errors.As(err, &failed) {
		status := strings.ToLower(string(failed.Session.Status))
		fmt.Printf("match-3 is deleted: %s, %s\n", status, failed.Session.Error)
		return nil
	}
	return err
}

// createAndWait creates a session and waits until players may connect. If that fails,
// CreateAndWait has deleted the session.
func createAndWait(ctx context.Context, client *sessions.Client, match, version string, ips ...string) (*sessions.Session, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{
		AppName: "arena", VersionName: version, IPList: ips,
		WebhookURL: "https://match.example.com/hook?ref=" + match, // the list shows it
	})
	if err != nil {
		return nil, err
	}
	address, err := s.Endpoint("gameport")
	fmt.Printf("%s is ready at %s, players: %d\n", match, address, s.UserCount)
	return s, err
}

// shutDown deletes the sessions of this program, even if ctx is done.
func shutDown(ctx context.Context, client *sessions.Client, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	stopped, err := client.BulkStop(ctx, sessions.StopByID(ids...))
	if err != nil {
		return err
	}
	left, err := client.List(ctx, sessions.ListOptions{})
	if err != nil {
		return err
	}
	fmt.Printf("stopped: %d, left: %d\n", len(stopped), len(left.Sessions))
	return nil
}

func ips(users []sessions.User) string {
	list := make([]string, len(users))
	for i, u := range users {
		list[i] = u.IP
	}
	return strings.Join(list, ", ")
}

// rateLimitLog prints the 429s that the client waits out.
type rateLimitLog struct{ http.RoundTripper }

func (t rateLimitLog) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err == nil && response.StatusCode == http.StatusTooManyRequests {
		fmt.Printf("rate limited for at least %s s\n", response.Header.Get("Retry-After"))
	}
	return response, err
}
