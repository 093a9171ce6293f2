// Package sessionstest is a fake of the Edgegap Sessions API for the tests of a
// backend, in the manner of net/http/httptest:
//
//	srv := sessionstest.NewServer() // opens no socket
//	defer srv.Close()
//	client := srv.Client() // a *sessions.Client for the code under test
//
// It keeps state as the API does. A session passes from Initializing over
// Seeking and Waiting to Ready in two seconds, has an address on a deployment
// whose sockets it takes up, and is gone after its delete. Any key, app and
// version will do, until [WithKey] and [WithApp] say which there are.
//
// # Time
//
// In a testing/synctest bubble time is virtual, and waiting takes none:
//
//	func TestSeat(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) {
//			srv := sessionstest.NewServer(sessionstest.WithT(t)) // closed with the test
//			address, err := seat(t.Context(), srv.Client(), "203.0.113.7")
//			...
//		})
//	}
//
// Make the server, its clients and what uses them inside the bubble. Without
// one, have sessions Ready at once with WithReadyAfter(0), or move them with
// [Server.SetStatus], and wait for webhooks with [Server.WaitWebhooks]: no test
// has to sleep.
//
// # A socket
//
// [Server.Client] and [Server.Transport] work in memory. [Server.URL] is the
// same server on a loopback port of its own, for a program or another language;
// not in a bubble, whose time stands still while something waits for a socket.
//
// # When things go wrong
//
// [Server.FailNext] plans a [Fault] for the next calls, or for a share of them:
// a status such as 429, a delay, a broken connection, before or after the call
// was carried out. A session fails if its app version FailsToStart, if it needs
// more sockets than there are, by [Server.SetStatus], and when
// [Server.EndDeployment] takes its deployment away.
//
// # Looking inside
//
// [Server.Sessions] are those that nobody deleted: what a test leaked.
// [Server.Requests], [Server.Deployments] and [Server.Webhooks] tell the rest,
// and [WithT] has all of it in the log of a test that fails.
//
// # What is not known
//
// The fake follows what is documented, seen or inferred; a test that passes has
// not met the API. Where nobody outside the vendor knows what the API does, a
// field of [Unknown] decides: test what matters to you under each answer.
package sessionstest
