package sessions_test

import (
	"context"

	"github.com/edgegap-community/edgegap/sessions"
)

// Answers that hold all that is required and nothing more.
const (
	createdJSON = `{"session_id":"950dd2eaff09-S","app":"arena","version":"1.4.0"}`
	sessionJSON = `{"session_id":"950dd2eaff09-S","status":"Ready","ready":true,"linked":true,"kind":"Seat","user_count":2,"app_version":88,"create_time":"2024-05-26 12:00:45.831041","elapsed":7}`
	deletedJSON = `{"session_id":"950dd2eaff09-S","message":"deleted"}`
	usersJSON   = `{"session_users":[{"ip":"203.0.113.7"}]}`
	pageJSON    = `{"data":[{"session_id":"950dd2eaff09-S","status":"Ready","ready":true,"linked":true,"kind":"Seat","user_count":2}],"total_count":1}`
	stoppedJSON = `{"processable":[{"session_id":"950dd2eaff09-S"}]}`
)

// call is one of the eight calls of the contract, made with good input.
type call struct {
	operation, method, path, body, good string
	do                                  func(context.Context, *sessions.Client) (any, error)
}

const testID = "950dd2eaff09-S"

var calls = []call{
	{"session-post", "POST", "/v1/session", `{"app_name":"arena"}`, createdJSON,
		func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.Create(ctx, sessions.CreateRequest{AppName: "arena"})
		}},
	{"get-session", "GET", "/v1/session/" + testID, "", sessionJSON,
		func(ctx context.Context, c *sessions.Client) (any, error) { return c.Get(ctx, testID) }},
	{"session-delete", "DELETE", "/v1/session/" + testID, "", deletedJSON,
		func(ctx context.Context, c *sessions.Client) (any, error) { return c.Delete(ctx, testID) }},
	{"get-users-session", "GET", "/v1/session/" + testID + "/users", "", usersJSON,
		func(ctx context.Context, c *sessions.Client) (any, error) { return c.Users(ctx, testID) }},
	{"put-users-session", "PUT", "/v1/session/" + testID + "/users", `{"ip_list":["203.0.113.7","2001:db8::7"]}`, usersJSON,
		func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.AddUsers(ctx, testID, "203.0.113.7", "2001:db8::7")
		}},
	{"delete-users-session", "DELETE", "/v1/session/" + testID + "/users", `{"ip_list":["203.0.113.7"]}`, usersJSON,
		func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.RemoveUsers(ctx, testID, "203.0.113.7")
		}},
	{"list-sessions", "GET", "/v1/sessions", "", pageJSON,
		func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.List(ctx, sessions.ListOptions{})
		}},
	{"sessions-bulk-stop", "POST", "/v1/sessions/bulk-stop", `{"filters":[{"field":"session_id","filter_type":"any","values":["950dd2eaff09-S"]}]}`, stoppedJSON,
		func(ctx context.Context, c *sessions.Client) (any, error) {
			return c.BulkStop(ctx, sessions.StopIDs(testID))
		}},
}
