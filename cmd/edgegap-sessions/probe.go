package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/edgegap-community/edgegap/internal/probe"
	"github.com/edgegap-community/edgegap/sessions"
)

func (p *program) addProbeCommand(root *cobra.Command) {
	var o probe.Options
	c := &cobra.Command{
		Use: "probe --app APP", Short: "Compare the API with openapi.yaml", Args: cobra.NoArgs,
		Long: `Compare the API with openapi.yaml, and find out what openapi.yaml marks as unknown. probe creates sessions
of an app version and deletes them, also on Ctrl-C. The exit code is 5 if there are differences.`,
	}
	flags := p.add(root, c, func(ctx context.Context, client *sessions.Client, _ []string) error {
		message("probe creates up to %d sessions of the app %s, one after the other, for players with IP addresses that are\n"+
			"reserved for documentation. They use about %[1]d sockets and may start deployments, which you pay for. probe sends\n"+
			"about 80 requests in a minute or two, deletes two of its own sessions with one bulk request,\nand deletes all of its sessions.", probe.Sessions, o.App)
		if !p.yes && (!isTerminal(os.Stdin) || !isTerminal(os.Stderr)) {
			return usageError("nothing was done: without a terminal, --yes is required")
		} else if !p.yes && !confirm(ctx, "Continue? [y/N] ") {
			return exitError{1, "nothing was done"}
		}
		o.Progress = func(text string) { message("%s", text) }
		findings, err := probe.Run(ctx, client, o)
		rows, differences := [][]any{{"FACT", "EXPECTED", "API", colored(noColor, "VERDICT")}}, 0
		for _, f := range findings {
			color := map[string]int{probe.Holds: green, probe.Differs: red, probe.NotTested: yellow}[f.Verdict]
			if rows = append(rows, []any{f.Fact, f.Contract, f.API, colored(color, f.Verdict)}); f.Verdict == probe.Differs {
				differences++
			}
		}
		if printErr := p.print(findings, rows...); printErr != nil && err == nil {
			err = printErr
		}
		if err == nil && differences > 0 {
			err = exitError{5, "the API differs from openapi.yaml"}
		}
		return err
	})
	flags.StringVar(&o.App, "app", "", "`name` of an app that uses sessions")
	flags.StringVar(&o.Version, "version", "", "`name` of the app version")
	flags.DurationVar(&o.Pace, "pace", 300*time.Millisecond, "`time` between two requests")
	flags.StringVar(&o.Save, "save", "", "write the responses to a `directory`, with secrets, addresses, ids and names replaced")
	flags.BoolVarP(&p.yes, "yes", "y", false, "do not ask")
	c.MarkFlagRequired("app")
}
