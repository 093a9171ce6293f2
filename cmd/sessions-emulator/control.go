package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// prefix is where the controls are.
const prefix = "/_emulator/"

const help = `sessions-emulator: controls beside the API. JSON in and out; errors are {"message": "..."}.

GET    /_emulator/requests     every request the API saw: operation, method, path, session_id, status,
                               key_accepted, content_type, has_body, user_agent, time
GET    /_emulator/sessions     every session ever created: status, exists (false once deleted), ips, ...
GET    /_emulator/deployments  every deployment: tags, env, sockets, sockets_used, ...
GET    /_emulator/webhooks     every webhook delivery that ended: session_id, status, answer, problem
POST   /_emulator/deployments  have a deployment running at once:
                               {"app_name": "arena", "version_name": "1.4.0", "tags": ["ranked"]}
PUT    /_emulator/sessions/{session_id}/status
                               put a session into a status: {"status": "Error"}
POST   /_emulator/faults       plan a fault: {"operation": "session-post", "times": 3, "status": 503, ...}
         operation             such as get-session (default any call)
         times                 for how many calls (default 1)
         delay                 such as "1.5s", before anything else
         status, headers, body
                               answered in place of the API's answer
         break                 reset, stall, cut or garble the answer
         done                  true: carry the call out before the status or the reset
DELETE /_emulator/faults       forget faults that have not struck yet
GET    /_emulator/config       the settings, all with their present value
PUT    /_emulator/config       change settings; those left out are as at the start
POST   /_emulator/reset        begin anew: no sessions, no record, no faults, settings as at the start
`

// newHandler is the API, with the controls below their prefix.
func newHandler(e *emulator.Emulator) http.Handler {
	controls := newControls(e)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// No mux here: it would answer an unclean path of the API with a redirect.
		if strings.HasPrefix(r.URL.Path, prefix) {
			controls.ServeHTTP(w, r)
			return
		}
		e.ServeHTTP(w, r)
	})
}

func newControls(e *emulator.Emulator) http.Handler {
	start := e.Config()
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+prefix+"{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, help)
	})
	show(mux, "requests", e.Requests)
	show(mux, "sessions", e.Sessions)
	show(mux, "deployments", e.Deployments)
	show(mux, "webhooks", e.Webhooks)
	show(mux, "config", func() settings { return settingsOf(e.Config()) })

	mux.HandleFunc("POST "+prefix+"deployments", func(w http.ResponseWriter, r *http.Request) {
		var wanted struct {
			AppName     string   `json:"app_name"`
			VersionName string   `json:"version_name"`
			Tags        []string `json:"tags"`
		}
		if !read(w, r, &wanted) {
			return
		}
		id, err := e.Deploy(wanted.AppName, wanted.VersionName, wanted.Tags...)
		if err != nil {
			write(w, http.StatusBadRequest, problem(err))
			return
		}
		write(w, http.StatusOK, map[string]string{"request_id": id})
	})
	mux.HandleFunc("PUT "+prefix+"sessions/{id}/status", func(w http.ResponseWriter, r *http.Request) {
		var wanted struct {
			Status string `json:"status"`
		}
		if !read(w, r, &wanted) {
			return
		}
		if wanted.Status == "" {
			write(w, http.StatusBadRequest, problem(errors.New("status: is required")))
			return
		}
		done(w, http.StatusNotFound, e.SetStatus(r.PathValue("id"), wanted.Status))
	})
	mux.HandleFunc("POST "+prefix+"faults", func(w http.ResponseWriter, r *http.Request) {
		var wanted fault
		if read(w, r, &wanted) {
			wanted.Fault.Delay = time.Duration(wanted.Delay)
			done(w, http.StatusBadRequest, e.FailNext(wanted.Fault))
		}
	})
	mux.HandleFunc("DELETE "+prefix+"faults", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, e.ForgetFaults())
	})
	mux.HandleFunc("PUT "+prefix+"config", func(w http.ResponseWriter, r *http.Request) {
		wanted := settingsOf(start)
		if read(w, r, &wanted) {
			done(w, http.StatusBadRequest, e.Configure(wanted.config()))
		}
	})
	mux.HandleFunc("POST "+prefix+"reset", func(w http.ResponseWriter, _ *http.Request) {
		err := e.Configure(start)
		e.Reset()
		done(w, http.StatusInternalServerError, err)
	})
	return mux
}

// settings are the configuration as JSON has it, with durations such as "1.5s".
// Its own fields hide those of the same name in Config.
type settings struct {
	emulator.Config
	ReadyAfter     duration `json:"ready_after"`
	ReadyAfterMost duration `json:"ready_after_most"`
	TerminatingFor duration `json:"terminating_for"`
}

func settingsOf(c emulator.Config) settings {
	return settings{c, duration(c.ReadyAfter), duration(c.ReadyAfterMost), duration(c.TerminatingFor)}
}

func (s settings) config() emulator.Config {
	c := s.Config
	c.ReadyAfter = time.Duration(s.ReadyAfter)
	c.ReadyAfterMost = time.Duration(s.ReadyAfterMost)
	c.TerminatingFor = time.Duration(s.TerminatingFor)
	return c
}

type fault struct {
	emulator.Fault
	Delay duration `json:"delay"`
}

type duration time.Duration

func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

func show[T any](mux *http.ServeMux, name string, get func() T) {
	mux.HandleFunc("GET "+prefix+name, func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, get())
	})
}

// read decodes a body, or answers that it can't.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err != nil {
		write(w, http.StatusBadRequest, problem(err))
	}
	return err == nil
}

// done answers 204, or the status for the error.
func done(w http.ResponseWriter, status int, err error) {
	if err != nil {
		write(w, status, problem(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func problem(err error) map[string]string { return map[string]string{"message": err.Error()} }

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer)
}
