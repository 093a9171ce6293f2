package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// BenchmarkScale reports how many times as long a call takes among 100,000
// sessions as among 100: the median of each, the two taken in turn, so that
// whatever else the machine does strikes both.
//
//	go test ./internal/emulator -run '^$' -bench Scale -benchtime 3000x
func BenchmarkScale(b *testing.B) {
	players := `"ip_list": ` + ips(3)
	for _, mix := range []struct {
		name   string
		app    emulator.App
		fields func(n int) string
	}{
		{"no players", emulator.App{}, func(int) string { return "" }},
		{"three players on ten sockets", emulator.App{}, func(int) string { return players }},
		{"Match", emulator.App{Kind: emulator.KindMatch}, func(int) string { return players }},
		{"a common tag", emulator.App{}, func(int) string { return players + `, "selectors": [{"tag": "ranked"}]` }},
		{"a tag per match", emulator.App{}, func(n int) string { return players + fmt.Sprintf(`, "selectors": [{"tag": "m%d"}]`, n) }},
		{"a common tag and one per match", emulator.App{}, func(n int) string {
			return players + fmt.Sprintf(`, "selectors": [{"tag": "ranked"}, {"tag": "m%d"}]`, n)
		}},
		{"a mark per match", emulator.App{}, func(n int) string {
			return players + fmt.Sprintf(`, "selectors": [{"tag": "m%d", "tag_only": true}]`, n)
		}},
		{"deployments that end", emulator.App{EmptyTTL: 1}, func(n int) string {
			return players + fmt.Sprintf(`, "selectors": [{"tag": "m%d"}]`, n)
		}},
	} {
		b.Run(mix.name, func(b *testing.B) {
			sizes := []int{100, 100_000}
			crowds := make([]*crowd, len(sizes))
			for i, size := range sizes {
				e := emulator.New(emulator.Config{Apps: []emulator.App{mix.app}, ReadyAfter: -1, TerminatingFor: -1})
				defer e.Close()
				crowds[i] = &crowd{e: e, fields: mix.fields, took: map[string][]time.Duration{}}
				for range size {
					crowds[i].create(b)
				}
			}
			for b.Loop() {
				for _, c := range crowds {
					c.round(b)
				}
			}
			b.ReportMetric(0, "ns/op")
			for _, name := range []string{"create", "get", "page", "delete"} {
				few, many := median(crowds[0].took[name]), median(crowds[1].took[name])
				b.ReportMetric(float64(many)/float64(few), name+"-ratio")
			}
		})
	}
}

// crowd is an emulator with so many sessions.
type crowd struct {
	e       *emulator.Emulator
	fields  func(int) string
	created int
	ids     []string
	took    map[string][]time.Duration
}

// round creates a session, reads another and a page, and deletes a third.
func (c *crowd) round(b *testing.B) {
	start := time.Now()
	lap := func(name string) {
		c.took[name] = append(c.took[name], time.Since(start))
		start = time.Now()
	}
	c.create(b)
	lap("create")
	at := c.created * 7919 % len(c.ids)
	c.call(b, "GET", "/v1/session/"+c.ids[at], "")
	lap("get")
	c.call(b, "GET", fmt.Sprintf("/v1/sessions?page=%d", 1+at/10), "")
	lap("page")
	last := len(c.ids) - 1
	c.call(b, "DELETE", "/v1/session/"+c.ids[at], "")
	lap("delete")
	c.ids[at], c.ids = c.ids[last], c.ids[:last]
}

func (c *crowd) create(b *testing.B) {
	c.created++
	body := `{"app_name": "arena"`
	if fields := c.fields(c.created); fields != "" {
		body += ", " + fields
	}
	var created api.SessionRequest
	if err := json.Unmarshal(c.call(b, "POST", "/v1/session", body+"}"), &created); err != nil {
		b.Fatal(err)
	}
	c.ids = append(c.ids, created.SessionID)
}

func (c *crowd) call(b *testing.B, method, path, body string) []byte {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "token k")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	c.e.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
