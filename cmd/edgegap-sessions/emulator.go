package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/oasdiff/yaml"
	"github.com/spf13/cobra"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

func (p *program) addEmulatorCommand(root *cobra.Command) {
	config, addr, quiet := sessionstest.Config{}, "", false
	c := &cobra.Command{
		Use: "emulator", Short: "Run an emulator of the API on this machine, with a web page", Args: cobra.NoArgs,
		Long: `Run an emulator of the API on this machine until Ctrl-C. Open its address in a browser to see sessions,
deployments, requests and webhooks. Requests to paths under /_emulator/ control it; see docs/emulator.md.`,
	}
	flags := p.add(root, c, func(ctx context.Context, _ *sessions.Client, _ []string) error {
		return serve(addr, config, quiet, func(url string) error {
			fmt.Println("edgegap-sessions: listening on", url) // an error does not matter
			<-ctx.Done()
			return nil
		})
	})
	flags.StringVar(&addr, "addr", "localhost:8080", "`host:port` to listen on; port 0 is any free port")
	flags = c.PersistentFlags()
	flags.Func("config", "YAML or JSON `file` with settings; flags after --config override its settings", func(file string) error {
		text, err := os.ReadFile(file)
		if err == nil {
			err = decodeConfig(text, &config)
		}
		return err
	})
	flags.StringVar(&config.Key, "key", "", "accept only this API `key` (default: any)")
	flags.Uint64Var(&config.Seed, "seed", 0, "`number` that determines ids and random values")
	flags.Func("ready-after", "`time` from create to Ready (default 2s)", func(text string) error {
		d, err := time.ParseDuration(text)
		config.ReadyAfter, config.ReadyAfterMax = &d, 0
		return err
	})
	flags.BoolVar(&quiet, "quiet", false, "do not log requests and changes on stderr (exec: the default)")

	p.add(c, &cobra.Command{
		Use: "exec [flags] -- COMMAND [ARG...]", Short: "Run a command with an emulator of its own", Args: cobra.MinimumNArgs(1),
		Long: `Run a command, such as npm test, with an emulator on a free port. exec sets EDGEGAP_API_KEY and
EDGEGAP_BASE_URL for the command, removes all other EDGEGAP_API_ variables and EDGEGAP_PLAIN_HTTP, and
returns the exit code of the command.`,
	}, func(_ context.Context, _ *sessions.Client, args []string) error {
		return serve("localhost:0", config, quiet || !flags.Lookup("quiet").Changed, func(url string) error {
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
	cmd.Wait() // cmd.ProcessState has the result
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitError{code: 128 + int(status.Signal())}
	}
	return exitError{code: cmd.ProcessState.ExitCode()}
}

// serve runs an emulator until f returns.
func serve(addr string, config sessionstest.Config, quiet bool, f func(url string) error) error {
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
	server := &http.Server{Handler: newHandler(fake, config, loopback), ReadHeaderTimeout: 10 * time.Second}
	defer server.Close()
	for _, l := range listeners {
		go server.Serve(l) // until server.Close
	}
	if !loopback {
		go message("warning: whoever can connect to this address can use the page and the controls, without a key, and see IP addresses and secrets")
	}
	if !quiet {
		go logEvents(fake)
	}
	return f(url)
}

// listen returns the listeners for an address and a URL for clients. For "localhost" it listens
// on 127.0.0.1 and, if the machine has IPv6, on ::1.
func listen(addr string) ([]net.Listener, string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, "", usageError("--addr: %v", err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(cmp.Or(map[string]string{"localhost": "127.0.0.1"}[host], host), port))
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
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	return listeners, "http://" + net.JoinHostPort(host, bound), nil
}

// logEvents writes a line for each event to stderr. It reads the emulator's event log, so that a
// slow or closed stderr does not delay responses; it counts the events that it misses.
func logEvents(fake *sessionstest.Emulator) {
	for last := 0; ; {
		events, _, more, _ := fake.Events(last)
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
	json.WithUnmarshalers(json.UnmarshalFunc(func(text []byte, d *time.Duration) (err error) {
		if *d, err = time.ParseDuration(strings.Trim(string(text), `"`)); err != nil {
			err = errors.New(`must be a duration such as "1.5s"`)
		}
		return err
	})),
	json.RejectUnknownMembers(true),
)

// decodeConfig changes the settings that are in a YAML or JSON document.
func decodeConfig(text []byte, config *sessionstest.Config) error {
	body, err := yaml.YAMLToJSON(text)
	if body = bytes.TrimSpace(body); err != nil || string(body) == "null" {
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
	if errors.Is(err, json.ErrUnknownName) {
		return fmt.Errorf("unknown field %q", name)
	}
	return fmt.Errorf("%s: %w", name, cmp.Or(semantic.Err, fmt.Errorf("must not be a JSON %s", semantic.JSONKind)))
}

//go:embed page.html
var page []byte

// newHandler serves the API, the page at / and the controls below /_emulator/. It rejects requests
// to the latter from pages of other origins and, on loopback, with the name of another host, which
// may point here by DNS rebinding.
func newHandler(fake *sessionstest.Emulator, initial sessionstest.Config, loopback bool) http.Handler {
	own := http.NewServeMux()
	own.HandleFunc("GET /{$}", servePage)
	own.HandleFunc("GET /_emulator/events", func(w http.ResponseWriter, r *http.Request) { streamEvents(fake, w, r) })
	addControls(own, fake, initial)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		origin, err := url.Parse(r.Header.Get("Origin"))
		switch {
		case r.URL.Path != "/" && !strings.HasPrefix(r.URL.Path, "/_emulator/"):
			fake.ServeHTTP(w, r)
		case loopback && host != "localhost" && !net.ParseIP(host).IsLoopback() || r.Header.Get("Origin") != "" && (err != nil || origin.Host != r.Host):
			http.Error(w, "forbidden: foreign Host or Origin", http.StatusForbidden)
		default:
			own.ServeHTTP(w, r)
		}
	})
}

func servePage(w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%[1]s'; "+
		"img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'", nonce))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(bytes.ReplaceAll(page, []byte("{{nonce}}"), []byte(nonce)))
}

// instance distinguishes the ids of this process's events from those of others.
var instance = strconv.FormatInt(time.Now().UnixNano(), 36) + "-"

// streamEvents sends all events from the one in the header Last-Event-ID on, as
// server-sent events or, if accepted, as ndjson. If some are missing, it sends the
// state first. Server-sent events have totals after each batch.
func streamEvents(fake *sessionstest.Emulator, w http.ResponseWriter, r *http.Request) {
	ndjson := strings.Contains(r.Header.Get("Accept"), "application/x-ndjson")
	w.Header().Set("Content-Type", map[bool]string{true: "application/x-ndjson", false: "text/event-stream"}[ndjson])
	w.Header().Set("Cache-Control", "no-store")
	send := func(id int, v any) {
		data, _ := json.Marshal(v, jsonOptions)
		if ndjson {
			fmt.Fprintf(w, "%s\n", data)
		} else {
			fmt.Fprintf(w, "id: %s%d\ndata: %s\n\n", instance, id, data)
		}
	}
	if !ndjson {
		fmt.Fprint(w, "retry: 1000\n\n") // milliseconds until a browser connects again
	}
	last, _ := strings.CutPrefix(r.Header.Get("Last-Event-ID"), instance)
	for id, _ := strconv.Atoi(last); ; {
		events, missing, more, err := fake.Events(id)
		if err != nil {
			id = 0 // the client has seen another emulator
			continue
		}
		if missing {
			state := fake.State(2000) // as many as the page keeps
			id = state.LastEvent
			send(id, map[string]any{"type": "state", "state": state})
			for _, e := range events {
				if e.ID <= id && e.Session != nil && e.Session.Status == api.StatusTerminating {
					send(id, e) // the state has no deleted sessions
				}
			}
		}
		for _, e := range events {
			if e.ID > id {
				id = e.ID
				send(id, e)
			}
		}
		if !ndjson {
			send(id, map[string]any{"type": "totals", "totals": fake.Totals()})
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

// addControls adds the endpoints that read and change the emulator. They take and
// return JSON and need no key.
func addControls(mux *http.ServeMux, fake *sessionstest.Emulator, initial sessionstest.Config) {
	handle := func(pattern string, f func(r *http.Request, body []byte) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			var result any
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
			if err == nil {
				result, err = f(r, body)
			}
			w.Header().Set("Content-Type", "application/json")
			if err != nil {
				w.WriteHeader(http.StatusBadRequest)
				result = map[string]string{"message": err.Error()}
			}
			json.MarshalWrite(w, result, jsonOptions)
		})
	}
	ok := map[string]bool{"ok": true}
	handle("GET /_emulator/health", func(*http.Request, []byte) (any, error) { return ok, nil })
	handle("GET /_emulator/state", func(r *http.Request, _ []byte) (any, error) {
		n, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		return fake.State(max(n, 0)), nil
	})
	// encode and change neither show nor change the key, because the controls need none.
	encode := func(config sessionstest.Config) jsontext.Value {
		config.Key = strings.Repeat("***", min(len(config.Key), 1))
		text, _ := json.Marshal(config, jsonOptions)
		return text
	}
	change := func(settings jsontext.Value, body []byte, apply func(sessionstest.Config) error) (any, error) {
		var config sessionstest.Config
		decodeJSON(settings, &config) // encode made them
		key := config.Key
		if err := decodeConfig(body, &config); err != nil {
			return nil, err
		}
		if config.Key != key {
			return nil, errors.New("key: cannot be changed")
		}
		config.Key, config.ValidateRequest = initial.Key, initial.ValidateRequest
		return encode(config), apply(config)
	}
	handle("GET /_emulator/config", func(*http.Request, []byte) (any, error) { return encode(fake.Config()), nil })
	handle("PATCH /_emulator/config", func(_ *http.Request, body []byte) (any, error) {
		return change(encode(fake.Config()), body, fake.SetConfig)
	})
	handle("POST /_emulator/reset", func(_ *http.Request, body []byte) (any, error) { return change(encode(initial), body, fake.Reset) })
	handle("GET /_emulator/faults", func(*http.Request, []byte) (any, error) { return fake.Faults(), nil })
	handle("POST /_emulator/faults", func(_ *http.Request, body []byte) (any, error) {
		var faults []sessionstest.Fault
		if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
			body = fmt.Appendf(nil, "[%s]", body)
		}
		err := decodeJSON(body, &faults)
		if err == nil {
			err = fake.PlanFaults(faults...)
		}
		return faults, err
	})
	handle("DELETE /_emulator/faults", func(*http.Request, []byte) (any, error) { return fake.ClearFaults(), nil })
	handle("PUT /_emulator/sessions/{id}/status", func(r *http.Request, body []byte) (any, error) {
		var change map[string]api.Status
		json.Unmarshal(body, &change) // without a status, SetStatus returns the error
		return ok, fake.SetStatus(r.PathValue("id"), change["status"])
	})
	handle("POST /_emulator/sessions/{id}/webhook", func(r *http.Request, _ []byte) (any, error) { return ok, fake.SendWebhook(r.PathValue("id")) })
	handle("POST /_emulator/deployments", func(_ *http.Request, body []byte) (any, error) {
		var d sessionstest.DeployRequest
		if err := decodeJSON(body, &d); err != nil {
			return nil, err
		}
		id, err := fake.Deploy(d)
		return map[string]string{"request_id": id}, err
	})
	handle("DELETE /_emulator/deployments/{id}", func(r *http.Request, _ []byte) (any, error) { return ok, fake.EndDeployment(r.PathValue("id")) })
}
