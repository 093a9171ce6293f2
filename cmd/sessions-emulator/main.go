// Command sessions-emulator imitates the Edgegap Sessions API on this machine,
// for programs in any language. It knows the eight calls of openapi.yaml, takes
// any key unless -key names one, refuses with 400 what openapi.yaml does not
// allow, and keeps its state in memory.
//
//	go run github.com/edgegap-community/edgegap/cmd/sessions-emulator
//	curl -H 'authorization: token any' localhost:8080/v1/sessions
//
// It prints one line, with its address, when it listens; with -addr localhost:0
// that is where to read the port. It stops on an interrupt.
//
// Beside the API, below /_emulator/, there are controls for tests: what was
// asked, a session's status, planned faults, settings, a new beginning. GET
// /_emulator/ tells them all:
//
//	curl localhost:8080/_emulator/
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "sessions-emulator:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	addr, config, err := parse(args, stderr)
	if err != nil {
		return err
	}
	document, err := contract.Load()
	if err != nil {
		return err
	}
	config.Check = func(r *http.Request) error {
		_, err := document.ValidateRequest(r)
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	e := emulator.New(config)
	defer e.Close()
	server := &http.Server{Handler: newHandler(e), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "sessions-emulator: listening on http://%s (controls: http://%[1]s%s)\n", listener.Addr(), prefix)
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	// Answers under way are finished; one that is stalled on purpose is not.
	grace, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	return nil
}

func parse(args []string, stderr io.Writer) (addr string, config emulator.Config, err error) {
	var app emulator.App
	var autodeploy bool
	flags := flag.NewFlagSet("sessions-emulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, "sessions-emulator imitates the Edgegap Sessions API on this machine.\n\nFlags:\n")
		flags.PrintDefaults()
		fmt.Fprintf(stderr, "\nControls for tests are below %s beside the API; GET %[1]s tells them.\n", prefix)
	}
	flags.StringVar(&addr, "addr", "localhost:8080", "`host:port` to listen on; port 0 takes a free one")
	flags.StringVar(&config.Key, "key", "", "take only this API `key`; by default every key is taken")
	flags.Uint64Var(&config.Seed, "seed", 0, "ids and drawn times come from this `number`")
	flags.Float64Var(&config.Speed, "speed", 1, "the `factor` by which its time passes faster than the clock")
	flags.DurationVar(&config.ReadyAfter, "ready-after", 2*time.Second, "how long after its creation a session is Ready; 0s is at once")
	flags.StringVar(&app.Kind, "kind", emulator.KindSeat, "what every app is: Seat (a socket for each user), Match (one for each session) or Default (no sessions)")
	flags.IntVar(&app.Sockets, "sockets", 10, "how `many` sockets each deployment has")
	flags.BoolVar(&autodeploy, "autodeploy", true, "start a deployment when none fits")
	if err := flags.Parse(args); err != nil {
		return "", config, err
	}
	if flags.NArg() > 0 {
		return "", config, fmt.Errorf("there are no arguments, only flags: %q", flags.Arg(0))
	}
	if config.Speed <= 0 || config.ReadyAfter < 0 {
		return "", config, errors.New("-speed must be above 0, and -ready-after not below")
	}
	if config.ReadyAfter == 0 {
		config.ReadyAfter = -time.Second
	}
	app.NoAutodeploy = !autodeploy
	config.Apps = []emulator.App{app}
	return addr, config, config.Valid()
}
