package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/edgegap-community/edgegap/sessions"
)

// state is the state of a match. A match moves down this list and never up. It can be recorded
// several times, each time with the next attempt.
type state string

const (
	queued    state = "queued"     // a message with the id of the match is in the queue
	recorded  state = "recorded"   // a session with the reference of this attempt may exist
	created   state = "created"    // the session exists and its id is known
	ready     state = "ready"      // players can connect, but nobody has the address yet
	handedOut state = "handed out" // the address was given to the player's request
	over      state = "over"       // the match does not use a session any more
)

// match is the record of a match. Its key in the bucket is the id of the match. Each change is a
// compare-and-set: save fails if another replica has changed the record since load.
type match struct {
	State     state
	IPs       []netip.Addr
	Attempt   int // number of creates
	SessionID string
	Address   string
	Reason    string // why the match is over
	Replica   string // that works on the match, or did so last

	id       string
	revision uint64 // of the record; 0 if there is none
	changed  time.Time
}

const (
	maxAttempts = 3               // creates for a match
	maxWait     = 2 * time.Minute // for the session to become ready
	maxMatches  = 100             // that a replica makes at once; the others stay in the queue
)

// errConflict is the error of save if another replica has changed the record.
var errConflict error = jetstream.ErrKeyRevisionMismatch

func (r *replica) load(ctx context.Context, id string) (*match, error) {
	entry, err := r.matches.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	m := &match{id: id, revision: entry.Revision(), changed: entry.Created()}
	return m, json.Unmarshal(entry.Value(), m)
}

// save writes the record and tells the replica whose player waits for it.
func (r *replica) save(ctx context.Context, m *match) error {
	value, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if m.revision, err = r.matches.Update(ctx, m.id, value, m.revision); err != nil {
		return err
	}
	return r.nc.Publish(changedSubject+m.id, nil)
}

// end makes a match over, and then deletes its session. If that fails, Reclaim deletes it.
func (r *replica) end(ctx context.Context, m *match, reason string) error {
	m.State, m.Reason = over, reason
	if err := r.save(ctx, m); err != nil || m.SessionID == "" {
		return err
	}
	if err := r.client.Delete(ctx, m.SessionID); err != nil {
		slog.Warn("session is left to Reclaim", "session", m.SessionID, "error", err)
	}
	return nil
}

// consume handles the messages in the queue until ctx is done. It returns an error if the queue
// does not exist any more.
func (r *replica) consume(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, maxMatches)
	for ctx.Err() == nil {
		slots <- struct{}{}
		nextCtx, cancel := context.WithTimeout(ctx, r.takeoverAfter)
		msg, err := r.queue.Next(jetstream.FetchContext(nextCtx))
		cancel()
		if err == nil {
			running.Go(func() { r.handle(ctx, msg); <-slots })
			continue
		}
		<-slots
		// NATS does not respond to a request that waits while the queue is lost in a restart.
		_, infoErr := r.queue.Info(ctx)
		if errors.Is(infoErr, jetstream.ErrConsumerNotFound) || errors.Is(infoErr, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("queue: %w", infoErr)
		}
		if !errors.Is(err, nats.ErrTimeout) && ctx.Err() == nil {
			slog.Warn("no message from the queue", "error", err)
			sleep(ctx, time.Second)
		}
	}
	return nil
}

// handle makes the match of a message in the queue ready, and ends the match if nobody has asked
// for the address some time later. If this replica dies, NATS delivers the message to another
// one after r.takeoverAfter.
func (r *replica) handle(ctx context.Context, msg jetstream.Msg) {
	ctx, done := context.WithCancel(ctx)
	defer done()
	go func() {
		for ctx.Err() == nil {
			msg.InProgress()
			sleep(ctx, r.takeoverAfter/3)
		}
	}()
	m, err := r.load(ctx, string(msg.Data()))
	if err == nil && m.State == ready && time.Since(m.changed) > r.handOutWithin {
		err = r.end(ctx, m, "nobody asked for the address in time")
	} else if err == nil {
		err = r.makeReady(ctx, m)
	}
	switch {
	case err == nil && m.State == ready:
		msg.NakWithDelay(r.handOutWithin + time.Second) // deliver it once more
	case err == nil:
		msg.Ack()
	case errors.Is(err, errConflict):
		// Another replica or DELETE changed it. Not a Nak: if the match is not over, the message
		// has been delivered again, to the replica that changed it, or will be after AckWait.
	default:
		slog.Warn("match goes back to the queue", "match", string(msg.Data()), "error", err)
		msg.NakWithDelay(time.Second)
	}
}

