package sessionstest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// BenchmarkScale measures calls in process, without a client, while many sessions
// exist that are all Ready or all pending. An iteration creates a session, and
// reads a session, reads a page of 100 and deletes a session, all at random.
func BenchmarkScale(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		for _, readyAfter := range []time.Duration{0, time.Hour} {
			b.Run(fmt.Sprintf("sessions=%d/readyAfter=%v", n, readyAfter), func(b *testing.B) {
				srv := sessionstest.NewServer(b, sessionstest.WithReadyAfter(readyAfter))
				ids := make([]string, n)
				for i := range ids {
					ids[i] = serveCreate(b, srv)
				}
				names := []string{"create", "get", "page", "delete"}
				var spent [4]time.Duration
				for b.Loop() {
					i := rand.IntN(n)
					page := fmt.Sprintf("/v1/sessions?limit=100&page=%d", 1+rand.IntN(n/100))
					created := ""
					for step, call := range []func(){
						func() { created = serveCreate(b, srv) },
						func() { serve(b, srv, "GET", "/v1/session/"+ids[i], "") },
						func() { serve(b, srv, "GET", page, "") },
						func() { serve(b, srv, "DELETE", "/v1/session/"+ids[i], "") },
					} {
						start := time.Now()
						call()
						spent[step] += time.Since(start)
					}
					ids[i] = created
				}
				for step, name := range names {
					b.ReportMetric(float64(spent[step].Nanoseconds())/1000/float64(b.N), "µs/"+name)
				}
			})
		}
	}
}

func serveCreate(b *testing.B, h http.Handler) (id string) {
	var created api.CreateResult
	body := serve(b, h, "POST", "/v1/session", `{"app_name":"arena","ip_list":["203.0.113.7"]}`)
	if err := json.Unmarshal(body, &created); err != nil {
		b.Fatal(err)
	}
	return created.SessionID
}

// serve returns the body of a successful response.
func serve(b *testing.B, h http.Handler, method, target, body string) []byte {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "token any")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("%s %s: status %d: %s", method, target, w.Code, w.Body)
	}
	return w.Body.Bytes()
}
