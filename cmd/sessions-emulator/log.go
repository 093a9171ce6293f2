package main

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/internal/contract"
)

// logged answers with next, and writes a line for each call: the operation, the
// session, the status, the time it took and, if it was refused, the reason,
// unless the answer is that of a planned fault. There is no key in it, no query, no
// body and no IP address.
func logged(next http.Handler, log *slog.Logger, kind string, document *contract.Document) http.Handler {
	if log == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		route := document.Route(r)
		operation := route.Operation
		if operation == "" {
			operation = r.Method + " " + pattern(route.Path, r.URL.Path, document)
		}
		seen := &watched{ResponseWriter: w, creates: operation == "session-post"}
		whole := false
		defer func() {
			said := seen.said()
			attrs := []slog.Attr{slog.String("operation", operation)}
			// What else a path holds is not ours, and may be a key or an IP by mistake.
			if id := cmp.Or(route.Params["session_id"], said.SessionID); sessionID.MatchString(id) {
				attrs = append(attrs, slog.String("session_id", id))
			}
			if seen.status != 0 {
				attrs = append(attrs, slog.Int("status", seen.status))
			}
			if !whole || seen.status == 0 {
				attrs = append(attrs, slog.Bool("broken", true)) // by a fault
			}
			if !seen.planned && said.Message != "" && seen.status >= 400 {
				attrs = append(attrs, slog.String("message", said.Message))
			}
			attrs = append(attrs, slog.Duration("duration", time.Since(start).Round(time.Microsecond)))
			log.LogAttrs(context.Background(), slog.LevelInfo, kind, attrs...)
		}()
		next.ServeHTTP(seen, r)
		whole = true
	})
}

var sessionID = regexp.MustCompile(`^[0-9a-f]{12}-S$`)

// pattern is a path of the document, or the words of one that it does not have.
func pattern(path, asked string, document *contract.Document) string {
	if path != "" {
		return path
	}
	known := map[string]bool{"": true}
	for path := range document.Spec().Paths.Map() {
		for word := range strings.SplitSeq(path, "/") {
			known[word] = true
		}
	}
	words := strings.SplitN(asked, "/", 8)
	for i, word := range words {
		if !known[word] {
			words[i] = "*"
		}
	}
	return strings.Join(words, "/")
}

// watched remembers what was answered: its status, and the body of a refusal or
// of the answer to a create.
type watched struct {
	http.ResponseWriter
	creates bool
	status  int
	body    []byte
	planned bool
}

// Planned implements emulator.Planner.
func (w *watched) Planned() { w.planned = true }

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	if w.creates || w.status >= 400 {
		w.body = append(w.body, p...)
	}
	return w.ResponseWriter.Write(p)
}

// answered is what a line tells of a body.
type answered struct {
	Message   string `json:"message"`
	SessionID string `json:"session_id"`
}

func (w *watched) said() (said answered) {
	if json.Unmarshal(w.body, &said) != nil {
		return answered{}
	}
	return said
}
