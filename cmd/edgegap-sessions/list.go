package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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
	known                            map[string]item // that were read before
}

// list returns the sessions, the oldest first.
func (l *lister) list(ctx context.Context) ([]item, error) {
	live := newProgress("reading the list", l.quiet)
	defer live.close()
	var (
		items  []item
		unread []int
		listed = map[string]bool{}
	)
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
	err := each(ctx, len(unread), live, "reading session", func(n int) error { return l.read(ctx, &items[unread[n]]) })
	if ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		message("%v", err) // the other sessions have ages
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
	if elapsed := time.Duration(s.Elapsed) * time.Second; elapsed > 0 {
		d = min(d, elapsed)
	}
	return d
}

// each calls f n times, at most 20 times a second, so that other users of the API key are not
// rate limited. It continues after errors.
func each(ctx context.Context, n int, live *progress, doing string, f func(i int) error) error {
	var calls sync.WaitGroup
	free, errs := make(chan struct{}, 8), make([]error, n) // at most 8 calls at a time
	for i := range n {
		if i > 0 {
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			errs[i] = fmt.Errorf("interrupted after %d of %d sessions: %w", i, n, ctx.Err())
			break
		}
		live.text.Store(fmt.Sprintf("%s %d of %d", doing, i+1, n))
		free <- struct{}{}
		calls.Go(func() { errs[i] = f(i); <-free })
	}
	calls.Wait()
	return errors.Join(errs...)
}

func (p *program) addListCommand(root *cobra.Command) {
	var (
		l     lister
		watch bool
	)
	flags := p.add(root, &cobra.Command{
		Use: "list", Short: "List sessions with their age and reference, the oldest first", Args: cobra.NoArgs,
		Long: `List sessions with their age and reference, the oldest first. The reference is the query parameter ref
of the webhook URL; the other parameters are masked as ***.

The list of the API has no ages: each session is read for it, at most 20 a second.

--watch redraws the table every 2 s on a terminal. Otherwise it prints a line of JSON for each session that is
added, changed or removed.`,
	}, func(ctx context.Context, client *sessions.Client, _ []string) error {
		l.client, l.quiet = client, watch
		switch {
		case l.noAge && l.olderThan > 0:
			return usageError("--older-than needs the ages that --no-age leaves out")
		case watch:
			return p.watch(ctx, &l)
		}
		items, err := l.list(ctx)
		if err != nil {
			return err
		}
		return p.print(items, itemRows(items)...)
	})
	flags.StringSliceVar(&l.statuses, "status", nil, "only sessions with this `status`; repeatable")
	flags.DurationVar(&l.olderThan, "older-than", 0, "only sessions that are older than this `time`, such as 2h")
	flags.BoolVar(&l.noAge, "no-age", false, "do not read each session")
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
	shown := map[string]item{}
	return poll(ctx, func() error {
		items, err := l.list(ctx)
		if redraw && ctx.Err() == nil && !errors.Is(err, sessions.ErrUnauthorized) {
			return draw(items, err)
		} else if err != nil {
			return err
		}
		for _, c := range changes(shown, items) {
			if err := p.print(c); err != nil {
				return err
			}
		}
		return nil
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

// changes returns the differences between the sessions in old and those in the list, and updates
// old.
func changes(old map[string]item, list []item) (changes []change) {
	now, current := time.Now(), map[string]bool{}
	for _, i := range list {
		current[i.SessionID] = true
		if o, ok := old[i.SessionID]; !ok {
			changes = append(changes, change{now, "added", i, o})
		} else if o.SessionSummary != i.SessionSummary {
			changes = append(changes, change{now, "changed", i, o})
		}
		old[i.SessionID] = i
	}
	for id, i := range old {
		if !current[id] {
			changes = append(changes, change{now, "removed", i, i})
			delete(old, id)
		}
	}
	return changes
}

func (p *program) addDeleteCommands(root *cobra.Command) {
	var l lister
	p.addConsentFlags(p.add(root, &cobra.Command{
		Use: "delete ID...", Short: "Delete sessions by their ids", Args: cobra.MinimumNArgs(1),
		Long: `Delete sessions by their ids. One session is deleted at once. For several, delete asks on a terminal, and
needs --yes elsewhere. A session that does not exist counts as deleted.`,
	}, func(ctx context.Context, client *sessions.Client, ids []string) error {
		p.yes = p.yes || len(ids) == 1
		return p.deleteAll(ctx, client, ids)
	}))

	flags := p.add(root, &cobra.Command{
		Use: "stop", Short: "Delete the sessions that match all given flags", Args: cobra.NoArgs,
		Long: `Delete the sessions that match all given flags, at least one of --id, --deployment, --tag and
--older-than. A flag with several values matches any of them.

stop reads the list, shows the sessions that match, asks on a terminal (elsewhere it needs --yes), and
deletes exactly these sessions, each by its id. Their players lose their seats.`,
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
		return p.deleteAll(ctx, client, ids)
	})
	flags.StringSliceVar(&l.ids, "id", nil, "session with this `id`")
	flags.StringSliceVar(&l.deployments, "deployment", nil, "sessions of the deployment with this request `id`")
	flags.StringSliceVar(&l.tags, "tag", nil, "sessions whose deployment has this `tag`")
	flags.DurationVar(&l.olderThan, "older-than", 0, "sessions that are older than this `time`, such as 2h")
	p.addConsentFlags(flags)
}

func (p *program) addConsentFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&p.dryRun, "dry-run", false, "show the sessions and delete nothing")
	flags.BoolVarP(&p.yes, "yes", "y", false, "delete without asking")
}

// deleteAll deletes sessions if the user consents. Without a terminal, only --yes is consent.
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
		return usageError("nothing was deleted: without a terminal to ask, deleting %d needs --yes", len(ids))
	case !confirm(ctx, fmt.Sprintf("Delete %d? [y/N] ", len(ids))):
		return exitError{1, "nothing was deleted"}
	}
	live := newProgress("deleting", false)
	err := each(ctx, len(ids), live, "deleting session", func(i int) error { return client.Delete(ctx, ids[i]) })
	live.close()
	if err == nil {
		message("deleted %d", len(ids))
	}
	return err
}

// confirm asks a question on the terminal. Only y and yes are consent.
func confirm(ctx context.Context, question string) bool {
	fmt.Fprint(os.Stderr, question)
	answer := make(chan string, 1)
	go func() { var text string; fmt.Scanln(&text); answer <- strings.ToLower(text) }()
	select {
	case a := <-answer:
		return a == "y" || a == "yes"
	case <-ctx.Done():
		return false
	}
}
