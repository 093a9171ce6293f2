package faults_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// How much the memory of a process may grow by one call, at its peak.
const (
	mostGrowth = 24 << 20
	// Of a page without an end, of sessions as they should be, 32 MiB are read.
	// What these take in memory depends on how small the sessions are.
	mostOfSessions      = 112 << 20
	mostOfSmallSessions = 288 << 20
)

var tooLarge, badResponse = sessions.ErrResponseTooLarge, sessions.ErrBadResponse

// floods are what an endless answer is made of. The limit on an answer's bytes
// bounds its memory only if nothing in it takes many times its own size.
var floods = []struct {
	name, head string
	block      func(n int) []byte // the nth of the stream
	get, page  error              // what the call and the list make of it
	most       int                // for a page, if it is not mostGrowth
}{
	{"one string", `{"session_id":"`, always("a"), tooLarge, tooLarge, 0},
	{"one string of braces", `{"session_id":"`, always("}{"), tooLarge, tooLarge, 0},
	{"one string of escapes", `{"session_id":"`, always(`\u0061`), tooLarge, tooLarge, 0},
	{"blanks", "", always(" "), tooLarge, tooLarge, 0},
	{"no JSON", "", always("<p>502 Bad Gateway</p>\n"), badResponse, badResponse, 0},
	{"one number", `{"elapsed":`, always("1"), tooLarge, tooLarge, 0},
	{"lists in lists", `{"more":`, always("["), badResponse, badResponse, 0},
	{"objects in objects", `{"more":`, always(`{"":`), badResponse, badResponse, 0},
	{"empty objects", `{"more":[`, always("{},"), tooLarge, tooLarge, 0},
	{"distinct names", `{`, distinct(`"name%012d":{},`), tooLarge, tooLarge, 0},
	{"distinct names in an object", `{"more":{`, distinct(`"name%012d":{},`), tooLarge, tooLarge, 0},
	{"distinct names in a session", `{"data":[{`, distinct(`"name%012d":{},`), tooLarge, tooLarge, 0},
	{"empty sessions", `{"data":[`, always("{},"), tooLarge, badResponse, 0},
	{"the smallest sessions", `{"data":[`, always(`{"session_id":"a"},`), tooLarge, tooLarge, mostOfSmallSessions},
	{"null", `{"data":[`, always("null,"), tooLarge, badResponse, 0},
	{"true sessions", `{"data":[`, distinct(`{"session_id":"%012x-S","custom_id":"","status":"Ready","ready":true,"linked":true,"kind":"Seat",` +
		`"user_count":1,"deployment_request_id":"57f84a8e1298","webhook_url":"https://example.com/hook?session=1"},`), tooLarge, tooLarge, mostOfSessions},
}

func always(s string) func(int) []byte {
	block := repeated(s)
	return func(int) []byte { return block }
}

func distinct(format string) func(int) []byte {
	return func(n int) []byte {
		var b bytes.Buffer
		for i := range 500 {
			fmt.Fprintf(&b, format, n*500+i)
		}
		return b.Bytes()
	}
}

// flood answers with head and then with block until 1 GiB is sent.
func flood(head string, block func(int) []byte) answer {
	return func(c net.Conn, _ request) bool {
		io.WriteString(c, head)
		for n, sent := 0, 0; sent < 1<<30; n++ {
			written, err := c.Write(block(n))
			if sent += written; err != nil {
				return false
			}
		}
		return false
	}
}

