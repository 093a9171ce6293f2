package sessions

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

// Client calls the Edgegap Sessions API. [New] and [NewFromEnv] make one; the zero
// value is of no use. It is safe for concurrent use, and one is enough for a
// process: its calls share connections, and the pause that a 429 asks for. All
// that it shows of itself in a log is pointers. To change the key make another
// client; the two may share a transport.
type Client struct {
	transport *transport
	server    string // the base URL as the generated code wants it
	waiters   *waiters
}

// New returns a client that authenticates with key. White space around it and a
// leading "token ", in any case of letters, are taken off; the rest must be
// visible ASCII. A bad key and all bad options are reported at once, in an error
// that is [ErrInvalidArgument] and does not hold the key. Nothing is sent; with a
// key that the API does not know the first call is [ErrUnauthorized].
func New(key string, opts ...Option) (*Client, error) {
	s := settings{baseURL: DefaultBaseURL}
	t := &s.transport
	t.retry, t.timeout, t.agent = defaultRetry, 30*time.Second, []string{defaultAgent}
	var errs []error
	for _, opt := range opts {
		if opt == nil {
			errs = append(errs, errors.New("nil option"))
			continue
		}
		errs = append(errs, opt(&s))
	}
	key, err := cleanKey(key)
	errs = append(errs, err)
	base, err := parseBaseURL(s.baseURL, s.plainHTTP)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, invalid(nil, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	t.base, t.secret = base, newSecret(key)
	if t.next == nil {
		t.next = NewTransport()
	}
	return newClient(t), nil
}

// NewFromEnv is [New] with the key from the environment variable EDGEGAP_API_KEY,
// or from the file that EDGEGAP_API_KEY_FILE names, and the base URL from
// EDGEGAP_BASE_URL where that is set. To set both key variables, or neither, is an
// error. Options override the environment.
func NewFromEnv(opts ...Option) (*Client, error) {
	key, file := os.Getenv("EDGEGAP_API_KEY"), os.Getenv("EDGEGAP_API_KEY_FILE")
	switch {
	case key != "" && file != "":
		return nil, invalid(nil, "EDGEGAP_API_KEY and EDGEGAP_API_KEY_FILE are both set")
	case key == "" && file == "":
		return nil, invalid(nil, "neither EDGEGAP_API_KEY nor EDGEGAP_API_KEY_FILE is set")
	case file != "":
		content, err := os.ReadFile(file)
		if err != nil {
			// Not its name, which may be a key that was set by mistake.
			return nil, invalid(nil, "EDGEGAP_API_KEY_FILE: the file cannot be read: %v", errors.Unwrap(err))
		}
		key = string(content)
	}
	if base := os.Getenv("EDGEGAP_BASE_URL"); base != "" {
		opts = append([]Option{WithBaseURL(base)}, opts...)
	}
	return New(key, opts...)
}

func newClient(t *transport) *Client {
	server := t.base.String() // it has neither query nor fragment
	if !strings.HasSuffix(server, "/") {
		server += "/"
	}
	return &Client{transport: t, server: server, waiters: new(waiters)}
}

// Create asks for a session and returns at once: the session is not yet ready
// to be played on. [Client.CreateAndWait] waits for that.
//
// It is sent again only if nothing can have been done. An error that is
// [ErrOutcomeUnknown] leaves open whether the session exists.
//
// It refuses, with [ErrInvalidArgument] and before anything is sent: a missing
// AppName; what is not an IP address, or is one with a zone; coordinates that are
// not on the globe; a tag, or the key or value of a variable, that is empty or too
// long; a filter without a field or values; a webhook URL that is not http or
// https; and text that is not UTF-8.
func (c *Client) Create(ctx context.Context, r CreateRequest) (*Created, error) {
	if e := checkCreate(&r); e != nil {
		return nil, e
	}
	req, err := api.NewSessionPostRequest(c.server, r)
	return send[Created](ctx, c.transport, sessionPost, "", req, err)
}

// Get reads a session. One that never was, or is gone, is [ErrNotFound] or
// [ErrGone]: which of them is unknown. One that was just deleted may for a while
// be read as Terminating.
func (c *Client) Get(ctx context.Context, id string) (*Session, error) {
	if e := checkID(getSession, id); e != nil {
		return nil, e
	}
	req, err := api.NewGetSessionRequest(c.server, id)
	return send[Session](ctx, c.transport, getSession, id, req, err)
}

// Delete ends a session and frees its sockets. Its deployment runs on, and no
// history is kept. A session that the first attempt does not find is
// [ErrNotFound] or [ErrGone]; those who only clean up may take both as done. One
// that a later attempt does not find was deleted by an earlier one whose answer
// was lost, and counts as done.
func (c *Client) Delete(ctx context.Context, id string) (*Deleted, error) {
	if e := checkID(sessionDelete, id); e != nil {
		return nil, e
	}
	req, err := api.NewSessionDeleteRequest(c.server, id)
	deleted, err := send[Deleted](ctx, c.transport, sessionDelete, id, req, err)
	if e, ok := err.(*Error); ok && e.attempt > 1 && isGone(e) {
		return &Deleted{SessionID: id, Message: e.Message}, nil
	}
	return deleted, err
}

// isGone reports whether the API does not know the session.
func isGone(e *Error) bool {
	return e.StatusCode == http.StatusNotFound || e.StatusCode == http.StatusGone
}

// Users lists the players of a session. Their IP addresses are personal data.
func (c *Client) Users(ctx context.Context, id string) ([]User, error) {
	if e := checkID(getUsersSession, id); e != nil {
		return nil, e
	}
	req, err := api.NewGetUsersSessionRequest(c.server, id)
	return users(send[api.SessionUserContext](ctx, c.transport, getUsersSession, id, req, err))
}

// AddUsers adds players to those that the session has, by IP address, and
// returns the users after the change (inferred: the vendor does not say so).
// [ErrUnprocessable] probably means that no socket is free (inferred). What the
// API says of an address that is in the session already is unknown.
func (c *Client) AddUsers(ctx context.Context, id string, ip string, more ...string) ([]User, error) {
	ips := append([]string{ip}, more...)
	if e := c.checkUsers(putUsersSession, id, ips); e != nil {
		return nil, e
	}
	req, err := api.NewPutUsersSessionRequest(c.server, id, api.PatchSessionModel{IPList: ips})
	return users(send[api.SessionUserContext](ctx, c.transport, putUsersSession, id, req, err))
}

// RemoveUsers takes players off a session, by IP address, and returns the users
// after the change (inferred). What the API says of an address that is not in
// the session is unknown.
func (c *Client) RemoveUsers(ctx context.Context, id string, ip string, more ...string) ([]User, error) {
	ips := append([]string{ip}, more...)
	if e := c.checkUsers(deleteUsersSession, id, ips); e != nil {
		return nil, e
	}
	req, err := api.NewDeleteUsersSessionRequest(c.server, id, api.PatchSessionModel{IPList: ips})
	return users(send[api.SessionUserContext](ctx, c.transport, deleteUsersSession, id, req, err))
}

func users(answer *api.SessionUserContext, err error) ([]User, error) {
	if err != nil {
		return nil, err
	}
	return answer.SessionUsers, nil
}

// BulkStop ends, for good, every session that matches all of the filters (that
// they are joined by AND is inferred). [StopIDs], [StopDeployments] and [StopTags]
// make filters. It returns the ids of those that can be stopped; the work may go
// on after the answer (inferred). A filter without values, or with an empty one,
// is refused: nobody knows what that would stop.
func (c *Client) BulkStop(ctx context.Context, filter StopFilter, more ...StopFilter) ([]string, error) {
	filters := append([]StopFilter{filter}, more...)
	if e := checkStop(filters); e != nil {
		return nil, e
	}
	req, err := api.NewSessionsBulkStopRequest(c.server, api.SessionBulkStopPayload{Filters: filters})
	answer, err := send[api.SessionBulkStopResponse](ctx, c.transport, sessionsBulkStop, "", req, err)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(answer.Processable))
	for i, s := range answer.Processable {
		ids[i] = s.SessionID
	}
	return ids, nil
}

// API is the generated client, over the same transport: it authenticates,
// retries and fails as the methods of Client do, and its answers are whole JSON
// of the contract. What it does not do is refuse bad ids and input; mind that it
// drops the path segments "." and "..".
func (c *Client) API() *api.Client {
	return &api.Client{Server: c.server, Client: c.transport}
}

// CloseIdleConnections closes the connections that no call is using, if the
// transport has a method of this name, as an [http.Transport] does.
func (c *Client) CloseIdleConnections() {
	if closer, ok := c.transport.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// send makes the call for which the generated code built req, or failed with err.
func send[T any](ctx context.Context, t *transport, op *operation, id string, req *http.Request, err error) (*T, error) {
	if err != nil {
		// Input was checked, so this cannot be the value of a field.
		return nil, invalid(op, "the request cannot be built")
	}
	answer := new(T)
	err = t.call(ctx, op, id, req, func(res *http.Response) error { return decode(res.Body, answer) })
	if err != nil {
		return nil, err
	}
	return answer, nil
}
