// Package sessions is a client for the Edgegap Sessions API: it seats players on
// game servers at the edge. It is unofficial: not made, endorsed or supported by
// Edgegap.
//
//	client, err := sessions.NewFromEnv() // EDGEGAP_API_KEY
//	...
//	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{
//		AppName: "arena", VersionName: "1.4.0",
//		IPList: []string{"203.0.113.7", "198.51.100.23"},
//	})
//	...
//	address, err := sessions.Endpoint(s, "gameport") // where the players connect
//	...
//	_, err = client.Delete(ctx, s.SessionID) // when the match is over
//
// [Client.CreateAndWait] deletes a session that it cannot hand over ready. Delete
// one that was handed over, also when its players never come: it takes up seats.
//
// For tests there is a fake of the whole API in memory,
// [github.com/edgegap-community/edgegap/sessions/sessionstest].
//
// Of the facts about the API, those marked seen come from real traffic, those
// marked inferred from other facts, and those marked unknown nobody outside the
// vendor knows; what bears no mark is documented by the vendor.
//
// # Errors
//
// Every failure of a call is an [*Error], with the status, if there was an answer,
// and what the server said. What it means is asked with [errors.Is]. An error may
// be several of these at once; then the one further up counts:
//
//   - [ErrNotDeleted]: a session of CreateAndWait is left behind. Delete it later;
//     it is returned beside the error.
//   - [ErrOutcomeUnknown]: the call may have been carried out. Do not simply call
//     again: see Perhaps created.
//   - [*FailedError], by [errors.As]: the session will not become ready. Another
//     region or version may have room.
//   - ctx.Err(), and the cause with which the context was cancelled: it ended.
//   - [ErrInvalidArgument]: nothing was sent. Mend what the text names.
//   - [ErrBadRequest], [ErrForbidden], [ErrConflict]: the API refuses. Mend the
//     request; Message tells why.
//   - [ErrUnauthorized]: check the key.
//   - [ErrNotFound], [ErrGone]: there is no such session, and nothing to clean up. If
//     even a list is not found, the base URL is wrong.
//   - [ErrUnprocessable]: no socket is free for a player (inferred). Create another
//     session.
//   - [ErrRateLimited]: call later and slower: see Pacing.
//   - [ErrServer], an error of the network, or context.DeadlineExceeded though ctx
//     goes on: call later.
//   - [ErrBadResponse]: look at what stands between you and the API, such as a proxy
//     or a login page.
//   - [ErrResponseTooLarge]: ask for smaller pages.
//
// Any other status is told by StatusCode alone; so is a redirect, which is never
// followed.
//
// # Perhaps created
//
// A Create, BulkStop, AddUsers or RemoveUsers that fails after it was sent, by a
// reset, a deadline, an unreadable answer or a 5xx, may have been carried out.
// Its error is [ErrOutcomeUnknown], and an error that is not means that nothing
// was done, as far as the status can be believed. The API has no idempotency key.
// To find out what became of a create, give each a webhook URL of its own, which
// the list shows, whether anything listens there or not:
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
// before you create another. What became of AddUsers and RemoveUsers is told by
// Users, and of BulkStop by the list.
//
// # Retries
//
// A call is tried up to three times (see [WithRetry]) where that cannot do harm:
//
//   - Get, Users, List and All after a refused or reset connection, a cut body, a
//     429, 502, 503 or 504.
//   - Delete after the same; a 404 or 410 after a retry counts as done.
//   - Create, BulkStop, AddUsers and RemoveUsers after a 429, or when there was
//     no connection: nothing was done, or nothing was sent.
//
// An attempt that met its own deadline ([WithTimeout]) is not tried again, nor one
// that met a server which is not trusted or does not speak TLS. The waits between
// attempts are random, up to 500 ms and then up to 1 s. Retry-After is honoured, in
// seconds or as a date. A wait of more than a minute, or past the deadline of the context, is not
// begun: the API's error comes back at once.
//
// A 429 that says when to come back uses up no attempt, and holds every call of the
// client until then, each for at most a minute in all. Then they go in turn:
// sixteen at once, the others 64 a second.
//
// # Time
//
// Give every call a context with a deadline, as attempts and pauses may add up to
// minutes. A cancel is obeyed at once, in a pause too.
//
//   - An attempt has 30 s ([WithTimeout]), so a silent server costs that.
//   - [Client.WaitReady] reads at once, and then every 500 ms growing to 5 s
//     ([PollEvery]). It gives up after 10 minutes if the context has no deadline.
//   - [Client.CreateAndWait] may take 10 s more than its context allows, to delete a
//     session that it cannot hand over.
//
// # Pacing
//
// No limit is documented for sessions. For siblings of these calls the vendor
// documents limits of an organization: 40 deploys, 10 to 20 reads of a deployment's
// status and 10 lists a second. To stay below such a rate, before a 429 enforces
// it, give the client a limiter ([WithLimiter]): one for all clients of a process,
// with a share of the rate where there are several processes.
//
// # Paging
//
// [Client.All] walks every page, and [Client.List] reads one. The order is unknown,
// and sessions that come and go meanwhile may be missed or met twice. The number
// of the next page is the server's word, and the vendor's own example of it
// contradicts itself: a number that is not greater than the present page's, or
// that follows an empty page, is [ErrBadResponse], so that no walk goes in circles.
//
// # Webhooks
//
// Give a create the URL that [WebhookURL] makes, and serve [Client.WebhookHandler]
// there. A webhook is a hint: the handler takes the session's id from it, reads the
// session through the API, and hands what it read to each WaitReady of the same
// client for it, and to your function. Webhooks may never come, so WaitReady reads
// on without them.
//
// # Logs
//
// This package logs nothing without [WithLogger], and with it one record for every
// attempt: the call's name, the number of the attempt, the status, how long it took and how
// long it is until the next. For spans and metrics there are [WithTransport] and
// [Operation].
//
// # Secrets
//
// The API key is sent to the scheme, host and port of the base URL and nowhere else.
// No error of a call and no log record shows it, nor does a print of a [Client] in
// any form; where a server repeats it in a refusal, it is masked. A server that
// repeats half of it, or hides it in an encoding such as base64, is not seen
// through. IP addresses of players are in no log record and no error text. They are
// in the fields that hold what the server said: Message and Body of an [Error], and
// the users of a [Session].
//
// The secret of a webhook is in a URL that the API stores and shows in its lists.
//
// # What is unknown
//
// The client is safe under either answer to these:
//
//   - Whether a session that is gone is a 404 or a 410. CreateAndWait, a retried
//     Delete and the webhook handler take both as gone.
//   - Whether a 429 says when to come back. One that does not is an ordinary failed
//     attempt.
//   - How statuses are spelled. WaitReady goes by Ready, and reads failures by
//     [StatusIs], in either spelling. Statuses, kinds and fields that this package
//     does not know pass.
//   - Whether Error and Unprocessable are final. WaitReady takes them as final
//     (inferred).
//   - Whether what has no value is null or absent. Both read as empty, zero, false
//     or nil.
//   - What a create does for a deployment that is full. An error, or a session that
//     ends Unprocessable: CreateAndWait leaves nothing behind.
//   - What AddUsers and RemoveUsers do with an address that is there already, or is
//     not there. The users after the change, or an error, are the API's word.
//   - What a bulk stop without filters or values stops. It is never sent.
//   - Whether webhooks are signed, sent again, and which of two bodies they have. Only
//     the id is taken from them, and both bodies have it.
package sessions
