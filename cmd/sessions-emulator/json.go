package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/edgegap-community/edgegap/internal/contract"
)

// dialect has durations such as "1.5s", and whatever bytes a request of the API
// had.
var dialect = json.JoinOptions(
	json.WithMarshalers(json.MarshalFunc(func(d time.Duration) ([]byte, error) {
		return json.Marshal(d.String())
	})),
	json.WithUnmarshalers(json.UnmarshalFunc(func(text []byte, d *time.Duration) error {
		var s string
		err := json.Unmarshal(text, &s)
		if err == nil {
			*d, err = time.ParseDuration(s)
		}
		if err != nil {
			return errDuration
		}
		return nil
	})),
	json.Deterministic(true),
	jsontext.AllowInvalidUTF8(true),
)

var errDuration = errors.New("must be a duration such as 1.5s")

// decode reads JSON that keeps to controls.yaml.
func decode(text []byte, into any) error {
	err := json.Unmarshal(text, into, dialect)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		what := "is out of range"
		if errors.Is(err, errDuration) {
			what = errDuration.Error()
		}
		return fmt.Errorf("%s: %s", place(e.JSONPointer), what)
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok && errors.Is(err, jsontext.ErrDuplicateName) {
		return fmt.Errorf("%s: is there twice", place(e.JSONPointer))
	}
	return errors.New("the body can't be parsed")
}

func place(pointer jsontext.Pointer) string {
	return contract.Place(slices.Collect(pointer.Tokens())...)
}

// message is the body of an error.
type message struct {
	Message string `json:"message"`
}

// page is an answer that is not JSON.
type page struct{ kind, text string }

func write(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		status, answer = http.StatusBadRequest, message{plain(err).Error()}
		if r, ok := errors.AsType[*refusal](err); ok {
			status, answer = r.status, r.answer
		}
	}
	kind, text := "application/json", []byte(nil)
	switch given := answer.(type) {
	case nil:
		w.WriteHeader(http.StatusNoContent)
		return
	case page:
		kind, text = given.kind, []byte(given.text)
	default:
		if text, err = json.Marshal(answer, dialect); err != nil {
			status, text = http.StatusInternalServerError, []byte(`{"message":"the answer is no JSON"}`)
		}
		text = append(text, '\n')
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	w.Write(text)
}

// plain is an error in one line. That of a list of faults names them.
func plain(err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if strings.HasPrefix(text, "[") {
		text = "faults" + text
	}
	return errors.New(text)
}
