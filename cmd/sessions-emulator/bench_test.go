package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkGets reads a session over a socket, from the program and from a
// handler that answers the same bytes and does nothing else, in turns. The ratio
// is what is left of the second's speed.
func BenchmarkGets(b *testing.B) {
	o, err := parse([]string{"-ready-after", "0s", "-quiet"}, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	e, h, err := newProgram(o.config, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	w := send(h, "POST", "/v1/session", `{"app_name": "arena", "ip_list": ["203.0.113.7", "198.51.100.23"]}`)
	var created struct {
		SessionID string `json:"session_id"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &created); err != nil {
		b.Fatal(err)
	}
	path := "/v1/session/" + created.SessionID
	same := send(h, "GET", path, "")
	if same.Code != 200 || !strings.Contains(same.Body.String(), `"ready":true`) {
		b.Fatal(same.Code, same.Body)
	}
	program := httptest.NewServer(h)
	defer program.Close()
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", same.Header().Get("Content-Type"))
		w.Header().Set("Content-Length", same.Header().Get("Content-Length"))
		w.Write(same.Body.Bytes())
	}))
	defer bare.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer client.CloseIdleConnections()
	const chunk = 50
	run := func(url string) time.Duration {
		start := time.Now()
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for range chunk {
					if err := get(client, url); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
		return time.Since(start)
	}
	run(program.URL + path)
	run(bare.URL + path)
	var ours, theirs time.Duration
	rounds := 0
	for b.Loop() {
		ours += run(program.URL + path)
		theirs += run(bare.URL + path)
		rounds++
	}
	gets := float64(rounds * workers * chunk)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(gets/ours.Seconds(), "program/s")
	b.ReportMetric(gets/theirs.Seconds(), "bare/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "ratio")
}

const workers = 8

func get(client *http.Client, url string) error {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "token k")
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != 200 || n == 0 {
		return fmt.Errorf("%d, %d bytes, %v", response.StatusCode, n, err)
	}
	return nil
}
