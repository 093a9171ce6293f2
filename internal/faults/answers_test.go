package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// How an answer of status 2xx is taken.
type verdict string

const (
	taken   verdict = "taken"
	refused verdict = "`ErrBadResponse`"
	// A connection that broke is tried again where that is safe; it is not said
	// that the server sent anything wrong.
	broken verdict = "the connection's error; tried again where that is safe"
)

// answers are what a call may meet with a 2xx. text makes it of the call's good
// answer.
var answers = []struct {
	name    string
	verdict verdict
	answer  func(good string) answer
}{
	{"none: as promised", taken, with(200, contentJSON, same)},
	{"201", taken, with(201, contentJSON, same)},
	{"202", taken, with(202, contentJSON, same)},
	{"`Application/JSON; charset=utf-8`", taken, with(200, "Content-Type: Application/JSON; charset=utf-8\r\n", same)},
	{"`application/json; charset=`, a bad parameter", taken, with(200, "Content-Type: application/json; charset=\r\n", same)},
	{"`application/hal+json`", taken, with(200, "Content-Type: application/hal+json\r\n", same)},
	{"blanks around it", taken, with(200, contentJSON, func(good string) string { return " \r\n\t" + good + "\n\n" })},
	{"unknown fields", taken, with(200, contentJSON, func(good string) string {
		return `{"newer":{"a":[1,{"b":null}]},"` + "\u96ea" + `":1e400,` + good[1:]
	})},
	{"chunks of one byte", taken, func(good string) answer {
		var chunks strings.Builder
		for i := range len(good) {
			chunks.WriteString("1\r\n" + good[i:i+1] + "\r\n")
		}
		return say("HTTP/1.1 200 OK\r\n" + contentJSON + "Transfer-Encoding: chunked\r\n\r\n" + chunks.String() + "0\r\n\r\n")
	}},
	{"ended by closing the connection", taken, func(good string) answer {
		return hangUp("HTTP/1.1 200 OK\r\n" + contentJSON + "Connection: close\r\n\r\n" + good)
	}},
	{"after 100 and 103", taken, func(good string) answer {
		return say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + reply(200, contentJSON, good))
	}},
	{"`null`", refused, with(200, contentJSON, constant("null"))},
	{"`{}`", refused, with(200, contentJSON, constant("{}"))},
	{"`[]`", refused, with(200, contentJSON, constant("[]"))},
	{"a string", refused, with(200, contentJSON, constant(`"ok"`))},
	{"`true`", refused, with(200, contentJSON, constant("true"))},
	{"in a list", refused, with(200, contentJSON, func(good string) string { return "[" + good + "]" })},
	{"an error's body", refused, with(200, contentJSON, constant(`{"message":7}`))},
	{"a login page", refused, with(200, "Content-Type: text/html\r\n", constant("<html>Log in</html>"))},
	{"HTML said to be JSON", refused, with(200, contentJSON, constant("<html>Log in</html>"))},
	{"no content type", refused, with(200, "", same)},
	{"text/plain", refused, with(200, "Content-Type: text/plain\r\n", same)},
	{"`application/jsonp`", refused, with(200, "Content-Type: application/jsonp\r\n", same)},
	{"a content type that is none", refused, with(200, "Content-Type: ;;\r\n", same)},
	{"empty", refused, with(200, contentJSON, constant(""))},
	{"blanks only", refused, with(200, contentJSON, constant(" \n "))},
	{"204", refused, func(string) answer { return say("HTTP/1.1 204 No Content\r\n\r\n") }},
	{"205", refused, with(205, "", constant(""))},
	{"truncated JSON of the right length", refused, with(200, contentJSON, func(good string) string { return good[:len(good)/2] })},
	{"all but the last byte", refused, with(200, contentJSON, func(good string) string { return good[:len(good)-1] })},
	{"trailing garbage", refused, with(200, contentJSON, func(good string) string { return good + "x" })},
	{"a second value", refused, with(200, contentJSON, func(good string) string { return good + good })},
	{"a closing brace too many", refused, with(200, contentJSON, func(good string) string { return good + "}" })},
	{"a name twice", refused, with(200, contentJSON, func(good string) string { return `{"more":1,"more":2,` + good[1:] })},
	{"a name twice, deeper", refused, with(200, contentJSON, func(good string) string { return `{"more":[{"a":1,"a":1}],` + good[1:] })},
	{"every name twice", refused, with(200, contentJSON, func(good string) string { return good[:len(good)-1] + "," + good[1:] })},
	{"not UTF-8", refused, with(200, contentJSON, func(good string) string { return `{"more":"` + "\xff" + `",` + good[1:] })},
	{"a byte order mark", refused, with(200, contentJSON, func(good string) string { return "\ufeff" + good })},
	{"a comment", refused, with(200, contentJSON, func(good string) string { return "/* */" + good })},
	{"said to be br, which was not asked for", refused, with(200, contentJSON+"Content-Encoding: br\r\n", constant("\x8b\x02\x80{}\x03"))},
	{"said to be gzip, and not", broken, with(200, contentJSON+"Content-Encoding: gzip\r\n", same)},
	{"cut short of Content-Length", broken, func(good string) answer {
		whole := reply(200, contentJSON, good)
		return hangUp(whole[:len(whole)-5])
	}},
	{"cut in a chunk", broken, func(good string) answer {
		return hangUp("HTTP/1.1 200 OK\r\n" + contentJSON + "Transfer-Encoding: chunked\r\n\r\n1000\r\n" + good)
	}},
	{"no last chunk", broken, func(good string) answer {
		return hangUp(fmt.Sprintf("HTTP/1.1 200 OK\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", contentJSON, len(good), good))
	}},
	{"a chunk without a length", broken, func(good string) answer {
		return hangUp("HTTP/1.1 200 OK\r\n" + contentJSON + "Transfer-Encoding: chunked\r\n\r\nlength\r\n" + good)
	}},
	{"a cut header", broken, func(string) answer { return hangUp("HTTP/1.1 200 OK\r\nContent-Ty") }},
	{"no HTTP", broken, func(string) answer { return hangUp("SSH-2.0-OpenSSH_9.6\r\n") }},
	{"nothing, closed", broken, func(string) answer { return hangUp("") }},
	{"a header of 1 MiB", broken, func(good string) answer {
		return hangUp(reply(200, contentJSON+"X: "+strings.Repeat("x", 1<<20)+"\r\n", good))
	}},
	{"10,000 times 103", broken, func(good string) answer {
		return hangUp(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 10_000) + reply(200, contentJSON, good))
	}},
	{"two lengths that differ", broken, func(good string) answer {
		return hangUp("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + reply(200, contentJSON, good)[len("HTTP/1.1 200 OK\r\n"):])
	}},
}

