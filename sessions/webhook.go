package sessions

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

const (
	webhookLimit    = mebibyte
	webhookPatience = 10 * time.Second // for a slow sender
)

// WebhookURL returns base with the query parameter secret, for the WebhookURL of
// a [CreateRequest] and, on the other side, [Client.WebhookHandler]. base is an
// http or https URL where the API reaches the handler. Its own parameters are kept
// as they are, but for an older secret; one that is unique, such as the id of a
// match, tells a create that failed half-way apart. The secret is part of a URL
// that the API stores and shows in its lists: use one that is for nothing else.
//
// A bad base, or no secret, is [ErrInvalidArgument].
func WebhookURL(base, secret string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", invalid(nil, "webhook base: not an http or https URL")
	}
	if secret == "" {
		return "", invalid(nil, "webhook secret: empty")
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return "", invalid(nil, "webhook base: a query that cannot be read")
	}
	var pairs []string
	if u.RawQuery != "" {
		pairs = slices.DeleteFunc(strings.Split(u.RawQuery, "&"), isSecret)
	}
	u.RawQuery = strings.Join(append(pairs, "secret="+url.QueryEscape(secret)), "&")
	return u.String(), nil
}

func isSecret(pair string) bool {
	name, _, _ := strings.Cut(pair, "=")
	name, err := url.QueryUnescape(name)
	return err == nil && name == "secret"
}

// WebhookHandler receives the webhooks that the API sends when a session becomes
// linked, unprocessable or failed (documented). As far as is known nobody signs
// them, so the body is only a hint: the session is read through the API, calls of
// WaitReady for it by this client are woken, and handle (nil for none) gets what
// was read. handle may be called from many goroutines, and more than once for the
// same session; its context is the request's.
//
// The sender is answered 204 when all went well, or when the API does not know
// the session; 405 for a method other than POST; 404 without the secret of
// [WebhookURL], and always when secret is empty; 400 for a body without a
// session id, 408 for one that takes longer than 10 s, 413 for one over 1 MiB;
// 502 when the API cannot be read; 500 when handle fails or panics. The replies
// are empty, and nothing else tells of an error or a panic of handle: log it
// there. Whether the vendor sends again after a failure is unknown.
func (c *Client) WebhookHandler(secret string, handle func(context.Context, *Session) error) http.Handler {
	want := sha256.Sum256([]byte(secret))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got := sha256.Sum256([]byte(r.URL.Query().Get("secret")))
		switch {
		case r.Method != http.MethodPost:
			w.Header().Set("Allow", http.MethodPost)
			w.WriteHeader(http.StatusMethodNotAllowed)
		case secret == "" || subtle.ConstantTimeCompare(got[:], want[:]) != 1:
			w.WriteHeader(http.StatusNotFound)
		default:
			w.WriteHeader(c.receive(w, r, handle))
		}
	})
}

// receive takes one webhook and returns the status to answer.
func (c *Client) receive(w http.ResponseWriter, r *http.Request, handle func(context.Context, *Session) error) (status int) {
	id, status := webhookSession(w, r)
	if status != 0 {
		return status
	}
	s, err := c.Get(r.Context(), id)
	switch {
	case errors.Is(err, ErrNotFound) || errors.Is(err, ErrGone):
		return http.StatusNoContent
	case err != nil:
		return http.StatusBadGateway
	}
	c.waiters.wake(s)
	if handle == nil {
		return http.StatusNoContent
	}
	// The value of a panic may hold anything, players' data too: it goes nowhere.
	defer func() {
		if recover() != nil {
			status = http.StatusInternalServerError
		}
	}()
	if handle(r.Context(), s) != nil {
		return http.StatusInternalServerError
	}
	return http.StatusNoContent
}

// webhookSession reads the id that both shapes of the body hold, the flat item
// of a list and the whole session, or returns the status to refuse it with.
func webhookSession(w http.ResponseWriter, r *http.Request) (id string, refusal int) {
	// The deadline stays: net/http lifts it at the end of the body, and before
	// that end reads on even after the handler has refused the rest.
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(webhookPatience))
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhookLimit))
	if errors.As(err, new(*http.MaxBytesError)) {
		return "", http.StatusRequestEntityTooLarge
	}
	if err != nil {
		return "", http.StatusRequestTimeout
	}
	var hint struct {
		SessionID string `json:"session_id"`
	}
	if json.Unmarshal(content, &hint) != nil || checkID(getSession, hint.SessionID) != nil {
		return "", http.StatusBadRequest
	}
	return hint.SessionID, 0
}
