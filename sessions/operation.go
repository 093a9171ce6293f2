package sessions

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/edgegap-community/edgegap/api"
)

// operation is one of the eight calls of the contract.
type operation struct {
	name   string // the contract's operationId
	method string
	path   string
	// repeat says that the call may be sent again although an earlier attempt
	// may have been carried out.
	repeat bool
	// limit caps the body of a success, in bytes, after decompression.
	limit int64
	// check decodes the body of a success and keeps nothing of it.
	check func(io.Reader) error
}

const (
	mebibyte  = 1 << 20
	pageLimit = 32 * mebibyte
)

var (
	sessionPost        = &operation{"session-post", http.MethodPost, "/v1/session", false, mebibyte, check[Created]}
	getSession         = &operation{"get-session", http.MethodGet, "/v1/session/{session_id}", true, mebibyte, check[Session]}
	sessionDelete      = &operation{"session-delete", http.MethodDelete, "/v1/session/{session_id}", true, mebibyte, check[Deleted]}
	getUsersSession    = &operation{"get-users-session", http.MethodGet, "/v1/session/{session_id}/users", true, mebibyte, check[api.SessionUserContext]}
	putUsersSession    = &operation{"put-users-session", http.MethodPut, "/v1/session/{session_id}/users", false, mebibyte, check[api.SessionUserContext]}
	deleteUsersSession = &operation{"delete-users-session", http.MethodDelete, "/v1/session/{session_id}/users", false, mebibyte, check[api.SessionUserContext]}
	listSessions       = &operation{"list-sessions", http.MethodGet, "/v1/sessions", true, pageLimit, check[api.Sessions]}
	sessionsBulkStop   = &operation{"sessions-bulk-stop", http.MethodPost, "/v1/sessions/bulk-stop", false, mebibyte, check[api.SessionBulkStopResponse]}

	operations = []*operation{
		sessionPost, getSession, sessionDelete, getUsersSession,
		putUsersSession, deleteUsersSession, listSessions, sessionsBulkStop,
	}
)

func check[T any](r io.Reader) error { return decode(r, new(T)) }

// route finds the operation of a request below base, and its session id.
func route(base *url.URL, req *http.Request) (op *operation, id string, ok bool) {
	path, ok := strings.CutPrefix(req.URL.EscapedPath(), strings.TrimSuffix(base.EscapedPath(), "/"))
	if !ok || req.URL.Scheme != base.Scheme || req.URL.Host != base.Host || (req.Host != "" && req.Host != base.Host) {
		return nil, "", false
	}
	if rest, ok := strings.CutPrefix(path, "/v1/session/"); ok {
		escaped, tail, users := strings.Cut(rest, "/")
		path = "/v1/session/{session_id}"
		if users {
			path += "/" + tail
		}
		var err error
		if id, err = url.PathUnescape(escaped); err != nil || id == "" {
			return nil, "", false
		}
	}
	for _, op := range operations {
		if op.method == req.Method && op.path == path {
			return op, id, true
		}
	}
	return nil, "", false
}

type operationKey struct{}

// Operation tells which call of the contract a request belongs to, such as
// "get-session", given the context that a transport of [WithTransport] finds on
// the request. It is a route name for spans and metrics: it holds no id. It is
// empty for a context that is not of this package's requests.
func Operation(ctx context.Context) string {
	if op, ok := ctx.Value(operationKey{}).(*operation); ok {
		return op.name
	}
	return ""
}