// zipped is 1 MiB of gzip that unpacks to head and 1 GiB more.
func zipped(t *testing.T, head, filler string) []byte {
	t.Helper()
	pack := func(s []byte) []byte {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(s)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	// A file of gzip may have parts, each whole.
	part := pack(bytes.Repeat([]byte(filler), 1<<20/len(filler)))
	packed := append(pack([]byte(head)), bytes.Repeat(part, 1<<10)...)
	if len(packed) > 5<<18 {
		t.Fatalf("the gzip has %d bytes", len(packed))
	}
	return packed
}

func TestSizeOfAnswers(t *testing.T) {
	s := newServer(t)
	check := func(name string, call call, status, most int, want error, a answer) {
		t.Run(name, func(t *testing.T) {
			s.answers(a)
			got := measured(t, call.name+" "+s.url)
			grew := float64(got.Growth) / (1 << 20)
			t.Logf("grew by %.1f MiB: %s", grew, got.Text)
			if raceDetector() {
				most *= 3 // its own account of the memory
			}
			if got.Growth > most {
				t.Errorf("the process grew by %.1f MiB", grew)
			}
			if got.Status != status || len(got.Text) >= 1<<10 {
				t.Errorf("status %d, error %.2000s", got.Status, got.Text)
			}
			if kind := kindName(want); !slices.Contains(got.Kinds, kind) {
				t.Errorf("the error is %v, want %s", got.Kinds, kind)
			}
			if n := len(s.arrived()); n != 1 {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
	for _, call := range calls {
		head := `{"session_id":"`
		packed := zipped(t, head, "a")
		for status, want := range map[int]error{200: tooLarge, 500: sessions.ErrServer} {
			line := fmt.Sprintf("HTTP/1.1 %d OK\r\n", status) + contentJSON
			check(fmt.Sprintf("%s/%d/stream", call.name, status), call, status, mostGrowth, want, flood(line+"\r\n"+head, always("a")))
			check(fmt.Sprintf("%s/%d/gzip", call.name, status), call, status, mostGrowth, want,
				say(line+fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(packed))+string(packed)))
		}
	}
	for _, f := range floods {
		a := flood("HTTP/1.1 200 OK\r\n"+contentJSON+"\r\n"+f.head, f.block)
		check("get-session/200/"+f.name, callNamed("get-session"), 200, mostGrowth, f.get, a)
		if f.most > 0 && raceDetector() {
			continue // far too slow, and its own memory would be measured
		}
		check("list-sessions/200/"+f.name, callNamed("list-sessions"), 200, max(mostGrowth, f.most), f.page, a)
	}
}

func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// sizeChild is the environment variable that makes the test's binary a process
// that does one call and nothing else: "<call> <base URL>".
const sizeChild = "FAULTS_MEASURED_CALL"

type measurement struct {
	Growth, Status int
	Text           string
	Kinds          []string
}

// measured makes the call in a process of its own.
func measured(t *testing.T, what string) (m measurement) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), sizeChild+"="+what, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &m)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return m
}

// measureCall is what that process does.
func measureCall(what string) {
	name, url, _ := strings.Cut(what, " ")
	call := calls[slices.IndexFunc(calls, func(c call) bool { return c.name == name })]
	c, err := sessions.New(apiKey, sessions.WithBaseURL(url))
	if err != nil {
		panic(err)
	}
	before := peak()
	_, err = call.do(context.Background(), c, sessionID)
	m := measurement{Growth: peak() - before, Text: fmt.Sprint(err)}
	var e *sessions.Error
	if errors.As(err, &e) {
		m.Status = e.StatusCode
	}
	for _, kind := range kinds {
		if errors.Is(err, kind.err) {
			m.Kinds = append(m.Kinds, kind.name)
		}
	}
	json.NewEncoder(os.Stdout).Encode(m)
}

// peak is the most memory that this process ever had, in bytes: as the kernel
// counts it, or else as the Go runtime does, which never gives any back.
func peak() int {
	status, err := os.ReadFile("/proc/self/status")
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); err == nil && ok {
		var kib int
		fmt.Sscan(rest, &kib)
		return kib << 10
	}
	mapped := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(mapped)
	return int(mapped[0].Value.Uint64())
}

func sizeRows() (rows []row) {
	grows := func(want error, most int) string {
		return fmt.Sprintf("`%s`; grows by at most %d MiB", kindName(want), max(mostGrowth, most)>>20)
	}
	rows = append(rows,
		row{"status 200, any call: one string, as a stream and as gzip", grows(tooLarge, 0)},
		row{"status 500, any call: one string, as a stream and as gzip", grows(sessions.ErrServer, 0)})
	for _, f := range floods {
		if f.get == f.page && f.most == 0 {
			rows = append(rows, row{"a session, a page: " + f.name, grows(f.get, 0)})
			continue
		}
		rows = append(rows, row{"a session: " + f.name, grows(f.get, 0)}, row{"a page: " + f.name, grows(f.page, f.most)})
	}
	return rows
}
