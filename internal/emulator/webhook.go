package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Webhook is one delivery, tried or refused. The fields are told at
// sessionstest.Webhook.
type Webhook struct {
	SessionID string    `json:"session_id"`
	Status    string    `json:"status"`
	Body      string    `json:"body"`
	Answer    int       `json:"answer"`
	Problem   string    `json:"problem"`
	Time      time.Time `json:"time"`
}

// Webhooks are the deliveries that have ended, in that order; of very many at
// least the last 10,000.
func (e *Emulator) Webhooks() []Webhook {
	e.mu.Lock()
	defer e.mu.Unlock()
	return list(e.webhooks)
}

// WaitWebhooks waits until so many deliveries have ended since New or Reset, or
// the context ends, whose error is then returned. It returns what Webhooks does
// in both cases.
func (e *Emulator) WaitWebhooks(ctx context.Context, n int) ([]Webhook, error) {
	for {
		e.mu.Lock()
		ended, count, more := list(e.webhooks), e.deliveries, e.delivered
		e.mu.Unlock()
		if count >= n {
			return ended, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ended, ctx.Err()
		case <-e.ctx.Done():
			return ended, errors.New("closed")
		}
	}
}

// announce sends the webhook of a session as it now is, behind those that are
// still to be sent for it. The caller holds the lock; the sending is done
// elsewhere.
func (e *Emulator) announce(s *session) {
	if s.request.WebhookURL == "" || e.closed {
		return
	}
	var body []byte
	if e.config.Unknown.FullWebhook {
		body, _ = json.Marshal(e.full(s))
	} else {
		body, _ = json.Marshal(e.summary(s))
	}
	s.outbox = append(s.outbox, letter{e.config, s.status, body})
	if len(s.outbox) == 1 {
		e.running.Go(func() { e.post(s) })
	}
}

// letter is a webhook that is to be sent, with the settings of its time.
type letter struct {
	config Config
	status string
	body   []byte
}

// post sends the webhooks of a session, one after the other.
func (e *Emulator) post(s *session) {
	for {
		e.mu.Lock()
		next := s.outbox[0]
		e.mu.Unlock()
		e.try(s, next)
		e.mu.Lock()
		s.outbox = s.outbox[1:]
		done := len(s.outbox) == 0 || e.closed
		e.mu.Unlock()
		if done {
			return
		}
	}
}

// try delivers one webhook, again a second later where the settings say so. Of
// a session from before a Reset it delivers none.
func (e *Emulator) try(s *session, l letter) {
	for attempt := range 1 + l.config.Unknown.WebhookRetries {
		if attempt > 0 && !sleep(e.ctx, time.Second) || !e.knows(s) {
			return
		}
		hook := Webhook{SessionID: s.id, Status: l.status, Body: string(l.body[:min(len(l.body), mostRecordedBody)])}
		hook.Answer, hook.Problem = e.deliver(l.config, s.request.WebhookURL, l.body)
		hook.Time = e.clock.now()
		e.mu.Lock()
		if e.sessions[s.id] == s {
			e.webhooks = remember(e.webhooks, hook)
			e.deliveries++
			close(e.delivered)
			e.delivered = make(chan struct{})
		}
		e.mu.Unlock()
		if hook.Answer/100 == 2 {
			return
		}
	}
}

// knows is whether the session is one of those since New or Reset.
func (e *Emulator) knows(s *session) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions[s.id] == s
}

// deliver posts one webhook. The problem it reports names no part of the URL.
func (e *Emulator) deliver(config Config, target string, body []byte) (answer int, problem string) {
	u, err := url.Parse(target)
	if err != nil {
		return 0, "the URL cannot be read"
	}
	var transport http.RoundTripper
	switch {
	case config.WebhookHandler != nil:
		transport = memory{e, config.WebhookHandler}
	case config.WebhooksAnywhere || isLoopback(u.Hostname()):
		transport = &http.Transport{DisableKeepAlives: true}
	default:
		return 0, "the host is not loopback"
	}
	ctx, cancel := context.WithTimeout(e.ctx, orElse(config.Unknown.WebhookTimeout, 10*time.Second))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, "the URL cannot be read"
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range config.Unknown.WebhookHeaders {
		request.Header.Set(name, value)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return 0, "no answer"
	}
	defer response.Body.Close()
	io.CopyN(io.Discard, response.Body, 64<<10)
	return response.StatusCode, ""
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
