package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// webhookTimeout is how long one delivery may take.
const webhookTimeout = 10 * time.Second

// Webhook is one delivery, tried or refused. It keeps no URL, as secrets are
// put there.
type Webhook struct {
	SessionID string    `json:"session_id"`
	Status    string    `json:"status"`  // of the session
	Answer    int       `json:"answer"`  // HTTP status; 0 if there was none
	Problem   string    `json:"problem"` // why there was none
	Time      time.Time `json:"time"`
}

// Webhooks are the deliveries that have ended, in that order; of very many at
// least the last 100,000.
func (e *Emulator) Webhooks() []Webhook {
	e.mu.Lock()
	defer e.mu.Unlock()
	return list(e.webhooks)
}

// announce sends the webhook of a session as it now is. The caller holds the
// lock; the sending is done elsewhere.
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
	config, target := e.config, s.request.WebhookURL
	hook := Webhook{SessionID: s.id, Status: s.status}
	e.running.Go(func() {
		for try := range 1 + max(config.Unknown.WebhookRetries, 0) {
			if try > 0 && !sleep(e.ctx, time.Second) {
				return
			}
			hook.Answer, hook.Problem = e.deliver(config, target, body)
			hook.Time = time.Now()
			e.mu.Lock()
			e.webhooks = remember(e.webhooks, hook)
			e.mu.Unlock()
			if hook.Answer/100 == 2 {
				return
			}
		}
	})
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
	ctx, cancel := context.WithTimeout(e.ctx, webhookTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return 0, "the URL cannot be read"
	}
	request.Header.Set("Content-Type", "application/json")
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
