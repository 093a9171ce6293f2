package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/edgegap-community/edgegap/sessions"
)

const (
	pageLength = 1000 // sessions a page
	pages      = 1000 // in all
)

// serve answers on loopback until its standard input ends, as fast as it can
// or, for lists, after pageDelay. Its first line of output is its URL.
//
// All answers are made beforehand, so what is measured is the client.
func serve(pageDelay time.Duration) error {
	var opened atomic.Int64
	session := encode(aSession())
	created := encode(sessions.Created{SessionID: sessionID, App: "arena", Version: "v1.4", DeploymentRequestID: "57f84a8e1298"})
	list := encode(aPage())

	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/session/{id}", func(w http.ResponseWriter, r *http.Request) { answer(w, session) })
	mux.HandleFunc("POST /v1/session", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil {
			answer(w, created)
		}
	})
	mux.HandleFunc("GET /v1/sessions", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(pageDelay)
		page, _ := strconv.Atoi(r.FormValue("page"))
		page = max(1, page)
		next := "null"
		if page < pages {
			next = strconv.Itoa(page + 1)
		}
		answer(w, fmt.Appendf(nil, `{"pagination":{"number":%d,"next_page_number":%s,"has_next":%t,"paginator":{"num_pages":%d}},"total_count":%d,"data":%s}`,
			page, next, page < pages, pages, pages*pageLength, list))
	})
	mux.HandleFunc("GET /connections", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, opened.Load()) })

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ConnState: func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}}
	fmt.Printf("http://%s\n", listener.Addr())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		server.Close()
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func answer(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a value of our own
	}
	return b
}

const sessionID = "950dd2eaff09-S"

// aSession is 1.2 KB of JSON.
func aSession() sessions.Session {
	place := func(v float64) *float64 { return &v }
	users := []sessions.User{
		{IP: "203.0.113.7", Latitude: place(45.5088), Longitude: place(-73.5878)},
		{IP: "198.51.100.23", Latitude: place(43.6532), Longitude: place(-79.3832)},
	}
	var s sessions.Session
	err := json.Unmarshal([]byte(`{"session_id":"`+sessionID+`","custom_id":"","status":"Ready","ready":true,"linked":true,"kind":"Seat",
		"user_count":2,"app_version":10214,"create_time":"2024-05-26 12:00:45.831041","elapsed":9,
		"webhook_url":"https://matchmaker.example.com/edgegap?match=m-1042",
		"deployment":{"request_id":"57f84a8e1298","public_ip":"192.0.2.44","status":"Ready","ready":true,"whitelisting_active":false,
			"fqdn":"57f84a8e1298.pr.edgegap.example","sockets":10,"sockets_usage":2,"is_joinable_by_session":true,"tags":["ranked","eu-north"],
			"location":{"city":"Montreal","country":"Canada","continent":"North America","administrative_division":"Quebec","timezone":"America/Toronto","latitude":45.5088,"longitude":-73.5878},
			"ports":{"gameport":{"external":31504,"internal":7777,"protocol":"UDP","name":"gameport","link":"57f84a8e1298.pr.edgegap.example:31504"},
				"query":{"external":31505,"internal":7778,"protocol":"TCP","name":"query","link":"57f84a8e1298.pr.edgegap.example:31505"}}}}`), &s)
	if err != nil {
		panic(err)
	}
	s.SessionUsers, s.SessionIPs = users, users
	return s
}

func aPage() []sessions.Summary {
	page := make([]sessions.Summary, pageLength)
	for i := range page {
		page[i] = sessions.Summary{
			SessionID: fmt.Sprintf("%012x-S", 0x950dd2eaff09+int64(i)*7919), Status: "Ready", Ready: true, Linked: true, Kind: "Seat",
			UserCount: int64(1 + i%10), DeploymentRequestID: fmt.Sprintf("%012x", 0x57f84a8e1298+int64(i/10)*104729),
			WebhookURL: fmt.Sprintf("https://matchmaker.example.com/edgegap?match=m-%d", 1000+i),
		}
	}
	return page
}