func with(status int, header string, text func(good string) string) func(string) answer {
	return func(good string) answer { return say(reply(status, header, text(good))) }
}

func same(good string) string                  { return good }
func constant(text string) func(string) string { return func(string) string { return text } }

func TestAnswers(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	for _, call := range calls {
		want, err := decoded(t, s, c, call, call.answer)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range answers {
			t.Run(call.name+"/"+test.name, func(t *testing.T) {
				s.answers(test.answer(call.answer))
				attempts := 1
				switch test.verdict {
				case taken:
					got, err := call.do(context.Background(), c, sessionID)
					if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(got, want) {
						t.Errorf("got %+v, want %+v", got, want)
					}
				case refused:
					if e := fails(t, c, call, sessionID, call.unknown(sessions.ErrBadResponse)...); e.StatusCode < 200 || e.StatusCode > 205 {
						t.Errorf("the status is %d", e.StatusCode)
					}
				case broken:
					fails(t, c, call, sessionID, call.unknown()...)
					if call.repeats {
						attempts = 3
					}
				}
				if n := len(s.arrived()); n != attempts {
					t.Errorf("%d requests arrived, want %d", n, attempts)
				}
			})
		}
	}
}

// decoded is what the client makes of body.
func decoded(t *testing.T, s *server, c *sessions.Client, call call, body string) (any, error) {
	t.Helper()
	s.answers(say(reply(200, contentJSON, body)))
	v, err := call.do(context.Background(), c, sessionID)
	if err != nil {
		assertErrorClean(t, err)
	}
	return v, err
}

