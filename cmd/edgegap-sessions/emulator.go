package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/oasdiff/yaml"
	"github.com/spf13/cobra"

	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func (p *program) addEmulatorCommand(root *cobra.Command) {
	var (
		config sessionstest.Config
		addr   string
		quiet  bool
	)
	c := &cobra.Command{
		Use: "emulator", Short: "Run an emulator of the API on this machine, with a page to look at", Args: cobra.NoArgs,
		Long: `Run an emulator of the API on this machine until Ctrl-C. It keeps all sessions in memory.

Open its address in a browser to see sessions, deployments, requests and webhooks. The controls below
/_emulator/ read and change it; see docs/emulator.md.`,
		Example: "  edgegap-sessions emulator --ready-after 5s\n  EDGEGAP_BASE_URL=http://localhost:8080 EDGEGAP_API_KEY=any edgegap-sessions list",
	}
	flags := p.add(root, c, func(ctx context.Context, _ *sessions.Client, _ []string) error {
		return serve(addr, config, quiet, func(url string, failed <-chan error) error {
			fmt.Println("edgegap-sessions: listening on", url) // an error does not matter
			select {
			case <-ctx.Done():
				return nil
			case err := <-failed:
				return err
			}
		})
	})
	flags.StringVar(&addr, "addr", "localhost:8080", "`host:port` to listen on; port 0 is any free port")
	flags = c.PersistentFlags()
	flags.Func("config", "YAML or JSON `file` with settings; flags after it override them", func(file string) error {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return decodeConfig(text, &config)
	})
	flags.StringVar(&config.Key, "key", "", "accept only this API `key` (default: any)")
	flags.Uint64Var(&config.Seed, "seed", 0, "`number` that determines ids and random values")
	flags.Func("ready-after", "`time` from create to Ready (default 2s)", func(text string) error {
		d, err := time.ParseDuration(text)
		config.ReadyAfter, config.ReadyAfterMax = &d, 0
		return err
	})
	flags.BoolVar(&quiet, "quiet", false, "do not log requests and changes on stderr")

	p.add(c, &cobra.Command{
		Use: "exec [flags] -- COMMAND [ARG...]", Short: "Run a command with an emulator of its own", Args: cobra.MinimumNArgs(1),
		Long: `Run a command with an emulator on a free port. EDGEGAP_BASE_URL and EDGEGAP_API_KEY are set for the
command; EDGEGAP_API_TOKEN, EDGEGAP_API_KEY_FILE and EDGEGAP_PLAIN_HTTP are removed. The exit code is that
of the command.`,
		Example: "  edgegap-sessions emulator exec --ready-after 0s -- npm test",
	}, func(_ context.Context, _ *sessions.Client, args []string) error {
		return serve("localhost:0", config, quiet || !flags.Lookup("quiet").Changed, func(url string, _ <-chan error) error {
			return runCommand(args, url, cmp.Or(config.Key, "emulator-key"))
		})
	}).SetInterspersed(false)
}

// runCommand runs a command that uses the emulator, passes signals on and returns its exit code.
func runCommand(args []string, url, key string) error {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(strings.ToUpper(v), "=")
		return strings.HasPrefix(name, "EDGEGAP_API_") || name == "EDGEGAP_BASE_URL" || name == "EDGEGAP_PLAIN_HTTP"
	}), "EDGEGAP_BASE_URL="+url, "EDGEGAP_API_KEY="+key)
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	if err := cmd.Start(); err != nil {
		return exitError{127, err.Error()}
	}
	go func() {
		for s := range signals {
			if s != os.Interrupt || !isTerminal(os.Stdin) { // the terminal interrupts the command too
				cmd.Process.Signal(s)
			}
		}
	}()
	err := cmd.Wait()
	if err == nil || !errors.As(err, new(*exec.ExitError)) {
		return err
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitError{code: 128 + int(status.Signal())}
	}
	return exitError{code: cmd.ProcessState.ExitCode()}
}

