package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/edgegap-community/edgegap/sessions"
)

// addSessionCommands adds the commands for one session.
func (p *program) addSessionCommands(root *cobra.Command) {
	request, noWait, timeout := sessions.CreateRequest{}, false, time.Duration(0)
	flags := p.add(root, &cobra.Command{
		Use: "create APP", Short: "Create a session, wait until it is ready and print its address", Args: cobra.ExactArgs(1),
		Long: `Create a session, wait until it is ready and print its address, such as host:31504. If there are several
ports, print the name and address of each. If the session fails or is not ready in time, or if you press
Ctrl-C, the session is deleted.`,
	}, func(ctx context.Context, client *sessions.Client, args []string) error {
		p.format, request.AppName = cmp.Or(p.format, "table"), args[0]
		if noWait {
			created, err := client.Create(ctx, request)
			if err != nil {
				return err
			}
			created.WebhookURL = maskURL(created.WebhookURL)
			return p.print(created, []any{created.SessionID})
		}
		return p.wait(ctx, timeout, true, func(ctx context.Context, status sessions.WaitOption) (*sessions.Session, error) {
			return client.CreateAndWait(ctx, request, status)
		})
	})
	flags.StringVar(&request.VersionName, "version", "", "`name` of the app version (default: the API's choice)")
	flags.StringSliceVar(&request.IPList, "ip", nil, "IP `address` of a player; repeatable")
	flags.Func("tag", "`tag` that the deployment must have; repeatable", func(tag string) error {
		request.Selectors = append(request.Selectors, sessions.Selector{Tag: tag})
		return nil
	})
	flags.StringVar(&request.WebhookURL, "webhook-url", "", "`URL` to which the API posts when the session is linked or fails")
	flags.BoolVar(&noWait, "no-wait", false, "print the id of the session and do not wait")
	flags.DurationVar(&timeout, "timeout", 2*time.Minute, "`time` to wait until the session is ready")

	flags = p.add(root, &cobra.Command{
		Use: "wait ID", Short: "Wait until a session is ready and print its address, like create", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, client *sessions.Client, args []string) error {
		return p.wait(ctx, timeout, false, func(ctx context.Context, status sessions.WaitOption) (*sessions.Session, error) {
			return client.WaitReady(ctx, args[0], status)
		})
	})
	flags.DurationVar(&timeout, "timeout", 2*time.Minute, "`time` to wait until the session is ready")

	p.add(root, &cobra.Command{Use: "get ID", Short: "Show a session", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, client *sessions.Client, args []string) error {
			s, err := client.Get(ctx, args[0])
			if err != nil {
				return err
			}
			s.WebhookURL = maskURL(s.WebhookURL)
			return p.print(s, describe(s)...)
		})

	users := &cobra.Command{Use: "users", Short: "List, add and remove the users of a session"}
	root.AddCommand(users)
	add := func(use, short string, args cobra.PositionalArgs, call func(*sessions.Client, context.Context, string, ...string) ([]sessions.User, error)) {
		p.add(users, &cobra.Command{Use: use, Short: short, Args: args}, func(ctx context.Context, client *sessions.Client, args []string) error {
			users, err := call(client, ctx, args[0], args[1:]...)
			if err != nil {
				return err
			}
			var rows [][]any
			for _, u := range users {
				rows = append(rows, []any{u.IP})
			}
			return p.print(users, rows...)
		})
	}
	add("list ID", "List the users", cobra.ExactArgs(1), func(c *sessions.Client, ctx context.Context, id string, _ ...string) ([]sessions.User, error) {
		return c.Users(ctx, id)
	})
	add("add ID IP...", "Add users and list all", cobra.MinimumNArgs(2), (*sessions.Client).AddUsers)
	add("remove ID IP...", "Remove users and list the others", cobra.MinimumNArgs(2), (*sessions.Client).RemoveUsers)
}

// wait calls f, which waits for a session, shows the statuses and prints the address. deletes says
// whether f creates the session, and deletes it if it does not become ready.
func (p *program) wait(ctx context.Context, timeout time.Duration, deletes bool, f func(context.Context, sessions.WaitOption) (*sessions.Session, error)) error {
	if timeout <= 0 {
		return usageError("--timeout must be positive")
	}
	show, stop := newProgress("○○○○", false)
	start := time.Now()
	elapsed := func() time.Duration { return time.Since(start).Round(100 * time.Millisecond) }
	if deletes {
		defer context.AfterFunc(ctx, func() { message("interrupted: deleting the session; Ctrl-C again ends at once and may leave it") })()
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s, err := f(ctx, sessions.OnStatus(func(status sessions.Status) {
		n := slices.Index([]sessions.Status{sessions.StatusInitializing, sessions.StatusSeeking, sessions.StatusWaiting, sessions.StatusReady}, status) + 1
		show(strings.Repeat("●", n) + strings.Repeat("○", 4-n) + " " + clean(string(status)))
		if !isTerminal(os.Stderr) {
			message("%s after %s", status, elapsed())
		}
	}))
	stop()
	if err != nil {
		if deletes && !errors.Is(err, sessions.ErrCleanupFailed) && !errors.Is(err, sessions.ErrOutcomeUnknown) {
			err = fmt.Errorf("%w\nno session is left: it was deleted, or never created", err)
		}
		return err
	}
	message("session %s is ready after %s", s.SessionID, elapsed())
	s.WebhookURL, p.format = maskURL(s.WebhookURL), cmp.Or(p.format, "table")
	rows := addresses(s)
	if len(rows) == 1 {
		rows[0] = rows[0][1:]
	}
	return p.print(s, rows...)
}

// addresses returns the names and addresses of the ports of a session.
func addresses(s *sessions.Session) (rows [][]any) {
	if s.Deployment != nil {
		for _, name := range slices.Sorted(maps.Keys(s.Deployment.Ports)) {
			address, _ := s.Endpoint(name)
			rows = append(rows, []any{name, address})
		}
	}
	return rows
}

// describe returns a session as a table.
func describe(s *sessions.Session) [][]any {
	rows := [][]any{{"session", s.SessionID}, {"status", coloredStatus(s.Status, s.Ready)}, {"error", s.Error},
		{"created", s.CreateTime + " UTC, " + shortAge(age(s)) + " ago"}, {"kind", s.Kind}, {"users", s.UserCount},
		{"webhook", s.WebhookURL}, {"reference", sessions.Reference(s.WebhookURL)}}
	if d := s.Deployment; d != nil {
		rows = append(rows, []any{"deployment", fmt.Sprintf("%s, %d of %d sockets used", d.RequestID, d.SocketsUsage, d.Sockets)},
			[]any{"tags", strings.Join(d.Tags, ", ")})
		if d.Location != nil {
			rows = append(rows, []any{"location", d.Location.City + ", " + d.Location.Country})
		}
	}
	return append(rows, addresses(s)...)
}
