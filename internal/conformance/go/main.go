// The main job through the wrapper over the generated client: create, wait,
// read where to connect, move players in and out, list, delete, stop in bulk,
// and read errors.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"slices"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

const (
	webhookURL          = "http://localhost:1/hook?match=m-1042"
	latitude, longitude = 45.50171234567, -73.56731234567
)

func main() {
	log.SetFlags(log.Lshortfile)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	base := os.Getenv("EDGEGAP_BASE_URL")
	if base == "" {
		base = "http://localhost:8080"
	}
	client := must(sessions.NewFromEnv(sessions.WithBaseURL(base)))
	poll := sessions.PollEvery(100*time.Millisecond, 100*time.Millisecond)

	_, err := must(sessions.New("wrong", sessions.WithBaseURL(base))).List(ctx, sessions.ListOptions{})
	check(refusal(err, sessions.ErrUnauthorized))

	created := must(client.Create(ctx, sessions.CreateRequest{
		AppName:     "space-arena",
		VersionName: "1.4.2",
		IPList:      []string{"203.0.113.10"},
		GeoIPList:   []sessions.GeoIP{{IP: "198.51.100.20", Latitude: latitude, Longitude: longitude}},
		Filters:     []sessions.LocationFilter{{Field: "country", Values: []string{"Canada"}, FilterType: sessions.FilterAny}},
		Selectors:   []sessions.Selector{{Tag: "ranked", Env: sessions.Env{Key: "MATCH_ID", Value: "m-1042"}}},
		WebhookURL:  webhookURL,
	}))
	check(created.App == "space-arena" && created.Version == "1.4.2" && created.WebhookURL == webhookURL)
	check(created.Selectors[0].Env.Value == "m-1042")
	id := created.SessionID

	session := must(client.WaitReady(ctx, id, poll))
	check(session.Status == sessions.StatusReady && session.Kind == sessions.KindSeat && session.Linked && session.Error == "")
	check(session.UserCount == 2 && session.AppVersion > 0 && session.Elapsed >= 0)
	must(sessions.CreatedAt(session))
	located := session.SessionUsers[slices.IndexFunc(session.SessionUsers, func(u sessions.User) bool { return u.IP == "198.51.100.20" })]
	check(*located.Latitude == latitude && *located.Longitude == longitude)
	deployment := session.Deployment
	check(deployment.Ready && !deployment.WhitelistingActive && deployment.Location.Country == "Canada")
	check(slices.Equal(deployment.Tags, []string{"ranked"}) && deployment.SocketsUsage == 2)
	port := deployment.Ports["gameport"]
	check(port.Link == fmt.Sprintf("%s:%d", deployment.FQDN, port.External) && port.Internal == 7777)

	check(len(must(client.Users(ctx, id))) == 2)
	check(len(must(client.AddUsers(ctx, id, "2001:db8::30"))) == 3)
	fewer := must(client.RemoveUsers(ctx, id, "203.0.113.10"))
	check(len(fewer) == 2 && fewer[0].IP == "198.51.100.20" && fewer[1].IP == "2001:db8::30")
	var crowd []string
	for i := range 20 {
		crowd = append(crowd, fmt.Sprintf("192.0.2.%d", i))
	}
	_, err = client.AddUsers(ctx, id, crowd[0], crowd[1:]...)
	check(refusal(err, sessions.ErrUnprocessable))

	second := must(client.Create(ctx, sessions.CreateRequest{
		AppName: "space-arena", IPList: []string{"192.0.2.1"}, DeploymentRequestID: deployment.RequestID,
	}))
	check(second.DeploymentRequestID == deployment.RequestID)
	check(must(client.WaitReady(ctx, second.SessionID, poll)).Deployment.RequestID == deployment.RequestID)

	first := must(client.List(ctx, sessions.ListOptions{Limit: 1}))
	check(len(first.Sessions) == 1 && first.Total == 2 && first.Next == 2)
	seen := map[string]string{}
	for summary, err := range client.All(ctx, sessions.ListOptions{Limit: 1}) {
		check(err == nil)
		seen[summary.SessionID] = summary.WebhookURL
	}
	_, listed := seen[second.SessionID]
	check(len(seen) == 2 && listed && seen[id] == webhookURL)

	deleted := must(client.Delete(ctx, id))
	check(deleted.SessionID == id && deleted.Message != "")
	_, err = client.Delete(ctx, id)
	check(refusal(err, sessions.ErrNotFound) || refusal(err, sessions.ErrGone))

	stopped := must(client.BulkStop(ctx, sessions.StopDeployments(deployment.RequestID), sessions.StopIDs(second.SessionID, id)))
	check(slices.Equal(stopped, []string{second.SessionID}))

	fmt.Println("Go: players connected to", port.Link)
}

// refusal is whether a call failed as it should, with the contract's Error.
func refusal(err, kind error) bool {
	var e *sessions.Error
	return errors.As(err, &e) && e.Message != "" && errors.Is(err, kind)
}

func must[T any](answer T, err error) T {
	if err != nil {
		log.Output(2, err.Error())
		os.Exit(1)
	}
	return answer
}

func check(holds bool) {
	if !holds {
		log.Output(2, "not as it should be")
		os.Exit(1)
	}
}