// makeReady takes a match from any earlier state to ready or over. It can stop at any point: the
// replica that gets the message next continues from the record.
func (r *replica) makeReady(ctx context.Context, m *match) error {
	if (m.State == recorded || m.State == created) && m.Replica != r.name {
		slog.Info("continued", "match", m.id, "from", m.Replica, "state", m.State)
	}
	m.Replica = r.name
	if m.State == recorded {
		// Without Find, the next attempt would create a second session, and players would wait longer.
		found, err := r.hooks.Find(ctx, reference(m))
		if err != nil {
			return err
		}
		if len(found) > 0 {
			m.State, m.SessionID = created, found[0].SessionID
		}
	}
	if m.State == queued || m.State == recorded {
		if m.Attempt == maxAttempts {
			return r.end(ctx, m, "no game server could be requested")
		}
		m.State, m.Attempt = recorded, m.Attempt+1
		if err := r.save(ctx, m); err != nil { // before Create: nobody else creates a session of this attempt
			return err
		}
		request := r.game
		request.WebhookURL = r.hooks.URL(reference(m))
		for _, ip := range m.IPs {
			request.IPList = append(request.IPList, ip.String())
		}
		s, err := r.client.Create(ctx, request)
		switch {
		case err == nil:
			m.State, m.SessionID = created, s.SessionID
		case ctx.Err() != nil, errors.Is(err, sessions.ErrOutcomeUnknown), errors.Is(err, sessions.ErrRateLimited):
			return err // and look for the session the next time
		default:
			slog.Error("create failed", "match", m.id, "error", err)
			return r.end(ctx, m, "no game server could be requested")
		}
	}
	if m.State != created {
		return nil
	}
	if err := r.save(ctx, m); err != nil {
		return err
	}
	waitCtx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	s, err := r.client.WaitReady(waitCtx, m.SessionID)
	if err == nil {
		m.Address, err = s.Endpoint(r.port)
	}
	switch {
	case err == nil:
		m.State = ready
		return r.save(ctx, m)
	case ctx.Err() != nil:
		return err
	}
	slog.Error("session failed", "match", m.id, "error", err)
	return r.end(ctx, m, "the game server did not start")
}

// reclaim regularly deletes the sessions that no match uses, in one replica at a time: whoever
// creates the key in the lease bucket has the turn, and NATS removes the key after
// r.reclaimEvery. The lease only saves requests: two replicas may reclaim at the same time.
func (r *replica) reclaim(ctx context.Context) error {
	for ; ctx.Err() == nil; sleep(ctx, r.reclaimEvery/4) {
		if _, err := r.lease.Create(ctx, "reclaim", []byte(r.name)); err != nil {
			if !errors.Is(err, jetstream.ErrKeyExists) {
				slog.Warn("no lease", "error", err)
			}
			continue
		}
		deleted, err := r.hooks.Reclaim(ctx, r.inUse)
		for _, id := range deleted {
			slog.Info("reclaimed", "session", id)
		}
		if err != nil {
			slog.Warn("reclaim failed", "error", err)
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// reference returns the reference in the webhook URL of the session. Each attempt has its own,
// so that at most one session has it.
func reference(m *match) string { return fmt.Sprintf("%s.%d", m.id, m.Attempt) }

// inUse reports whether a match uses the session with a reference. It must not return false for
// a session in use, although a read may return an old record: a record that is over or has a
// later attempt stays so, and other differences are confirmed or reported as errors.
func (r *replica) inUse(ctx context.Context, reference string) (bool, error) {
	id, number, _ := strings.Cut(reference, ".")
	attempt, err := strconv.Atoi(number)
	if err != nil {
		return false, err
	}
	m, err := r.load(ctx, id)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		// The record has expired, unless NATS has lost its data: then the bucket is new.
		status, err := r.matches.Status(ctx)
		if err != nil {
			return false, err
		}
		if created := status.(*jetstream.KeyValueBucketStatus).StreamInfo().Created; time.Since(created) <= status.TTL() {
			return false, errors.New("no record, but the bucket is too new for it to have expired")
		}
		// This save fails if the record exists after all.
		return false, r.save(ctx, &match{id: id, State: over, Attempt: attempt, Reason: "expired"})
	case err == nil && m.Attempt < attempt:
		err = errors.New("the record is not the latest one")
	}
	return err == nil && m.Attempt == attempt && m.State != over, err
}