// Each field of each answer, at the top and in the items of lists: left out, null,
// of every other type.
func TestFieldsOfAnswers(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	for _, call := range calls {
		var good map[string]any
		if err := json.Unmarshal([]byte(call.answer), &good); err != nil {
			t.Fatal(err)
		}
		check := func(t *testing.T, fields map[string]any, ok bool) {
			t.Helper()
			body, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				if _, err := decoded(t, s, c, call, string(body)); err != nil {
					t.Errorf("%s: %v", body, err)
				}
				return
			}
			s.answers(say(reply(200, contentJSON, string(body))))
			fails(t, c, call, sessionID, call.unknown(sessions.ErrBadResponse)...)
		}
		for name, value := range good {
			t.Run(call.name+"/"+name, func(t *testing.T) {
				// null, the empty string and the empty list are there, but a
				// session without an id is of no use.
				isID, isRequired := name == "session_id", slices.Contains(call.required, name)
				without := maps.Clone(good)
				delete(without, name)
				check(t, without, !isRequired)
				for _, other := range []any{nil, true, 7, -1.5, "text", "", []any{}, []any{7}, map[string]any{}, map[string]any{"a": 7}} {
					fields := maps.Clone(good)
					fields[name] = other
					ok := other == nil
					switch value := value.(type) {
					case bool, string:
						ok = ok || reflect.TypeOf(other) == reflect.TypeOf(value)
					case float64:
						ok = ok || other == 7
					case []any:
						ok = ok || reflect.DeepEqual(other, []any{})
					case map[string]any:
						ok = ok || reflect.TypeOf(other) == reflect.TypeOf(value)
					case nil:
						t.Fatal("the good answer must not have null here")
					}
					check(t, fields, ok && !(isID && (other == nil || other == "")))
				}
			})
		}
	}
}

// What is only to be found within one call's answer.
var contents = []struct {
	name, call, body string
	ok               bool
	look             func(any) bool
}{
	{"an unknown status and kind", "get-session", sessionWith(`"status":"Hibernating","kind":"RAID"`), true,
		func(v any) bool { return v.(*sessions.Session).Status == "Hibernating" }},
	{"an unknown status in a list", "list-sessions", `{"data":[{"session_id":"a","status":"Hibernating","kind":"RAID"}]}`, true,
		func(v any) bool { return v.(*sessions.Page).Sessions[0].Kind == "RAID" }},
	{"numbers beyond int32", "get-session", sessionWith(`"elapsed":9007199254740993,"app_version":4294967296,"user_count":-2147483649`), true,
		func(v any) bool {
			s := v.(*sessions.Session)
			return s.Elapsed == 9007199254740993 && s.AppVersion == 4294967296 && s.UserCount == -2147483649
		}},
	{"a total beyond int32", "list-sessions", `{"data":[],"total_count":4294967296}`, true,
		func(v any) bool { return v.(*sessions.Page).Total == 4294967296 }},
	{"a number beyond int64", "get-session", sessionWith(`"elapsed":9223372036854775808`), false, nil},
	{"a number with a fraction for an integer", "get-session", sessionWith(`"elapsed":1.5`), false, nil},
	{"a port beyond int32", "get-session", sessionWith(`"deployment":{"ports":{"game":{"external":2147483648}}}`), false, nil},
	{"a half filled deployment", "get-session", sessionWith(`"deployment":{"ports":null,"location":null,"tags":null}`), true,
		func(v any) bool { return v.(*sessions.Session).Deployment != nil }},
	{"a deployment of another type", "get-session", sessionWith(`"deployment":"soon"`), false, nil},
	{"a list with a session without id", "list-sessions", `{"data":[{"session_id":"a"},{"status":"Ready"}]}`, false, nil},
	{"a list with an empty id", "list-sessions", `{"data":[{"session_id":""}]}`, false, nil},
	{"a list with null", "list-sessions", `{"data":[{"session_id":"a"},null]}`, false, nil},
	{"a list with an id of another type", "list-sessions", `{"data":[{"session_id":7}]}`, false, nil},
	{"a list of strings", "list-sessions", `{"data":["950dd2eaff09-S"]}`, false, nil},
	{"a list with a comma too many", "list-sessions", `{"data":[{"session_id":"a"},]}`, false, nil},
	{"a list twice", "list-sessions", `{"data":[],"data":[]}`, false, nil},
	{"a next page that is this one", "list-sessions", `{"data":[{"session_id":"a"}],"pagination":{"next_page_number":1}}`, false, nil},
	{"stopped sessions as strings", "sessions-bulk-stop", `{"processable":["950dd2eaff09-S"]}`, false, nil},
	{"a stopped session without id", "sessions-bulk-stop", `{"processable":[{}]}`, false, nil},
	{"users as strings", "get-users-session", `{"session_users":["203.0.113.77"]}`, false, nil},
}

