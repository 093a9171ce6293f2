package sessions

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/edgegap-community/edgegap/api"
)

// absent stands in a required string until the answer fills it.
const absent = "\x00absent"

// decode reads one JSON value of the contract from r into v, whose lists keep
// their storage. It is the one place that decodes answers, and refuses wrong
// types, repeated names, trailing data, and an answer without what every
// caller relies on.
//
// encoding/json takes more than twice the time for a page of sessions, and lets
// repeated names pass. The package used here is the authors' own mirror of the
// standard library's next one, and an alias of that from Go 1.27 on.
func decode[T any](r io.Reader, v *T) error {
	if page, ok := any(v).(*api.Sessions); ok {
		return decodePage(r, page)
	}
	reset(v)
	got := v // null makes it nil
	if err := json.UnmarshalRead(r, &got); err != nil {
		return err
	}
	if got == nil {
		return errors.New("null")
	}
	if name := missing(v); name != "" {
		return fmt.Errorf("%s is missing", name)
	}
	return nil
}

// reset empties v and marks what an answer must hold.
func reset(v any) {
	switch v := v.(type) {
	case *Created:
		*v = Created{SessionID: absent, App: absent, Version: absent}
	case *Session:
		*v = Session{SessionID: absent, Status: absent, Kind: absent, CreateTime: absent}
	case *Deleted:
		*v = Deleted{SessionID: absent, Message: absent}
	case *api.SessionUserContext:
		v.SessionUsers = []User{{IP: absent}}
	case *api.SessionBulkStopResponse:
		v.Processable = []api.SessionStopResponse{{SessionID: absent}}
	}
}

// missing names what the answer did not hold. Nothing below the top level is
// asked for but the ids of a list: a deployment on its way may be half filled.
func missing(v any) string {
	switch v := v.(type) {
	case *Created:
		return firstAbsent("session_id", v.SessionID, "app", v.App, "version", v.Version)
	case *Session:
		return firstAbsent("session_id", v.SessionID, "status", v.Status, "kind", v.Kind, "create_time", v.CreateTime)
	case *Deleted:
		return firstAbsent("session_id", v.SessionID, "message", v.Message)
	case *api.SessionUserContext:
		if len(v.SessionUsers) == 1 && v.SessionUsers[0].IP == absent {
			return "session_users"
		}
	case *api.SessionBulkStopResponse:
		if len(v.Processable) == 1 && v.Processable[0].SessionID == absent {
			return "processable"
		}
		for i := range v.Processable {
			if v.Processable[i].SessionID == "" {
				return fmt.Sprintf("processable[%d].session_id", i)
			}
		}
	}
	return ""
}

// firstAbsent takes names and values by turns. An empty string is a value, but
// for the session's id, without which an answer is of no use.
func firstAbsent(pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == absent || pairs[i+1] == "" && pairs[i] == "session_id" {
			return pairs[i]
		}
	}
	return ""
}

// decodePage is decode for a page of sessions. The limit of a page is too high to
// bound by itself what an endless answer takes in memory, many times its size
// when it is made for that. So the first item that is not a session with an id
// ends it, and what is not a session may be as long as any other answer.
func decodePage(r io.Reader, v *api.Sessions) error {
	from := &stretch{Reader: r, left: mebibyte}
	list := sessionList{items: v.Data[:0], from: from}
	*v = api.Sessions{}
	type page struct {
		*api.Sessions
		Data *sessionList `json:"data"`
	}
	got := &page{v, &list}
	err := json.UnmarshalRead(from, &got)
	v.Data = list.items
	switch {
	case from.left < 0:
		return ErrResponseTooLarge
	case list.fault != nil:
		return list.fault
	case err != nil:
		return err
	case got == nil:
		return errors.New("null")
	case got.Data != nil && !list.there: // null makes it nil
		return errors.New("data is missing")
	}
	return nil
}

// sessionList decodes the sessions of a page one after the other, into storage
// to be used again.
type sessionList struct {
	items []Summary
	from  *stretch
	there bool
	fault error // what is wrong with the content of the list
}

// mostSessions bounds what many small sessions take in memory. No page within
// its limit has more, if its sessions have all that the contract requires.
const mostSessions = 1 << 19

// UnmarshalJSONFrom decodes the list.
func (l *sessionList) UnmarshalJSONFrom(in *jsontext.Decoder) error {
	l.there = true
	if kind := in.PeekKind(); kind != jsontext.KindBeginArray {
		l.fault = errors.New("data is not a list")
		return l.fault
	}
	if _, err := in.ReadToken(); err != nil {
		return err
	}
	for n := 0; in.PeekKind() != jsontext.KindEndArray; n++ { // or an error, met below
		l.from.left = mebibyte
		l.items = append(l.items, Summary{})
		if err := json.UnmarshalDecode(in, &l.items[n]); err != nil {
			return err
		}
		switch {
		case l.items[n].SessionID == "":
			l.fault = fmt.Errorf("data[%d].session_id is missing", n)
		case n == mostSessions:
			l.fault = ErrResponseTooLarge
		}
		if l.fault != nil {
			return l.fault
		}
	}
	_, err := in.ReadToken()
	return err
}

// stretch reads no more than left bytes, and then fails.
type stretch struct {
	io.Reader
	left int
}

func (s *stretch) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p[:min(len(p), max(0, s.left)+1)])
	if s.left -= n; s.left < 0 {
		return 0, ErrResponseTooLarge
	}
	return n, err
}
