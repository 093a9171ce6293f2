package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestInvalidMatchesAreRejected(t *testing.T) {
	for name, c := range map[string]struct{ key, body string }{
		"no key":         {"", `{"ips": ["203.0.113.7"]}`},
		"short key":      {"1", `{"ips": ["203.0.113.7"]}`},
		"key for others": {"0123456789abcdef.>", `{"ips": ["203.0.113.7"]}`},
		"no players":     {"0123456789abcdef", `{"ips": []}`},
		"no IP address":  {"0123456789abcdef", `{"ips": ["localhost"]}`},
		"no JSON":        {"0123456789abcdef", `ips=203.0.113.7`},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest(http.MethodPost, "/match", strings.NewReader(c.body))
			req.Header.Set("Idempotency-Key", c.key)
			w := httptest.NewRecorder()
			(&replica{}).postMatch(w, req)
			if w.Code != http.StatusBadRequest {
				t.Errorf("got status %d, want 400", w.Code)
			}
		})
	}
}
