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

func TestUnknownMatchIsNotFound(t *testing.T) {
	_, replicas := newReplicas(t)
	for _, path := range []string{"/match/0123456789abcdef", "/match/a%20b", "/match/a..b"} {
		w := httptest.NewRecorder()
		replicas[0].routes().ServeHTTP(w, httptest.NewRequest(http.MethodDelete, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: got status %d, want 404", path, w.Code)
		}
	}
}
