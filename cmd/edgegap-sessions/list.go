package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/edgegap-community/edgegap/sessions"
)

// item is a session of the list. Its webhook URL is masked.
type item struct {
	sessions.SessionSummary
	CreateTime string `json:"create_time,omitempty"` // "" if the session was not read
	hook       string // the webhook URL
	created    time.Time
	tags       []string // of the deployment
}

// lister reads the sessions that pass each filter that is set.
type lister struct {
	client                           *sessions.Client
	statuses, ids, deployments, tags []string
	olderThan                        time.Duration
	noAge                            bool            // do not read each session
	quiet                            bool            // show no progress
	unread                           error           // of sessions whose age and tags could not be read
	known                            map[string]item // that were read before
}

// list returns the sessions, the oldest first.
func (l *lister) list(ctx context.Context) ([]item, error) {
	show, stop := newProgress("reading the list", l.quiet)
	defer stop()
	var items []item
	var unread []int
	listed := map[string]bool{}
	for s, err := range l.client.All(ctx, sessions.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		if listed[s.SessionID] || !containsAny(l.statuses, string(s.Status)) || !containsAny(l.ids, s.SessionID) || !containsAny(l.deployments, s.DeploymentRequestID) {
			continue
		}
		listed[s.SessionID] = true
		i := l.known[s.SessionID]
		i.hook, i.SessionSummary = s.WebhookURL, s
		i.WebhookURL = maskURL(s.WebhookURL)
		if i.created.IsZero() && !l.noAge {
			unread = append(unread, len(items))
		}
		items = append(items, i)
	}
	l.unread = each(ctx, len(unread), show, "reading session", func(n int) error { return l.read(ctx, &items[unread[n]]) })
	if l.unread != nil && ctx.Err() != nil {
		return nil, l.unread
	}
	l.known = map[string]item{}
	for _, i := range items {
		l.known[i.SessionID] = i
	}
	items = slices.DeleteFunc(items, func(i item) bool {
		return i.SessionID == "" || l.olderThan > 0 && (i.created.IsZero() || time.Since(i.created) <= l.olderThan) || !containsAny(l.tags, i.tags...)
	})
	slices.SortStableFunc(items, func(a, b item) int { return strings.Compare(a.CreateTime, b.CreateTime) })
	return items, nil
}

// read reads the session of an item. If the session has ended, the item has no id afterwards.
func (l *lister) read(ctx context.Context, i *item) error {
	s, err := l.client.Get(ctx, i.SessionID)
	switch {
	case errors.Is(err, sessions.ErrNotFound):
		i.SessionID = ""
		return nil
	case err != nil:
		return err
	case s.Deployment != nil:
		i.tags = s.Deployment.Tags
	}
	i.CreateTime, i.created = s.CreateTime, time.Now().Add(-age(s))
	return nil
}

// containsAny reports whether a filter that is not empty has any of the values.
func containsAny(filter []string, values ...string) bool {
	return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool {
		return slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(f, v) })
	})
}

// age returns the time since the create: by create_time, taken as UTC, or by elapsed, taken as
// seconds, if that is less. Neither is documented; the lesser one does not make a new session look
// old. Without create_time the age is 0.
func age(s *sessions.Session) time.Duration {
	created, err := s.CreatedAt()
	if err != nil {
		return 0
	}
	d := max(time.Since(created), 0)
	return min(d, cmp.Or(max(time.Duration(s.Elapsed)*time.Second, 0), d))
}

// each calls f n times, at most 20 times a second, so that other users of the API key are not
// rate limited. It continues after errors.
func each(ctx context.Context, n int, show func(string), doing string, f func(i int) error) error {
	var calls sync.WaitGroup
	free, errs := make(chan struct{}, 8), make([]error, n) // at most 8 calls at a time
	for i := range n {
		if i > 0 {
			time.Sleep(50 * time.Millisecond)
		}
		if ctx.Err() != nil {
			errs[i] = fmt.Errorf("interrupted after %d of %d sessions: %w", i, n, ctx.Err())
			break
		}
		show(fmt.Sprintf("%s %d of %d", doing, i+1, n))
		free <- struct{}{}
		calls.Go(func() { errs[i] = f(i); <-free })
	}
	calls.Wait()
	return errors.Join(errs...)
}

func (p *program) addListCommand(root *cobra.Command) {
	l, watch := lister{}, false
	flags := p.add(root, &cobra.Command{
		Use: "list", Short: "List sessions with their age and reference, the oldest first", Args: cobra.NoArgs,
		Long: `List sessions with their age and their reference (the query parameter ref of the webhook URL). To get the
age, list reads each session, at most 20 a second. On a terminal, --watch redraws the table every 2 s.
Without a terminal, --watch prints a line of JSON for each session that is added, changed or removed.`,
	}, func(ctx context.Context, client *sessions.Client, _ []string) error {
		l.client, l.quiet = client, watch
		switch {
		case l.noAge && l.olderThan > 0:
			return usageError("--older-than cannot be used with --no-age")
		case watch:
			return p.watch(ctx, &l)
		}
		items, err := l.list(ctx)
		if err != nil {
			return err
		}
		return errors.Join(p.print(items, itemRows(items)...), l.unread)
	})
	flags.StringSliceVar(&l.statuses, "status", nil, "only sessions with this `status`; repeatable")
	flags.DurationVar(&l.olderThan, "older-than", 0, "only sessions that are older than this `time`, such as 2h")
	flags.BoolVar(&l.noAge, "no-age", false, "do not read each session to get its age")
	flags.BoolVar(&watch, "watch", false, "show changes until Ctrl-C")
}

