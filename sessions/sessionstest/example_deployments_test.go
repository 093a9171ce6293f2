package sessionstest_test

import (
	"fmt"
	"log"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func ExampleServer_Deploy() {
	srv := sessionstest.NewServer(
		sessionstest.WithApp(sessionstest.App{Name: "arena", NoAutodeploy: true}),
		sessionstest.WithReadyAfter(0),
	)
	defer srv.Close()

	ranked, err := srv.Deploy("arena", "", "ranked")
	if err != nil {
		log.Fatal(err)
	}
	for _, tag := range []string{"ranked", "casual"} {
		s, err := srv.Client().CreateAndWait(ctx, sessions.CreateRequest{
			AppName:   "arena",
			Selectors: []sessions.Selector{{Tag: tag}},
		})
		fmt.Println(tag, s.Deployment != nil && s.Deployment.RequestID == ranked, err)
	}
	// Output:
	// ranked true <nil>
	// casual false sessions: session e8151ca30cac-S ended in Unprocessable: no deployment fits, and autodeploy is off
}

func ExampleServer_SetJoinable() {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()
	client := srv.Client()
	before, err := client.CreateAndWait(ctx, arena)
	if err != nil {
		log.Fatal(err)
	}

	// The deployment is drained: who plays there stays, nobody joins.
	if err := srv.SetJoinable(before.Deployment.RequestID, false); err != nil {
		log.Fatal(err)
	}
	after, err := client.CreateAndWait(ctx, arena)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same deployment:", before.Deployment.RequestID == after.Deployment.RequestID)
	// Output: the same deployment: false
}

func ExampleServer_EndDeployment() {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()
	client := srv.Client()
	s, err := client.CreateAndWait(ctx, arena)
	if err != nil {
		log.Fatal(err)
	}

	// In the middle of the match.
	if err := srv.EndDeployment(s.Deployment.RequestID); err != nil {
		log.Fatal(err)
	}
	s, err = client.Get(ctx, s.SessionID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Status, s.Ready, s.Deployment == nil)
	// Output: Error false true
}

func ExampleServer_Deployments() {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()
	_, err := srv.Client().CreateAndWait(ctx, sessions.CreateRequest{
		AppName: "arena",
		IPList:  []string{"203.0.113.7", "198.51.100.23"},
		Country: "Japan",
		Selectors: []sessions.Selector{
			{Tag: "ranked", Env: sessions.Env{Key: "MODE", Value: "ranked"}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}

	for _, d := range srv.Deployments() {
		fmt.Println(d.City, d.Tags, d.Env)
		fmt.Println(d.SocketsUsed, "of", d.Sockets, "sockets")
	}
	// Output:
	// Tokyo [ranked] map[MODE:ranked]
	// 2 of 10 sockets
}
