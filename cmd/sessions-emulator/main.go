// Command sessions-emulator imitates the Edgegap Sessions API on this machine,
// for programs in any language. It knows the eight calls of openapi.yaml, takes
// any key unless -key names one, refuses with 400 what openapi.yaml does not
// allow, and keeps its state in memory.
//
//	go run github.com/edgegap-community/edgegap/cmd/sessions-emulator
//	curl -H 'authorization: token any' localhost:8080/v1/sessions
//
// It prints one line, with its address, when it listens; with -addr localhost:0
// that is where to read the port. Each call is a line on stderr, without key,
// body and IP addresses. It stops on an interrupt. The flags, and a file of
// settings, are told by -help.
//
// Beside the API, below /_emulator/, there are controls for tests: what was
// asked, a session's status, planned faults, settings, a new beginning. They
// are described in controls.yaml, an OpenAPI document, and told as text by
//
//	curl localhost:8080
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// prefix is where the controls are.
const prefix = "/_emulator/"

//go:embed controls.yaml
var controlsYAML []byte

// What requests are held against, read once.
var (
	apiDocument      = sync.OnceValues(contract.Load)
	controlsDocument = sync.OnceValues(func() (*contract.Document, error) { return contract.Parse(controlsYAML) })
)

// The exit codes. They are told by -help.
const (
	exitFine   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run serves until the context ends, and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitFine
	case err != nil:
		fmt.Fprintf(stderr, "sessions-emulator: %v\nsessions-emulator -help tells more\n", err)
		return exitUsage
	}
	if err := serve(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "sessions-emulator:", err)
		return exitFailed
	}
	return exitFine
}

func serve(ctx context.Context, o options, stdout, stderr io.Writer) error {
	listener, err := net.Listen("tcp", o.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	var log *slog.Logger
	if !o.quiet {
		log = slog.New(slog.NewTextHandler(stderr, nil))
	}
	e, handler, err := newProgram(o.config, log)
	if err != nil {
		return err
	}
	defer e.Close()
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
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

// newProgram is the emulator, behind the API that openapi.yaml describes and
// the controls beside it. Every call is logged, if there is a log.
func newProgram(config emulator.Config, log *slog.Logger) (*emulator.Emulator, http.Handler, error) {
	api, err := apiDocument()
	if err != nil {
		return nil, nil, err
	}
	beside, err := controlsDocument()
	if err != nil {
		return nil, nil, err
	}
	config.Check = func(r *http.Request) error {
		if r.Method == http.MethodGet && r.URL.RawQuery == "" {
			return nil // the emulator has looked at the key and the path, and nothing else is there
		}
		_, err := api.ValidateRequest(r)
		return err
	}
	e := emulator.New(config)
	calls := logged(e, log, "call", api)
	controls := logged(newControls(e, beside), log, "control", beside)
	return e, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// No mux here: it would answer an unclean path of the API with a redirect.
		if r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, prefix) || r.URL.Path+"/" == prefix {
			controls.ServeHTTP(w, r)
			return
		}
		calls.ServeHTTP(w, r)
	}), nil
}
