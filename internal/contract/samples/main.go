// Command samples makes the eight calls. The HTML page shows what stands between its markers.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/edgegap-community/edgegap/sessions"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	// setup
	client, err := sessions.NewFromEnv() // EDGEGAP_API_KEY
	if err != nil {
		return err
	}
	// end

	// session-post
	created, err := client.Create(ctx, sessions.CreateRequest{
		AppName:     "space-arena",
		VersionName: "1.4.2",
		IPList:      []string{"203.0.113.10", "198.51.100.20"},
		WebhookURL:  "https://matchmaker.example.com/edgegap?match=m-1042",
	})
	if err != nil {
		return err
	}
	sessionID := created.SessionID
	// end

	// get-session
	session, err := client.WaitReady(ctx, sessionID) // Get reads once
	if err != nil {
		return err
	}
	address, err := session.Endpoint("gameport")
	if err != nil {
		return err
	}
	fmt.Println("players connect to", address)
	// end

	// put-users-session
	users, err := client.AddUsers(ctx, sessionID, "2001:db8::30")
	if err != nil {
		return err
	}
	fmt.Println(len(users), "users")
	// end

	// delete-users-session
	users, err = client.RemoveUsers(ctx, sessionID, "2001:db8::30")
	if err != nil {
		return err
	}
	fmt.Println(len(users), "users")
	// end

	// get-users-session
	users, err = client.Users(ctx, sessionID)
	if err != nil {
		return err
	}
	for _, user := range users {
		fmt.Println(user.IP)
	}
	// end

	// list-sessions
	for item, err := range client.All(ctx, sessions.ListOptions{}) { // all pages
		if err != nil {
			return err
		}
		fmt.Println(item.SessionID, item.Status)
	}
	// end

	// session-delete
	if err := client.Delete(ctx, sessionID); err != nil { // nil if the session is already gone
		return err
	}
	// end

	// sessions-bulk-stop
	stopped, err := client.BulkStop(ctx, sessions.StopByID("950dd2eaff09-S", "0c61b7d94e2a-S"))
	if err != nil {
		return err
	}
	fmt.Println(len(stopped), "sessions stopped")
	// end
	return nil
}
