package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func (r *replica) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /match", r.postMatch)
	mux.HandleFunc("DELETE /match/{id}", r.deleteMatch)
	mux.Handle("POST /hook", r.hooks.Handler(func(_ context.Context, sessionID string) error {
		return r.nc.Publish(notifySubject, []byte(sessionID)) // another replica may wait for it
	}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), 2*time.Second)
		defer cancel()
		if _, err := r.queue.Info(ctx); err != nil {
			respond(w, http.StatusServiceUnavailable, response{Error: "queue: " + err.Error()})
		}
	})
	mux.Handle("GET /metrics", promhttp.Handler())
	return mux
}

type response struct {
	Match   string `json:"match,omitzero"`
	Address string `json:"address,omitzero"`
	Error   string `json:"error,omitzero"`
}

func respond(w http.ResponseWriter, status int, body response) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

var validID = regexp.MustCompile(`^[A-Za-z0-9_-]{16,64}$`)

// postMatch queues a match for the players in the body, such as {"ips": ["203.0.113.7"]}, and
// responds when it is ready (200 with the address) or over (410 with the reason). The header
// Idempotency-Key, a random text of the client, is the id of the match: after a 503 or a lost
// connection, the client repeats the request to any replica, and gets the result of the same
// match.
func (r *replica) postMatch(w http.ResponseWriter, req *http.Request) {
	var players struct{ IPs []netip.Addr }
	err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<16)).Decode(&players)
	m := &match{id: req.Header.Get("Idempotency-Key"), State: queued, IPs: players.IPs}
	if err != nil || len(m.IPs) == 0 || !validID.MatchString(m.id) {
		respond(w, http.StatusBadRequest, response{Error: "want IP addresses in ips, and an Idempotency-Key of 16 to 64 letters, digits, - or _"})
		return
	}
	id := m.id
	err = r.enqueue(req.Context(), m)
	if err == nil {
		m, err = r.waitForResult(req.Context(), id)
	}
	switch {
	case err != nil:
		if req.Context().Err() == nil { // else the player has left, or the replica shuts down
			slog.Warn("no result", "match", id, "error", err)
		}
		w.Header().Set("Retry-After", "1")
		respond(w, http.StatusServiceUnavailable, response{Error: "repeat the request with the same Idempotency-Key"})
	case m.State == over:
		respond(w, http.StatusGone, response{Match: m.id, Error: m.Reason})
	default:
		respond(w, http.StatusOK, response{Match: m.id, Address: m.Address})
	}
}

// enqueue records a match and puts it into the queue, unless an earlier request has done so.
func (r *replica) enqueue(ctx context.Context, m *match) error {
	err := r.save(ctx, m)
	if errors.Is(err, errConflict) {
		m, err = r.load(ctx, m.id)
	}
	if err == nil && m.State == queued {
		_, err = r.js.Publish(ctx, queueSubject, []byte(m.id), jetstream.WithMsgID(m.id))
	}
	return err
}

// waitForResult waits until a match is handed out or over. It hands out a match that is ready:
// once the state is changed, no other replica ends the match.
func (r *replica) waitForResult(ctx context.Context, id string) (*match, error) {
	changed, err := r.nc.SubscribeSync(changedSubject + id)
	if err != nil {
		return nil, err
	}
	defer changed.Unsubscribe()
	for ctx.Err() == nil {
		m, err := r.load(ctx, id)
		if err == nil && m.State == ready {
			m.State = handedOut
			err = r.save(ctx, m)
		}
		switch {
		case err == nil && (m.State == handedOut || m.State == over):
			return m, nil
		case err != nil && !errors.Is(err, errConflict):
			return nil, err
		}
		readAgain, cancel := context.WithTimeout(ctx, 2*time.Second) // the message may be lost
		changed.NextMsgWithContext(readAgain)
		cancel()
	}
	return nil, ctx.Err()
}

// deleteMatch ends a match that its players have left or do not want any more.
func (r *replica) deleteMatch(w http.ResponseWriter, req *http.Request) {
	id, err := req.PathValue("id"), errConflict
	for errors.Is(err, errConflict) {
		var m *match
		if m, err = r.load(req.Context(), id); err == nil && m.State != over {
			err = r.end(req.Context(), m, "deleted")
		}
	}
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrInvalidKey):
		respond(w, http.StatusNotFound, response{Error: "there is no such match"})
	case err != nil:
		slog.Warn("not deleted", "match", id, "error", err)
		respond(w, http.StatusServiceUnavailable, response{Error: "repeat the request"})
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}
