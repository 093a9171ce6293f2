package sessions

import (
	"context"
	"net/http"
	"strings"

	"github.com/edgegap-community/edgegap/api"
)

// Client calls the Edgegap Sessions API. It is safe for concurrent use, and all
// that it shows of itself in a log is pointers. To change the key make another;
// the two may share a transport.
type Client struct {
	transport *transport
	server    string // the base URL as the generated code wants it
	waiters   *waiters
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
func (c *Client) Create(ctx context.Context, r CreateRequest) (*Created, error) {
	if e := checkCreate(&r); e != nil {
		return nil, e
	}
	req, err := api.NewSessionPostRequest(c.server, r)
	return send[Created](ctx, c.transport, sessionPost, "", req, err)
}

// Get reads a session. One that never was, or is gone, is [ErrNotFound] or
// [ErrGone]; one that was just deleted may for a while be read as Terminating.
func (c *Client) Get(ctx context.Context, id string) (*Session, error) {
	if e := checkID(getSession, id); e != nil {
		return nil, e
	}
	req, err := api.NewGetSessionRequest(c.server, id)
	return send[Session](ctx, c.transport, getSession, id, req, err)
}

// Delete ends a session and frees its sockets. Its deployment runs on, and no
// history is kept. When an answer was lost on the way and the second attempt
// finds no session, that counts as done; the first finding none is
// [ErrNotFound] or [ErrGone].
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

// Users lists the players of a session.
func (c *Client) Users(ctx context.Context, id string) ([]User, error) {
	if e := checkID(getUsersSession, id); e != nil {
		return nil, e
	}
	req, err := api.NewGetUsersSessionRequest(c.server, id)
	return users(send[api.SessionUserContext](ctx, c.transport, getUsersSession, id, req, err))
}

// AddUsers adds players to those that the session has, by IP address, and
// returns the users after the change (inferred: the vendor does not say so).
// [ErrUnprocessable] probably means that no socket is free.
func (c *Client) AddUsers(ctx context.Context, id string, ip string, more ...string) ([]User, error) {
	ips := append([]string{ip}, more...)
	if e := c.checkUsers(putUsersSession, id, ips); e != nil {
		return nil, e
	}
	req, err := api.NewPutUsersSessionRequest(c.server, id, api.PatchSessionModel{IPList: ips})
	return users(send[api.SessionUserContext](ctx, c.transport, putUsersSession, id, req, err))
}

// RemoveUsers takes players off a session, by IP address, and returns the users
// after the change (inferred). It is unknown what the API says of an address
// that is not in the session.
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
// they are joined by AND is inferred). It returns the ids of those that can be
// stopped; the work may go on after the answer.
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
// retries and fails as the methods of Client do. What it does not do is refuse
// bad ids and input; mind that it drops the path segments "." and "..".
func (c *Client) API() *api.Client {
	return &api.Client{Server: c.server, Client: c.transport}
}

// CloseIdleConnections closes the connections that no call is using.
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