// serve runs an emulator until f returns. failed receives an error of the server.
func serve(addr string, config sessionstest.Config, quiet bool, f func(url string, failed <-chan error) error) error {
	document, err := contract.Load()
	if err != nil {
		return err
	}
	config.ValidateRequest = document.ValidateRequest
	fake, err := sessionstest.NewEmulator(config)
	if err != nil {
		return usageError("settings: %v", err)
	}
	defer fake.Close()
	listeners, url, err := listen(addr)
	if err != nil {
		return err
	}
	loopback := listeners[0].Addr().(*net.TCPAddr).IP.IsLoopback()
	server, failed := &http.Server{Handler: newHandler(fake, config, loopback), ReadHeaderTimeout: 10 * time.Second}, make(chan error, len(listeners))
	defer server.Close()
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
	}
	if !loopback {
		go message("warning: the address is not on loopback. Whoever can connect to it can use the page and the controls,\n" +
			"which need no key, and show IP addresses of players and secrets in webhook URLs.")
	}
	if !quiet {
		go logEvents(fake)
	}
	return f(url, failed)
}

// listen returns the listeners for an address and a URL for clients. For "localhost" it listens
// on 127.0.0.1 and, if the machine has IPv6, on ::1.
func listen(addr string) ([]net.Listener, string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, "", usageError("--addr: %v", err)
	}
	bind := host
	if host == "localhost" {
		bind = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(bind, port))
	if err != nil {
		return nil, "", err
	}
	_, bound, _ := net.SplitHostPort(l.Addr().String())
	listeners := []net.Listener{l}
	if host == "localhost" {
		l6, err := net.Listen("tcp6", net.JoinHostPort("::1", bound))
		switch {
		case err == nil:
			listeners = append(listeners, l6)
		case errors.Is(err, syscall.EADDRINUSE) && port == "0":
			l.Close()
			return listen(addr) // another port
		case !errors.Is(err, syscall.EADDRNOTAVAIL) && !errors.Is(err, syscall.EAFNOSUPPORT):
			l.Close()
			return nil, "", err
		}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return listeners, "http://" + net.JoinHostPort(host, bound), nil
}

// logEvents writes a line for each event to stderr. It reads the emulator's event log, so that a
// slow or closed stderr does not delay responses; it counts the events that it misses.
func logEvents(fake *sessionstest.Emulator) {
	for last := 0; ; {
		events, _, more, err := fake.Events(last)
		if err != nil {
			return
		}
		for _, e := range events {
			if missed := e.ID - last - 1; missed > 0 {
				message("%d events not logged", missed)
			}
			message("%s", e)
			last = e.ID
		}
		<-more
	}
}

// jsonOptions encode durations as strings such as "1.5s".
var jsonOptions = json.JoinOptions(
	json.WithMarshalers(json.MarshalFunc(func(d time.Duration) ([]byte, error) { return json.Marshal(d.String()) })),
	json.WithUnmarshalers(json.UnmarshalFunc(func(text []byte, d *time.Duration) error {
		parsed, err := time.ParseDuration(strings.Trim(string(text), `"`))
		if *d = parsed; err != nil {
			return errors.New(`must be a duration such as "1.5s"`)
		}
		return nil
	})),
	json.RejectUnknownMembers(true),
)

// decodeConfig changes the settings that are in a YAML or JSON document.
func decodeConfig(text []byte, config *sessionstest.Config) error {
	body, err := yaml.YAMLToJSON(text)
	if body = bytes.TrimSpace(body); err != nil || len(body) == 0 || string(body) == "null" {
		return err
	}
	return decodeJSON(body, config)
}

// decodeJSON decodes settings or faults. The error names the field.
func decodeJSON(body []byte, into any) error {
	err := json.Unmarshal(body, into, jsonOptions)
	semantic := (*json.SemanticError)(nil)
	if !errors.As(err, &semantic) {
		return err
	}
	name := cmp.Or(strings.ReplaceAll(strings.TrimPrefix(string(semantic.JSONPointer), "/"), "/", "."), "body")
	switch {
	case errors.Is(err, json.ErrUnknownName):
		return fmt.Errorf("unknown field %q", name)
	case semantic.Err != nil:
		return fmt.Errorf("%s: %w", name, semantic.Err)
	}
	return fmt.Errorf("%s: must not be a JSON %s", name, semantic.JSONKind)
}
