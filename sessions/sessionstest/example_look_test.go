package sessionstest_test

import (
	"fmt"
	"log"
	"regexp"
	"slices"

	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func ExampleServer_Sessions() {
	srv := sessionstest.NewServer()
	defer srv.Close()
	client := srv.Client()
	var ids []string
	for range 3 {
		created, err := client.Create(ctx, arena)
		if err != nil {
			log.Fatal(err)
		}
		ids = append(ids, created.SessionID)
	}

	// The code under test forgets one of three.
	if _, err := client.BulkStop(ctx, sessions.StopIDs(ids[:2]...)); err != nil {
		log.Fatal(err)
	}
	for _, s := range srv.Sessions() {
		fmt.Println("leaked:", s.AppName, s.Status, "with", len(s.IPs), "players")
	}
	// Output: leaked: arena Initializing with 2 players
}

func ExampleServer_Requests() {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()
	if _, err := seat(ctx, srv.Client(), "203.0.113.7"); err != nil {
		log.Fatal(err)
	}

	for _, r := range srv.Requests() {
		fmt.Println(r.Operation, r.Status, r.Body)
	}
	// Output:
	// session-post 200 {"app_name":"arena","ip_list":["203.0.113.7"]}
	// get-session 200
}

// What a test usually asks: was it called?
func ExampleRequest() {
	srv := sessionstest.NewServer()
	defer srv.Close()
	client := srv.Client(sessions.WithUserAgent("matchmaker/1.4"))
	if _, err := client.List(ctx, sessions.ListOptions{Page: 2, Limit: 100}); err != nil {
		log.Fatal(err)
	}

	deletes := func(r sessionstest.Request) bool { return r.Operation == "session-delete" }
	fmt.Println("deleted:", slices.ContainsFunc(srv.Requests(), deletes))
	list := srv.Requests()[0]
	fmt.Println(list.Method, list.Path, list.Query)
	fmt.Println(list.Header.Get("User-Agent")[:14], "with key", list.Header.Get("Authorization"), list.KeyAccepted)
	// Output:
	// deleted: false
	// GET /v1/sessions page=2&limit=100
	// matchmaker/1.4 with key  true
}

// steady takes out of a log what the output of an example can't have: times, and
// spaces at the end of a line.
func steady(text string) string {
	text = regexp.MustCompile(`\d+\.\d{3}s`).ReplaceAllString(text, "0.000s")
	return regexp.MustCompile(`(?m) +$`).ReplaceAllString(text, "")
}

func ExampleServer_String() {
	srv := sessionstest.NewServer(sessionstest.WithReadyAfter(0))
	defer srv.Close()
	if _, err := seat(ctx, srv.Client(), "203.0.113.7"); err != nil {
		log.Fatal(err)
	}

	fmt.Print(steady(srv.String()))
	// Output:
	// 2 requests
	//   0.000s  session-post  POST /v1/session                200
	//   0.000s  get-session   GET /v1/session/2ac77b5af679-S  200
	// 1 session
	//   0.000s  2ac77b5af679-S  arena v1  1 player  Ready on 2ccdfb9482a2
	// 1 deployment
	//   2ccdfb9482a2  arena v1  Montréal  1 of 10 sockets  ready true, joinable true, tags []
	// 0 webhooks
}

// fakeT is a test that failed, for an example that is none.
type fakeT struct {
	failed bool
	ends   []func()
	logged []string
}

func (t *fakeT) Cleanup(f func()) { t.ends = append(t.ends, f) }
func (t *fakeT) Failed() bool     { return t.failed }
func (t *fakeT) Log(words ...any) { t.logged = append(t.logged, fmt.Sprint(words...)) }
func (t *fakeT) end(failed bool) {
	t.failed = failed
	for _, f := range slices.Backward(t.ends) {
		f()
	}
}

func ExampleWithT() {
	t := &fakeT{} // in a test the *testing.T
	srv := sessionstest.NewServer(sessionstest.WithT(t))
	if _, err := srv.Client().Create(ctx, arena); err != nil {
		log.Fatal(err)
	}

	t.end(true) // the test fails
	fmt.Print(steady(t.logged[0]))
	// Output:
	// the fake API saw and has:
	// 1 request
	//   0.000s  session-post  POST /v1/session  200
	// 1 session
	//   0.000s  2ac77b5af679-S  arena v1  2 players  Initializing
	// 0 deployments
	// 0 webhooks
}
