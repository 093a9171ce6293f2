package sessionstest

import "time"

// Unknown has a field for each thing about the API that nobody outside the
// vendor knows, or that is only inferred. The zero value is the fake's best
// guess. An int that is an answer is its HTTP status: 0 is the default named,
// 200 takes the call. The reasons for the defaults are in docs/emulator.md.
type Unknown struct {
	UnknownApp     int // a create for an app or version that is not there; default 400
	SessionlessApp int // a create for KindDefault; default 400; 200: the session ends Unprocessable
	UnknownField   int // a property that the contract doesn't have; default 200: ignored
	UnknownSession int // a session that never was; default 404
	DeletedSession int // one that was deleted; default 410 for a second delete while it is Terminating, then 404
	FullDeployment int // a create for a deployment without room, not joinable, or not there; default 200: the session ends Unprocessable
	NoSocket       int // more users than free sockets; default 422
	DuplicateIP    int // a user who is there already; default 200: counted once
	UnknownIP      int // to remove a user who is not there; default 200: nothing happens
	EmptyIPList    int // to create with, add or remove an empty list; default 200: nobody
	EmptyFilters   int // a bulk stop without filters; default 400; 200 stops every session
	PageBeyondEnd  int // a page past the last; default 200: an empty one

	DefaultLimit    int  // sessions on a page when no limit is asked for; default 10
	MaxLimit        int  // the most sessions on a page, whatever is asked for; 0: no maximum
	NewestFirst     bool // the order of the list; default oldest first
	ListTerminating bool // deleted sessions stay in the list until they are gone

	LinkedWhileWaiting bool // linked is true, and a webhook sent, before the deployment is up
	LinkedStatus       bool // the status Linked in place of Waiting; linked is then true
	LinkedWhileDeleted bool // linked is true while Terminating
	ReadyWhileDeleted  bool // a session that was ready stays so while Terminating
	LongNames          bool // Status.READY and SEATS instead of Ready and Seat
	Nulls              bool // optional fields without a value are null instead of absent
	NoErrorText        bool // a session that failed does not say why

	ChangedUsersOnly bool          // adding and removing users are answered with those that changed; default those there are then
	AnyFilter        bool          // a bulk stop takes what passes any of its filters; default what passes all
	BulkStopTakes    time.Duration // how long sessions live on after a bulk stop; default not
	EndedStatus      string        // of the sessions of a deployment that ended: "Error", the default, "Unprocessable" or "Terminating"

	FullWebhook    bool              // a webhook's body is that of a get; default an item of the list
	WebhookRetries int               // how often a webhook not answered with 2xx is sent again, after a second; default not
	WebhookTimeout time.Duration     // how long a receiver may take; default 10 s
	WebhookHeaders map[string]string // sent with a webhook beside the content type
}
