package sessionstest

import (
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// Fault is something that goes wrong with one call, several, or a share of
// them. The zero value goes well, but takes its turn.
type Fault struct {
	// Operation is the contract's name of the call: session-post, get-session,
	// session-delete, get-users-session, put-users-session, delete-users-session,
	// list-sessions or sessions-bulk-stop. "" is any request.
	Operation string

	// Times is for how many requests; 0 is one, or, with a Share, all until
	// ForgetFaults. A retry takes one up, so that a call that is tried three times
	// fails for a 503 only if that comes three times. A call that is not retried
	// leaves the rest.
	Times int

	// Share, above 0 and at most 1, has the fault strike that share of the requests
	// it is for, drawn by the server's seed; with 1 the API is down. 0: each.
	Share float64

	// Delay comes before anything else. It ends early when the caller gives up,
	// and then nothing is done.
	Delay time.Duration

	// Status, 200 to 599, is answered in place of what the API would answer; 0:
	// the API's own. Body is then what it holds, "" for the API's error body.
	// Headers are added to either, such as Retry-After.
	Status  int
	Headers map[string]string // such as "Retry-After": "30"
	Body    string            // said to be JSON if it begins with { or [

	// Slow is how long the answer's body takes to arrive, in pieces. 0: at once.
	Slow time.Duration

	// Break is what happens to the answer on its way: "reset" (the connection,
	// before any of it arrives), "stall" (it never comes), "cut" (in the middle)
	// or "garble" (it is JSON no more); "": nothing.
	Break string

	// Done has the call carried out before a Status or a reset, which otherwise
	// come instead of it. What is stalled, cut or garbled without a Status is the
	// answer to a call that was carried out.
	Done bool
}

// FailNext plans faults, behind those planned already. Each call of the API
// takes the first that is for its operation and strikes. A fault that makes no
// sense, such as an unknown operation or a status that is not 200 to 599, is a
// panic that names the field, and none is planned.
func (s *Server) FailNext(faults ...Fault) {
	planned := make([]emulator.Fault, len(faults))
	for i, f := range faults {
		planned[i] = emulator.Fault(f)
	}
	if err := s.emulator.FailNext(planned...); err != nil {
		panic(ours(err))
	}
}

// ForgetFaults takes back every planned fault that has not struck yet, and
// returns them: none, when a test's faults have all struck. Of one that struck
// some of its Times the others are left; one with a Share and no Times is always
// left.
func (s *Server) ForgetFaults() []Fault {
	return convert(s.emulator.ForgetFaults(), func(f emulator.Fault) Fault { return Fault(f) })
}
