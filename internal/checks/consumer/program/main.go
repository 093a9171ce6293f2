// Program is what the check of the consumer builds: the main job, in a test of
// somebody who imports this module.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func main() {
	server := sessionstest.NewServer()
	defer server.Close()
	s, err := server.Client().CreateAndWait(context.Background(), sessions.CreateRequest{
		AppName: "arena", IPList: []string{"203.0.113.7"},
	})
	if err != nil {
		log.Fatal(err)
	}
	address, err := sessions.Endpoint(s, "gameport")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("players connect to", address)
}