func sessionWith(fields string) string {
	var base map[string]json.RawMessage
	json.Unmarshal([]byte(`{"session_id":"a","status":"Ready","kind":"Seat","create_time":"2024-05-26 12:00:45.831041"}`), &base)
	var more map[string]json.RawMessage
	json.Unmarshal([]byte("{"+fields+"}"), &more)
	maps.Copy(base, more)
	body, _ := json.Marshal(base)
	return string(body)
}

func TestContentsOfAnswers(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	for _, test := range contents {
		t.Run(test.name, func(t *testing.T) {
			call := callNamed(test.call)
			if !test.ok {
				s.answers(say(reply(200, contentJSON, test.body)))
				fails(t, c, call, sessionID, call.unknown(sessions.ErrBadResponse)...)
				return
			}
			got, err := decoded(t, s, c, call, test.body)
			if err != nil {
				t.Fatal(err)
			}
			if !test.look(got) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func callNamed(name string) call {
	return calls[slices.IndexFunc(calls, func(c call) bool { return c.name == name })]
}

// bodies are what comes with a status that is no success.
var bodies = []struct {
	name    string
	message string
	answer  func(status int) answer
}{
	{"a JSON message", "out of order", func(status int) answer {
		return say(reply(status, contentJSON, `{"message":"out of order"}`))
	}},
	{"a message of another type", "", func(status int) answer {
		return say(reply(status, contentJSON, `{"message":{"text":["out of order"]}}`))
	}},
	{"`null`", "", func(status int) answer { return say(reply(status, contentJSON, `null`)) }},
	{"HTML", "", func(status int) answer {
		return say(reply(status, "Content-Type: text/html\r\n", "<h1>out of order</h1>"))
	}},
	{"nothing", "", func(status int) answer { return say(reply(status, "", "")) }},
	{"less than Content-Length", "", func(status int) answer {
		whole := reply(status, contentJSON, `{"message":"out of order"}`)
		return hangUp(whole[:len(whole)-5])
	}},
	{"what is not gzip but said to be", "", func(status int) answer {
		return say(reply(status, contentJSON+"Content-Encoding: gzip\r\n", `{"message":"out of order"}`))
	}},
}

// byStatus are the statuses with an error of their own. Every 5xx is
// sessions.ErrServer.
var byStatus = map[int]error{
	400: sessions.ErrBadRequest, 401: sessions.ErrUnauthorized, 403: sessions.ErrForbidden, 404: sessions.ErrNotFound,
	409: sessions.ErrConflict, 410: sessions.ErrGone, 422: sessions.ErrUnprocessable, 429: sessions.ErrRateLimited,
}

func TestStatusIsNeverLost(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	for status := 400; status <= 511; status++ {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			for _, body := range bodies {
				for _, call := range calls {
					s.answers(body.answer(status))
					var want []error
					if err := byStatus[status]; err != nil {
						want = append(want, err)
					}
					attempts := 1
					if status == 429 || call.repeats && slices.Contains([]int{502, 503, 504}, status) {
						attempts = 3
					}
					if status >= 500 {
						want = call.unknown(sessions.ErrServer)
					}
					e := fails(t, c, call, sessionID, want...)
					if e.StatusCode != status || e.Message != body.message {
						t.Errorf("%s, %s: status %d, message %q", call.name, body.name, e.StatusCode, e.Message)
					}
					if n := len(s.arrived()); n != attempts {
						t.Errorf("%s, %s: %d requests arrived, want %d", call.name, body.name, n, attempts)
					}
				}
			}
		})
	}
}

// Statuses that are none of the above.
func TestOddStatuses(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	for _, call := range calls {
		for _, status := range []int{0, 42, 101, 600, 999} {
			t.Run(fmt.Sprintf("%s/%d", call.name, status), func(t *testing.T) {
				s.answers(hangUp(fmt.Sprintf("HTTP/1.1 %03d Odd\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status)))
				if status == 101 {
					// The connection is handed over, for another protocol to
					// be spoken on it. Nobody may wait for that.
					s.answers(stall("HTTP/1.1 101 Odd\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"))
				}
				want := call.unknown()
				if status >= 500 {
					want = call.unknown(sessions.ErrServer)
				}
				if e := fails(t, c, call, sessionID, want...); e.StatusCode != status {
					t.Errorf("the status is %d", e.StatusCode)
				}
			})
		}
	}
}

// A client that takes the generated calls gets the same checks, and a body that
// it can read.
func TestAnswersOfTheGeneratedClient(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.url)
	call := callNamed("get-session")
	for _, test := range answers {
		t.Run(test.name, func(t *testing.T) {
			s.answers(test.answer(call.answer))
			res, err := c.API().GetSession(context.Background(), sessionID)
			if test.verdict != taken {
				if err == nil {
					t.Fatal("no error")
				}
				assertKinds(t, err, map[verdict][]error{refused: {sessions.ErrBadResponse}}[test.verdict]...)
				assertErrorClean(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || !strings.Contains(string(body), call.answer[1:]) {
				t.Errorf("body %s, error %v", body, err)
			}
			assertUnprinted(t, res)
			assertUnprinted(t, res.Request)
			assertUnprinted(t, res.Header)
		})
	}
}

func answerRows() (rows []row) {
	for _, test := range answers {
		rows = append(rows, row{test.name, string(test.verdict)})
	}
	rows = append(rows,
		row{"a required string or list left out", string(refused)},
		row{"`session_id` empty or null", string(refused)},
		row{"null for any other field", "taken: as empty, zero or false"},
		row{"any field left out that is not required", string(taken)},
		row{"any field of another type", string(refused)})
	for _, test := range contents {
		verdict := refused
		if test.ok {
			verdict = taken
		}
		rows = append(rows, row{test.name, string(verdict)})
	}
	return rows
}

func statusRows() (rows []row) {
	for _, body := range bodies {
		result := "`*Error` with the status"
		if body.message != "" {
			result += " and the message"
		}
		rows = append(rows, row{"400 to 511, with " + body.name, result})
	}
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		rows = append(rows, row{fmt.Sprintf("%d %s", status, http.StatusText(status)), "`" + kindName(byStatus[status]) + "`"})
	}
	return append(rows,
		row{"500 to 511", "`ErrServer`"},
		row{"000, 042, 101, 600, 999", "`*Error` with the status, and no wait for a body of 101"})
}
