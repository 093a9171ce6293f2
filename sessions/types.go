package sessions

import (
	"strings"

	"github.com/edgegap-community/edgegap/api"
)

// The models of the contract under the names a Go reader expects. They are
// aliases: a value from the generated client is the same value here. Package api
// is generated from openapi.yaml and tells of each field more than these lists,
// and how sure it is; what bears no mark is documented by the vendor. A test
// keeps the lists as the fields are.
type (
	// CreateRequest asks for a session. What is left empty is not sent.
	// [api.SessionModel] tells its fields in full:
	//
	//	AppName     string // required
	//	VersionName string // may be left out (seen); which version is taken then is unknown
	//
	//	IPList        []string  // the players, IPv4 or IPv6: the server looks for a place near them
	//	GeoIPList     []GeoIP   // players whose place is known better than by their address
	//	Location      *Location // a place to be near to (inferred)
	//	SkipTelemetry bool      // choose the place without measuring the way to the players (inferred)
	//
	//	City, Country, Continent, AdministrativeDivision, Region string // where to be (inferred)
	//
	//	Filters             []LocationFilter // where a deployment may be
	//	Selectors           []Selector       // tags that it must have, and variables for a new one
	//	DeploymentRequestID string           // one to link to, instead of a search; if it is full: unknown
	//
	//	WebhookURL string // http or https; shown in the list, so a unique one tells whether a create was done
	CreateRequest = api.SessionModel

	// Created is the answer to Create. It has no status: Get and WaitReady have.
	// [api.SessionRequest] tells its fields in full:
	//
	//	SessionID           string // opaque; those seen are 12 hexadecimal digits and "-S"
	//	App, Version        string // the names of the app and of its version
	//	DeploymentRequestID string // of the request (inferred)
	//	Selectors           []Selector
	//	WebhookURL          string
	//	CustomID            string // of another API of the vendor; normally empty (inferred)
	Created = api.SessionRequest

	// Session is a session as Get and WaitReady read it. [api.SessionGet] tells
	// its fields in full:
	//
	//	SessionID    string
	//	Status       string      // an open set of two spellings: see StatusIs
	//	Ready        bool        // players may connect: the safe test of success
	//	Linked       bool        // a deployment is linked to it
	//	Kind         string      // how sockets are counted: KindSeat and so on
	//	Error        string      // what went wrong, when the status is Error (inferred)
	//	Deployment   *Deployment // nil until it is known (inferred); see Endpoint
	//	SessionUsers []User      // the players
	//	SessionIPs   []User      // how they differ from SessionUsers is unknown
	//	UserCount    int64
	//	AppVersion   int64  // the id of the app version: a number, not its name
	//	CreateTime   string // no RFC 3339: see CreatedAt
	//	Elapsed      int64  // seconds since then (inferred)
	//	WebhookURL   string // of the request
	//	CustomID     string // of another API of the vendor; normally empty (inferred)
	Session = api.SessionGet

	// Summary is a session as List and All read it. Its fields mean what those of
	// [Session] mean:
	//
	//	SessionID           string
	//	Status              string
	//	Ready, Linked       bool
	//	Kind                string
	//	UserCount           int64
	//	DeploymentRequestID string // the RequestID of its deployment, once it is known
	//	WebhookURL          string
	//	CustomID            string
	Summary = api.SessionContext

	// Deleted is the answer to Delete:
	//
	//	SessionID string
	//	Message   string // a sentence for people
	//	CustomID  string // of another API of the vendor; normally empty (inferred)
	Deleted = api.SessionDelete

	// User is a player of a session:
	//
	//	IP                  string   // IPv4 or IPv6: personal data
	//	Latitude, Longitude *float64 // degrees; nil when the server does not know them
	User = api.SessionUser

	// GeoIP is a player whose place the caller knows:
	//
	//	IP                  string
	//	Latitude, Longitude float64 // degrees north and east
	GeoIP = api.GeoIPListModel

	// Location is a place to be near to:
	//
	//	Latitude, Longitude float64 // degrees north and east
	Location = api.LocationModel

	// LocationFilter narrows where a deployment may be:
	//
	//	Field      string         // city, country, continent, region, administrative_division or location_tags (inferred)
	//	FilterType api.FilterType // FilterAny, FilterAll or FilterNot
	//	Values     []string       // at least one
	LocationFilter = api.SessionFilterModel

	// Selector asks for a deployment with a tag. One must have the tags of all
	// selectors that are not TagOnly; a deployment that is newly made for the
	// session gets the tags and the variables of all.
	//
	//	Tag     string // 1 to 20 characters
	//	TagOnly bool   // mark the deployment, without choosing among those there are
	//	Env     Env    // the zero value: none
	Selector = api.SelectorModel

	// Env is an environment variable for a deployment that is newly made; one
	// that runs already does not get it.
	//
	//	Key   string // 1 to 255 characters
	//	Value string // 1 to 1024 characters
	Env = api.SelectorEnvModel

	// StopFilter chooses sessions for BulkStop. StopIDs, StopDeployments and
	// StopTags make one.
	//
	//	Field      api.SessionBulkStopField // StopBySessionID and so on
	//	FilterType api.FilterType           // FilterAny, FilterAll or FilterNot
	//	Values     []string                 // at least one, and none empty
	StopFilter = api.SessionBulkStopFiltersPayload

	// Deployment is the game server that hosts a session, which may be half filled
	// while it is on its way. Endpoint reads its address. [api.Deployment] tells
	// its fields in full:
	//
	//	RequestID           string // its id; opaque
	//	FQDN                string // host name
	//	PublicIP            string
	//	Ports               map[string]Port // by a key that may differ from the Name inside (seen)
	//	Status              string          // an open set
	//	Ready               bool            // it is up
	//	Location            *api.DeploymentLocation
	//	Tags                []string
	//	Sockets             int64 // how many it has (inferred)
	//	SocketsUsage        int64 // how many of them are taken (inferred)
	//	IsJoinableBySession bool  // further sessions may be linked to it (inferred)
	//	WhitelistingActive  bool  // only listed addresses may connect (inferred)
	Deployment = api.Deployment

	// Port is how one port of a deployment is reached:
	//
	//	Link       string // what players connect to; its form is open: see Endpoint
	//	External   int32  // the port that players connect to
	//	Internal   int32  // the port that the game server listens on
	//	Name       string // in the app version
	//	Protocol   string // such as UDP, TCP or WS
	//	TLSUpgrade bool   // TLS is put in front of it (inferred)
	//	Proxy      int64  // documented without a meaning
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
	StopByDeploymentTags = api.SessionBulkStopFieldDeploymentTags // the tags of the session's deployment
	StopByRequestID      = api.SessionBulkStopFieldRequestID      // the RequestID of its deployment (inferred)
)

// The statuses of a session, to be compared with [StatusIs]. In answers Status is
// an open string. Whether a session can be played on is told by its field Ready,
// and not by its status.
const (
	StatusInitializing  = "Initializing"  // just taken
	StatusSeeking       = "Seeking"       // looking for a deployment with room
	StatusWaiting       = "Waiting"       // a deployment is chosen or being made, and not up yet (seen)
	StatusReady         = "Ready"         // players may connect
	StatusUnprocessable = "Unprocessable" // nothing can host it: no deployment has room and the tags, and none is made; final (inferred)
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

// The kinds of a session: how its sockets are counted. In answers Kind is an open
// string; the vendor's examples also spell SEATS, MATCH and DEFAULT.
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
// request ids. That the API's field means those is inferred.
func StopDeployments(requestIDs ...string) StopFilter {
	return StopFilter{Field: StopByRequestID, Values: requestIDs, FilterType: FilterAny}
}

// StopTags chooses the sessions whose deployment has any of these tags.
func StopTags(tags ...string) StopFilter {
	return StopFilter{Field: StopByDeploymentTags, Values: tags, FilterType: FilterAny}
}