func itemRows(items []item) [][]any {
	rows := [][]any{{"SESSION", colored(noColor, "STATUS"), "AGE", "USERS", "DEPLOYMENT", "REFERENCE"}}
	for _, i := range items {
		age := ""
		if i.CreateTime != "" {
			age = shortAge(time.Since(i.created))
		}
		rows = append(rows, []any{i.SessionID, coloredStatus(i.Status, i.Ready), age, i.UserCount, i.DeploymentRequestID, sessions.Reference(i.WebhookURL)})
	}
	return rows
}

// watch shows the sessions, or their changes, until ctx is done.
func (p *program) watch(ctx context.Context, l *lister) error {
	redraw := !p.json() && isTerminal(os.Stdout)
	if p.format, p.stream = "json", true; redraw {
		fmt.Print("\x1b[?1049h\x1b[?25l")       // another screen, without cursor
		defer fmt.Print("\x1b[?25h\x1b[?1049l") // back
	}
	var shown map[string]item
	return poll(ctx, func() error {
		items, err := l.list(ctx)
		if redraw && ctx.Err() == nil && !errors.Is(err, sessions.ErrUnauthorized) {
			return draw(items, err)
		} else if err != nil {
			return err
		}
		changed, current := changes(shown, items)
		shown = current
		for _, c := range changed {
			err = errors.Join(err, p.print(c))
		}
		return err
	})
}

const pollInterval = 2 * time.Second

// poll calls f every pollInterval until ctx is done. It reports errors and continues, except if the
// first call fails or if an error is not temporary.
func poll(ctx context.Context, f func() error) error {
	for first := true; ; first = false {
		if err := f(); err != nil && ctx.Err() == nil {
			if first || errors.Is(err, sessions.ErrUnauthorized) || errors.Is(err, syscall.EPIPE) {
				return err
			}
			message("%v", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollInterval):
		}
	}
}

// draw replaces the content of the terminal by a table.
func draw(items []item, err error) error {
	head := fmt.Sprintf("%d sessions at %s, every %s. Ctrl-C ends.", len(items), time.Now().Format(time.TimeOnly), pollInterval)
	if err != nil {
		head = "error: " + clean(err.Error())
	}
	lines := append([]string{head, ""}, strings.Split(strings.TrimSpace(string(table(itemRows(items)))), "\n")...)
	if _, height, err := term.GetSize(int(os.Stdout.Fd())); err == nil && len(lines) > height && height > 3 {
		lines = append(lines[:height-1], fmt.Sprintf("and %d more", len(lines)-height+1))
	}
	_, err = fmt.Print("\x1b[H\x1b[?7l" + strings.Join(lines, "\x1b[K\r\n") + "\x1b[K\x1b[J\x1b[?7h") // from the top, without wrapping
	return err
}

// change is a session that was added, changed or removed.
type change struct {
	Time   time.Time `json:"time"`
	Change string    `json:"change"`
	Item   item      `json:",inline"`
	old    item
}

// changes returns the differences between the sessions in old, which it changes, and those in the
// list, which it also returns by id.
func changes(old map[string]item, list []item) (changes []change, current map[string]item) {
	now := time.Now()
	current = map[string]item{}
	for _, i := range list {
		if o, ok := old[i.SessionID]; !ok {
			changes = append(changes, change{now, "added", i, o})
		} else if o.SessionSummary != i.SessionSummary {
			changes = append(changes, change{now, "changed", i, o})
		}
		current[i.SessionID] = i
		delete(old, i.SessionID)
	}
	for _, i := range old {
		changes = append(changes, change{now, "removed", i, i})
	}
	return changes, current
}

