package sessions_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestLogHasARecordPerAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		var log bytes.Buffer
		logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c := newClient(t, roundTripFunc(func(r *http.Request) (*http.Response, error) {
			attempts++
			switch time.Sleep(time.Duration(attempts) * time.Second); attempts {
			case 1:
				return respondJSON(503, `{"message":"203.0.113.7"}`), nil
			case 2:
				return nil, errors.New("dial tcp 203.0.113.7: token " + testKey)
			}
			return respondJSON(200, `{"session_id":"950dd2eaff09-S","session_users":[{"ip":"203.0.113.7"}]}`), nil
		}), sessions.WithLogger(logger))
		if _, err := c.Get(t.Context(), testID); err != nil {
			t.Fatal(err)
		}
		var records []map[string]any
		for line := range strings.Lines(log.String()) {
			var r map[string]any
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				t.Fatal(err)
			}
			records = append(records, r)
		}
		if len(records) != 3 {
			t.Fatalf("got %d records, want 3: %s", len(records), log.String())
		}
		for i, want := range []struct {
			status   float64
			maxDelay time.Duration
		}{{503, 500 * time.Millisecond}, {0, time.Second}, {200, 0}} {
			r := records[i]
			if r["level"] != "DEBUG" || r["operation"] != "Get" || r["attempt"] != float64(i+1) || r["status"] != want.status || r["duration"] != float64(time.Duration(i+1)*time.Second) {
				t.Errorf("record %d is %v, want status %v", i, r, want.status)
			}
			if delay, ok := r["next_delay"].(float64); !ok || delay < 0 || delay > float64(want.maxDelay) {
				t.Errorf("record %d is %v, want a delay of at most %v", i, r, want.maxDelay)
			}
		}
		if strings.Contains(log.String(), "203.0.113.7") || strings.Contains(log.String(), testKey) {
			t.Errorf("the log has the key or an IP address: %s", log.String())
		}
	})
}

func TestLogIsAtDebugLevel(t *testing.T) {
	var log bytes.Buffer
	c := newClient(t, respondAlways(401, `{"message":"bad key"}`), sessions.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
	for _, op := range operations {
		op.call(t.Context(), c)
	}
	if log.Len() > 0 {
		t.Errorf("got %s, want no record above debug level", log.String())
	}
}
