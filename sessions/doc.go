// Package sessions is a client for the Edgegap Sessions API: it seats players on
// game servers at the edge. It is unofficial.
//
//	client, err := sessions.NewFromEnv() // EDGEGAP_API_KEY
//	...
//	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{
//		AppName: "arena", VersionName: "1.4.0",
//		IPList: []string{"203.0.113.7", "198.51.100.23"},
//	})
//	...
//	address, err := sessions.Endpoint(s, "gameport") // where the players connect
//
// For tests there is package sessionstest, a fake of the whole API in memory.
//
// # Failures
//
// Every failure of a call is an [*Error], which holds the status, if there was
// one, and what the server said. What it means is asked with [errors.Is]:
// ErrNotFound, ErrRateLimited and so on. A session that ended without becoming
// ready is a [*FailedError] of WaitReady and CreateAndWait. A call that was cancelled is also
// ctx.Err() and its cause. Error texts and log records hold neither the API key
// nor players' IP addresses.
//
// # Retries
//
// A call is tried up to three times (see [WithRetry]) where that cannot do harm:
//
//   - Get, Users, List and All after a refused or reset connection, a cut body, a
//     429, 502, 503 or 504.
//   - Delete after the same; a 404 or 410 after a retry counts as done.
//   - Create, BulkStop, AddUsers and RemoveUsers after a 429, or when there was
//     no connection: nothing was sent, or nothing was done.
//
// An attempt that met its own deadline ([WithTimeout]) is not tried again.
// Retry-After is honoured. A 429 that says when to come back uses up no attempt
// and holds every call of the client until then, for at most a minute in all;
// then they go in turn. A wait of more than a minute, or past the deadline of the context, is not begun:
// the API's error comes back at once.
//
// # Perhaps created
//
// A Create, BulkStop, AddUsers or RemoveUsers that fails after it was sent, by a
// reset, a deadline, an unreadable answer or a 5xx, may have been carried out.
// Its error is [ErrOutcomeUnknown], and an error that is not means that nothing
// was done, as far as the status can be believed. The API has no idempotency key. To find out what became of a
// create, give each a webhook URL of its own, which the list shows:
//
//	r.WebhookURL = "https://match.example.com/hook?match=" + matchID
//	_, err := client.Create(ctx, r)
//	if errors.Is(err, sessions.ErrOutcomeUnknown) {
//		for s, err := range client.All(ctx, sessions.ListOptions{}) {
//			// err: ask again later
//			// s.WebhookURL == r.WebhookURL: it was created, as s.SessionID
//		}
//	}
//
// A create that was still under way may appear a little later, so look again
// before you create another.
package sessions
