package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	stdlog "log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// echoed is the key in the spellings that a server may repeat it in.
var echoed = []struct{ name, key string }{
	{"as it is", apiKey},
	{"with its prefix", "token " + apiKey},
	{"in JSON", quoted(apiKey, false)},
	{"in JSON, safe for HTML", quoted(apiKey, true)},
	{"in JSON, with slashes escaped", strings.ReplaceAll(quoted(apiKey, false), "/", `\/`)},
	{"in Go's quotes", fmt.Sprintf("%q", apiKey)},
	{"in a query", url.QueryEscape(apiKey)},
	{"in a query, in small letters", strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(apiKey),
		"%3C", "%3c"), "%2F", "%2f"), "%5C", "%5c"), "%3D", "%3d")},
	{"in a path", url.PathEscape(apiKey)},
	{"in HTML", html.EscapeString(apiKey)},
	{"in HTML, another way", strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;", `"`, "&quot;", "'", "&#x27;").Replace(apiKey)},
	{"in HTML, but for quotes", strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;").Replace(apiKey)},
}

func quoted(s string, html bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	e.Encode(s)
	text := strings.TrimSpace(b.String())
	return text[1 : len(text)-1]
}

// places are where a server may put what it should not say.
var places = []struct {
	name   string
	answer func(said, good string) answer
}{
	{"the message of a 401", func(said, _ string) answer {
		body, _ := json.Marshal(map[string]string{"message": "bad key " + said})
		return say(reply(401, contentJSON, string(body)))
	}},
	{"the body of a 400", func(said, _ string) answer {
		return say(reply(400, "Content-Type: text/html\r\n", "<p>"+said+"</p>"))
	}},
	{"a body of a 500 that is cut", func(said, _ string) answer {
		return hangUp("HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n{\"message\":\"" + said + " and ")
	}},
	{"a long body, where it is cut", func(said, _ string) answer {
		return say(reply(500, "", strings.Repeat("x", 4<<10-12)+said+strings.Repeat("y", 100)))
	}},
	{"a body of 64 KiB, where it is cut", func(said, _ string) answer {
		return say(reply(500, "", said+strings.Repeat(" ", 64<<10-len(said)-12)+said+strings.Repeat("y", 100)))
	}},
	{"a long message, where it is cut", func(said, _ string) answer {
		body, _ := json.Marshal(map[string]string{"message": strings.Repeat("x", 990) + said + strings.Repeat("y", 3060) + said})
		return say(reply(403, contentJSON, string(body)))
	}},
	{"the reason and the headers", func(said, _ string) answer {
		return say("HTTP/1.1 400 " + said + "\r\nX-Key: " + said + "\r\nRetry-After: " + said + "\r\nLocation: https://example.net/?" + said + "\r\nContent-Length: 0\r\n\r\n")
	}},
	{"a redirect", func(said, _ string) answer {
		return say(reply(302, "Location: https://example.net/?key="+said+"\r\n", said))
	}},
	{"a content type", func(said, good string) answer {
		return say(reply(200, "Content-Type: text/"+said+"\r\n", good))
	}},
	{"an invalid status line", func(said, _ string) answer { return hangUp("HTTP/1.1 " + said + "\r\n\r\n") }},
	{"no HTTP at all", func(said, _ string) answer { return hangUp(said + "\r\n\r\n") }},
	{"an invalid header line", func(said, _ string) answer { return hangUp("HTTP/1.1 200 OK\r\n" + said + "\r\n\r\n") }},
	{"an invalid Content-Length", func(said, _ string) answer {
		return hangUp("HTTP/1.1 200 OK\r\nContent-Length: " + said + "\r\n\r\n")
	}},
	{"an unknown Transfer-Encoding", func(said, _ string) answer {
		return hangUp("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + said + "\r\n\r\n")
	}},
	{"a chunk's length", func(said, _ string) answer {
		return hangUp("HTTP/1.1 200 OK\r\n" + contentJSON + "Transfer-Encoding: chunked\r\n\r\n" + said + "\r\n")
	}},
	{"text for JSON", func(said, _ string) answer { return say(reply(200, contentJSON, said)) }},
	{"a name that occurs twice", func(said, good string) answer {
		name, _ := json.Marshal(said)
		return say(reply(200, contentJSON, fmt.Sprintf(`{%s:1,%[1]s:2,`, name)+good[1:]))
	}},
	{"a string for a number", func(said, _ string) answer {
		value, _ := json.Marshal(said)
		return say(reply(200, contentJSON, fmt.Sprintf(`{"session_id":%s,"user_count":%[1]s,"app":7,"session_users":%[1]s,"data":%[1]s,"processable":%[1]s,"message":7}`, value)))
	}},
	{"a name above what is wrong", func(said, good string) answer {
		name, _ := json.Marshal(said)
		return say(reply(200, contentJSON, fmt.Sprintf(`{%s:{%[1]s:[tru]},`, name)+good[1:]))
	}},
}

// What a server says is in no error, log or print: neither the key in any
// spelling nor the address of a player. fails looks for both.
func TestServersThatRepeatSecrets(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	said := append([]struct{ name, key string }(nil), echoed...)
	for _, player := range players {
		said = append(said, struct{ name, key string }{"a player", player}, struct{ name, key string }{"a player", "user 1:" + player + ", gone"})
	}
	said = append(said, struct{ name, key string }{"a player's port", player4 + ":4711"},
		struct{ name, key string }{"a player's port", "[" + player6 + "]:4711"},
		struct{ name, key string }{"lines", "one\r\ntwo\x1b[31m\u2028three"},
		struct{ name, key string }{"both", apiKey + player4 + " " + apiKey + " " + player6})
	for _, place := range places {
		for _, said := range said {
			t.Run(place.name+"/"+said.name, func(t *testing.T) {
				for _, name := range []string{"session-post", "get-session", "list-sessions"} { // one for each way to decode and to fail
					call := callNamed(name)
					s.answers(place.answer(said.key, call.answer))
					_, err := call.do(context.Background(), c, sessionID)
					if err == nil {
						t.Fatal("no error")
					}
					assertErrorClean(t, err)
				}
			})
		}
	}
}

// A body may be all keys, so much quoted that, masked, it is short enough for its
// end to be kept: where the limit cut one of them.
func TestKeyAtTheLimitOfABody(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	before, after, _ := strings.Cut(apiKey, keyCore)
	var key strings.Builder
	for i := range len(before) {
		fmt.Fprintf(&key, `\\\\\\\u%04x`, before[i])
	}
	key.WriteString(keyCore + after)
	for lost := range len(after) + 1 {
		whole := (64 << 10) / key.Len()
		blanks := strings.Repeat(" ", (64<<10)+lost-whole*key.Len())
		s.answers(say(reply(500, "", blanks+strings.Repeat(key.String(), whole+1))))
		if _, err := c.Create(context.Background(), sessions.CreateRequest{AppName: "arena"}); err != nil {
			assertErrorClean(t, err)
		} else {
			t.Error("no error")
		}
	}
}

// A session may fail for a reason that repeats secrets.
func TestFailedSessionThatRepeatsSecrets(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	for _, said := range echoed {
		reason, _ := json.Marshal("for " + said.key + " of " + player4 + ", " + player6)
		s.answers(say(reply(200, contentJSON, sessionWith(`"status":"Error","error":`+string(reason)))))
		_, err := c.WaitReady(context.Background(), sessionID)
		var failed *sessions.FailedError
		if !errors.As(err, &failed) {
			t.Fatalf("%s: got %v", said.name, err)
		}
		assertErrorClean(t, err)
	}
}

// The secret of a cause that a caller or a transport gives is hidden as well.
func TestCausesThatRepeatSecrets(t *testing.T) {
	cause := fmt.Errorf("stopped %s with %s and %s", apiKey, player4, player6)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	c := newClient(t, "http://127.0.0.1:1")
	for _, call := range calls {
		_, err := call.do(ctx, c, sessionID)
		if !errors.Is(err, cause) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", call.name, err)
		}
		assertErrorClean(t, err)
	}
	c = newClient(t, "http://127.0.0.1:1", sessions.WithTransport(broke{cause}))
	for _, call := range calls {
		_, err := call.do(context.Background(), c, sessionID)
		if !errors.Is(err, cause) {
			t.Errorf("%s: got %v", call.name, err)
		}
		assertErrorClean(t, err)
	}
}

type broke struct{ err error }

func (b broke) RoundTrip(*http.Request) (*http.Response, error) { return nil, b.err }

func TestWhatIsExportedHidesTheKey(t *testing.T) {
	opts := []sessions.Option{
		sessions.WithBaseURL("http://127.0.0.1:1"), sessions.WithPlainHTTP(), sessions.WithUserAgent("matchmaker/1"),
		sessions.WithRetry(sessions.RetryPolicy{}), sessions.WithTransport(sessions.NewTransport()), sessions.WithLogger(slog.Default()),
	}
	c, err := sessions.New(apiKey, opts...)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA9005 that nothing is to be seen is the point
	failed, err := json.Marshal(c)
	if err != nil || string(failed) != "{}" {
		t.Errorf("JSON of a client is %s, %v", failed, err)
	}
	held := struct {
		Client  *sessions.Client
		Options []sessions.Option
	}{c, opts}
	for _, v := range []any{c, *c, c.API(), *c.API(), c.API().Client, held, &held, opts, c.WebhookHandler("s", nil), c.Get} {
		assertUnprinted(t, v)
		var text, lines bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("made", "it", v)
		slog.New(slog.NewJSONHandler(&lines, nil)).Info("made", "it", v)
		assertSecret(t, fmt.Sprintf("slog of a %T", v), text.String()+lines.String())
	}
}

func TestRefusedKeysAreNotPrinted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "key")
	if err := os.WriteFile(file, []byte(apiKey+"\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(c *sessions.Client, err error) {
		t.Helper()
		if c != nil || !errors.Is(err, sessions.ErrInvalidArgument) {
			t.Fatalf("got client %v and error %v", c, err)
		}
		assertErrorClean(t, err)
	}
	for _, key := range []string{apiKey + "\n" + apiKey, apiKey + "\u00e9", apiKey + " " + apiKey, "token " + apiKey + "\x7f", "Bearer " + apiKey} {
		refused(sessions.New(key))
		refused(sessions.New(key, sessions.WithBaseURL("https://"+url.QueryEscape(key)+"@%"), sessions.WithUserAgent(key+"\n"), nil))
	}
	for _, base := range []string{"https://user:" + keyCore + "@example.com", "https://example.com/?key=" + keyCore,
		"https://example.com/#" + keyCore, "ftp://" + keyCore, "http://" + keyCore, "https://example.com:" + keyCore, "\x00" + keyCore} {
		refused(sessions.New("k", sessions.WithBaseURL(base)))
	}
	t.Setenv("EDGEGAP_API_KEY", apiKey)
	t.Setenv("EDGEGAP_API_KEY_FILE", file)
	refused(sessions.NewFromEnv())
	t.Setenv("EDGEGAP_API_KEY", "")
	refused(sessions.NewFromEnv())
	// The key itself, set by mistake where its file should be named.
	t.Setenv("EDGEGAP_API_KEY_FILE", apiKey)
	refused(sessions.NewFromEnv())
}

// A webhook is a call from outside: nothing is replied, not even by way of a
// panic.
func TestWebhookRepliesAreEmpty(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	said := apiKey + " " + player4 + " " + player6
	ready := reply(200, contentJSON, callNamed("get-session").answer)
	for _, test := range []struct {
		name   string
		answer answer
		handle func(context.Context, *sessions.Session) error
		status int
	}{
		{"a handler that fails", say(ready), func(context.Context, *sessions.Session) error { return errors.New(said) }, 500},
		{"a handler that panics", say(ready), func(context.Context, *sessions.Session) error { panic(said) }, 500},
		{"an API that repeats the key", say(reply(401, "", said)), nil, 502},
		{"an API that is no API", hangUp(said), nil, 502},
		{"an unknown session", say(reply(404, contentJSON, `{"message":"`+player4+`"}`)), nil, 204},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.answers(test.answer)
			written := new(log)
			receiver := httptest.NewUnstartedServer(c.WebhookHandler("hook", test.handle))
			receiver.Config.ErrorLog = stdlog.New(written, "", 0)
			receiver.Start()
			res, err := receiver.Client().Post(receiver.URL+"?secret=hook", "application/json",
				strings.NewReader(`{"session_id":"950dd2eaff09-S","error":"`+player4+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			receiver.Close()
			if err != nil || len(body) != 0 || res.StatusCode != test.status {
				t.Errorf("the reply is %d %q, %v", res.StatusCode, body, err)
			}
			assertSecret(t, "the reply's header", fmt.Sprint(res.Header), players...)
			assertSecret(t, "the receiver's log", written.String(), players...)
		})
	}
}

func secretRows() (rows []row) {
	for _, place := range places {
		rows = append(rows, row{"the key, or a player's address, in " + place.name, "in no error, print or log line"})
	}
	for _, spelling := range echoed {
		rows = append(rows, row{"the key " + spelling.name, "masked"})
	}
	return append(rows,
		row{"a session's reason to fail that repeats both", "`*FailedError` without either, in any print"},
		row{"a cause or a transport's error that holds both", "hidden, and still found by `errors.Is`"},
		row{"`%v %+v %#v %q %x`, JSON, slog text and JSON of client, options, handlers, API()", "no key"},
		row{"a key, base URL, user agent or key file that is refused", "`ErrInvalidArgument` that repeats nothing of it"},
		row{"a webhook handler that fails or panics, an API that repeats the key", "an empty reply, an empty log"})
}