func (p *program) addDeleteCommands(root *cobra.Command) {
	var l lister
	flags := p.add(root, &cobra.Command{
		Use: "delete ID...", Short: "Delete sessions by their ids; more than one only with --yes or after confirmation", Args: cobra.MinimumNArgs(1),
	}, func(ctx context.Context, client *sessions.Client, ids []string) error {
		p.yes = p.yes || len(ids) == 1
		return p.deleteAll(ctx, client, ids)
	})
	flags.BoolVar(&p.dryRun, "dry-run", false, "show the sessions and delete nothing")
	flags.BoolVarP(&p.yes, "yes", "y", false, "delete without asking")

	flags = p.add(root, &cobra.Command{
		Use: "stop", Short: "Delete the sessions that match all given flags", Args: cobra.NoArgs,
		Long: `Delete the sessions that match all given flags. A flag with several values matches any of them. stop
shows the sessions, asks for confirmation on a terminal (without a terminal it requires --yes), and deletes
each of them by its id.`,
	}, func(ctx context.Context, client *sessions.Client, _ []string) error {
		if len(l.ids)+len(l.deployments)+len(l.tags) == 0 && l.olderThan <= 0 {
			return usageError("at least one of --id, --deployment, --tag and --older-than is required")
		}
		l.client = client
		items, err := l.list(ctx)
		if err != nil {
			return err
		}
		var ids []string
		for _, i := range items {
			ids = append(ids, i.SessionID)
		}
		if err := p.print(items, itemRows(items)...); err != nil {
			return err
		}
		return errors.Join(p.deleteAll(ctx, client, ids), l.unread)
	})
	flags.StringSliceVar(&l.ids, "id", nil, "session with this `id`")
	flags.StringSliceVar(&l.deployments, "deployment", nil, "sessions of the deployment with this request `id`")
	flags.StringSliceVar(&l.tags, "tag", nil, "sessions whose deployment has this `tag`")
	flags.DurationVar(&l.olderThan, "older-than", 0, "sessions that are older than this `time`, such as 2h")
	flags.BoolVar(&p.dryRun, "dry-run", false, "show the sessions and delete nothing")
	flags.BoolVarP(&p.yes, "yes", "y", false, "delete without asking")
}

// deleteAll deletes sessions after confirmation, by --yes or on a terminal.
func (p *program) deleteAll(ctx context.Context, client *sessions.Client, ids []string) error {
	switch {
	case len(ids) == 0:
		message("no session matches")
		return nil
	case p.dryRun:
		message("dry run: %d would be deleted: %s", len(ids), strings.Join(ids, " "))
		return nil
	case p.yes:
	case !isTerminal(os.Stdin) || !isTerminal(os.Stderr):
		return usageError("nothing was deleted: without a terminal, --yes is required")
	case !confirm(ctx, fmt.Sprintf("Delete %d sessions? [y/N] ", len(ids))):
		return exitError{1, "nothing was deleted"}
	}
	show, stop := newProgress("deleting", false)
	err := each(ctx, len(ids), show, "deleting session", func(i int) error { return client.Delete(ctx, ids[i]) })
	stop()
	if err == nil {
		message("deleted %d", len(ids))
	}
	return err
}

// confirm asks a question on the terminal. Only y and yes confirm.
func confirm(ctx context.Context, question string) bool {
	fmt.Fprint(os.Stderr, question)
	answer := make(chan string, 1)
	go func() { var text string; fmt.Scanln(&text); answer <- strings.ToLower(text) }()
	select {
	case a := <-answer:
		return a == "y" || a == "yes"
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr)
		return false
	}
}

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
		Long: `Post the webhooks of sessions to a server that the API cannot reach. listen reads the list every 2 s. When
a session becomes linked, ready or failed, listen posts the session's item of the list to the URL of
--forward-to, with the query parameters of the session's webhook URL, such as ref and secret.`,
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
			first := seen == nil
			hooks, current := changes(seen, items)
			if seen = current; first {
				message("forwarding the webhooks of %d sessions and of new ones to %s; Ctrl-C ends", len(items), maskURL(to))
				return nil
			}
			hooks = slices.DeleteFunc(hooks, func(h change) bool {
				i, old := h.Item, h.old
				failed := i.Status == sessions.StatusError || i.Status == sessions.StatusUnprocessable
				return !strings.HasPrefix(i.hook, base) || !(i.Linked && !old.Linked || i.Ready && !old.Ready || failed && i.Status != old.Status)
			})
			return each(ctx, len(hooks), func(string) {}, "", func(n int) error {
				return p.printDelivery(forward(target, hooks[n].Item))
			})
		})
	})
	flags.StringVar(&to, "forward-to", "", "`URL` of your webhook handler, such as http://localhost:3000/hook")
	flags.StringVar(&base, "base", "", "only sessions whose webhook URL begins with this `URL`")
	c.MarkFlagRequired("forward-to")
}

var forwardClient = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// forward posts a session to target.
func forward(target *url.URL, i item) delivery {
	d := delivery{Time: time.Now(), SessionID: i.SessionID, Status: i.Status, Ready: i.Ready}
	u, query := *target, target.Query()
	if hook, err := url.Parse(i.hook); err == nil {
		maps.Copy(query, hook.Query())
	}
	u.RawQuery = query.Encode()
	i.WebhookURL = i.hook
	body, _ := json.Marshal(i.SessionSummary)
	res, err := forwardClient.Post(u.String(), "application/json", bytes.NewReader(body))
	if err == nil {
		res.Body.Close()
		d.ResponseStatus = res.StatusCode
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		d.Error = e.Err.Error() // without the URL, which contains the secret
	}
	d.DurationMS = time.Since(d.Time).Milliseconds()
	return d
}

func (p *program) printDelivery(d delivery) error {
	color := map[bool]int{true: green, false: red}[d.ResponseStatus/100 == 2]
	return p.print(d, []any{d.Time.Format(time.TimeOnly), d.SessionID, coloredStatus(d.Status, d.Ready),
		colored(color, cmp.Or(d.Error, fmt.Sprint(d.ResponseStatus))), fmt.Sprint(d.DurationMS, " ms")})
}
