package sessions

import (
	"strings"

	"github.com/edgegap-community/edgegap/api"
)

// The models of the contract under the names a Go reader expects. They are
// aliases, so a value from the generated client is the same value here. Their
// fields are told in package api: go doc .../edgegap/api.SessionModel.
type (
	// Session is what Get answers: a session with its users and, once it is
	// linked, the deployment that they connect to.
	Session = api.SessionGet
	// Summary is a session as the list shows it.
	Summary = api.SessionContext
	// CreateRequest asks for a session. AppName is required.
	CreateRequest = api.SessionModel
	// Created is the answer to Create. It has no status: ask Get or WaitReady.
	Created = api.SessionRequest
	// Deleted is the answer to Delete.
	Deleted = api.SessionDelete
	// User is a player of a session. Its IP is personal data.
	User = api.SessionUser
	// GeoIP is a player with a known place.
	GeoIP = api.GeoIPListModel
	// Location is a place to be near to, in degrees.
	Location = api.LocationModel
	// Selector asks for a deployment with a tag of 1 to 20 characters.
	Selector = api.SelectorModel
	// Env is a variable for a deployment that is newly made: a key of 1 to 255
	// and a value of 1 to 1024 characters.
	Env = api.SelectorEnvModel
	// LocationFilter narrows where a session may be placed.
	LocationFilter = api.SessionFilterModel
	// StopFilter chooses the sessions that BulkStop ends; filters are joined by
	// AND (inferred: the vendor does not say).
	StopFilter = api.SessionBulkStopFiltersPayload
	// Deployment is the server that hosts a session. Endpoint reads its address.
	Deployment = api.Deployment
	// Port is one port of a deployment.
	Port = api.PortMapping
)

// How the values of a filter are taken.
const (
	FilterAny = api.FilterTypeAny // at least one of the values
	FilterAll = api.FilterTypeAll // every one of them
	FilterNot = api.FilterTypeNot // none of them
)

// What a StopFilter looks at.
const (
	StopBySessionID      = api.SessionBulkStopFieldSessionID
	StopByDeploymentTags = api.SessionBulkStopFieldDeploymentTags
	StopByRequestID      = api.SessionBulkStopFieldRequestID // the deployment's request id (inferred)
)

// The statuses of a session, to be compared with [StatusIs]. In answers Status is
// an open string. Whether a session can be played on is told by its field Ready,
// and not by its status.
const (
	StatusInitializing  = "Initializing"  // just taken
	StatusSeeking       = "Seeking"       // looking for a deployment with room
	StatusWaiting       = "Waiting"       // a deployment is chosen or being made, and not up yet
	StatusReady         = "Ready"         // players may connect
	StatusUnprocessable = "Unprocessable" // nothing can host it; final (inferred)
	StatusError         = "Error"         // the deployment failed; final (inferred)
	StatusTerminating   = "Terminating"   // deleted, and shortly gone
)

// StatusIs reports whether status, the Status of a [Session] or [Summary], is
// one of the constants above. They are how the API spells statuses on the wire
// (seen); the vendor's examples spell them "Status.READY" (documented). StatusIs
// knows both, in any case of letters.
func StatusIs(status, constant string) bool {
	const prefix = "status."
	if n := len(prefix); len(status) > n && strings.EqualFold(status[:n], prefix) {
		status = status[n:]
	}
	return strings.EqualFold(status, constant)
}

// The kinds of a session: what its sockets are counted by. Kind is an open
// string in answers.
const (
	KindSeat    = "Seat"    // one socket for each user
	KindMatch   = "Match"   // one socket for each session
	KindDefault = "Default" // the app version does not use sessions
)

// StopIDs chooses the sessions with any of these ids.
func StopIDs(ids ...string) StopFilter {
	return StopFilter{Field: StopBySessionID, Values: ids, FilterType: FilterAny}
}

// StopDeployments chooses the sessions on any of the deployments with these
// request ids.
func StopDeployments(requestIDs ...string) StopFilter {
	return StopFilter{Field: StopByRequestID, Values: requestIDs, FilterType: FilterAny}
}

// StopTags chooses the sessions whose deployment has any of these tags.
func StopTags(tags ...string) StopFilter {
	return StopFilter{Field: StopByDeploymentTags, Values: tags, FilterType: FilterAny}
}
