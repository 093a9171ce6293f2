// Command sessions creates a session, waits until it is ready and deletes it.
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
	c, err := sessions.NewFromEnv()
	if err != nil {
		return err
	}
	s, err := c.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
	if err != nil {
		return err
	}
	address, err := sessions.Endpoint(s, "")
	if err != nil {
		return err
	}
	fmt.Println(address)
	_, err = c.Delete(ctx, s.SessionID)
	return err
}
