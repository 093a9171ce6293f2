package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"

	"github.com/edgegap-community/edgegap/sessions"
)

// delivery is a webhook that listen has sent.
type delivery struct {
	Time           time.Time       `json:"time"`
	SessionID      string          `json:"session_id"`
	Status         sessions.Status `json:"status"`
	Ready          bool            `json:"ready"`
	ResponseStatus int             `json:"response_status"` // 0: no response
	DurationMS     int64           `json:"duration_ms"`
	Error          string          `json:"error,omitempty"`
}

func (p *program) addListenCommand(root *cobra.Command) {
	var to, base string
	c := &cobra.Command{
		Use: "listen --forward-to URL", Short: "Post the webhooks of sessions to a server on this machine", Args: cobra.NoArgs,
		Long: `Post the webhooks of sessions to a server that the API cannot reach, such as one on your laptop.

listen reads the list of sessions every 2 s. When a session becomes linked, ready or failed after
the first read, listen posts the item of the list, which is the body that the API was seen to send. The
URL gets the query parameters of the session's webhook URL, such as ref and secret. A failed request is
not repeated.`,
	}
	flags := p.add(root, c, func(ctx context.Context, client *sessions.Client, _ []string) error {
		target, err := url.Parse(to)
		if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" {
			return usageError("--forward-to must be an http or https URL, such as http://localhost:3000/hook")
		}
		p.stream = true
		l := &lister{client: client, noAge: true, quiet: true}
		var seen map[string]item
		return poll(ctx, func() error {
			items, err := l.list(ctx)
			if err != nil {
				return err
			}
			if seen == nil {
				seen = map[string]item{}
				changes(seen, items)
				message("forwarding the webhooks of %d sessions and of new ones to %s; Ctrl-C ends", len(items), maskURL(to))
				return nil
			}
			hooks := slices.DeleteFunc(changes(seen, items), func(h change) bool {
				i, old := h.Item, h.old
				failed := i.Status == sessions.StatusError || i.Status == sessions.StatusUnprocessable
				return !strings.HasPrefix(i.hook, base) || !(i.Linked && !old.Linked || i.Ready && !old.Ready || failed && i.Status != old.Status)
			})
			return each(ctx, len(hooks), newProgress("", true), "", func(n int) error {
				return p.printDelivery(forward(ctx, target, hooks[n].Item))
			})
		})
	})
	flags.StringVar(&to, "forward-to", "", "`URL` of your webhook handler, such as http://localhost:3000/hook")
	flags.StringVar(&base, "base", "", "only sessions whose webhook URL begins with this `URL`")
	c.MarkFlagRequired("forward-to")
}

var forwardClient = &http.Client{
	Timeout:       10 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// forward posts a session to target.
func forward(ctx context.Context, target *url.URL, i item) delivery {
	d := delivery{Time: time.Now(), SessionID: i.SessionID, Status: i.Status, Ready: i.Ready}
	u, query := *target, target.Query()
	if hook, err := url.Parse(i.hook); err == nil {
		for name, values := range hook.Query() {
			query[name] = values
		}
	}
	u.RawQuery = query.Encode()
	i.WebhookURL = i.hook
	body, _ := json.Marshal(i.SessionSummary)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err == nil {
		req.Header.Set("Content-Type", "application/json")
		var res *http.Response
		if res, err = forwardClient.Do(req); err == nil {
			res.Body.Close()
			d.ResponseStatus = res.StatusCode
		}
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err // without the URL, which contains the secret
	}
	if err != nil {
		d.Error = err.Error()
	}
	d.DurationMS = time.Since(d.Time).Milliseconds()
	return d
}

func (p *program) printDelivery(d delivery) error {
	color := green
	if d.ResponseStatus < 200 || d.ResponseStatus > 299 {
		color = red
	}
	return p.print(d, []any{d.Time.Format(time.TimeOnly), d.SessionID, coloredStatus(d.Status, d.Ready),
		colored(color, cmp.Or(d.Error, fmt.Sprint(d.ResponseStatus))), fmt.Sprint(d.DurationMS, " ms")})
}
