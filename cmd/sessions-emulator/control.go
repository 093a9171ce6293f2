package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// controls are the operations of controls.yaml.
type controls struct {
	e        *emulator.Emulator
	document *contract.Document
	text     string
	start    settings
}

func newControls(e *emulator.Emulator, document *contract.Document) *controls {
	return &controls{e: e, document: document, text: textOf(document.Spec()), start: settingsOf(e.Config())}
}

// order is a request for a control that keeps to controls.yaml.
type order struct {
	*http.Request
	params map[string]string
	query  url.Values // each name once
	body   []byte
}

// refusal is an answer that is not a success. Any other error is a 400.
type refusal struct {
	status int
	answer any
}

func (r *refusal) Error() string { return http.StatusText(r.status) }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status, message{fmt.Sprintf(format, args...)}}
}

func (c *controls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := c.answer(w, r)
	write(w, answer, err)
}

func (c *controls) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	route := c.document.Route(r)
	switch {
	case len(route.Allow) > 0:
		w.Header().Set("Allow", strings.Join(route.Allow, ", "))
		return nil, refuse(http.StatusMethodNotAllowed, "the method is not allowed for this control, but %s", strings.Join(route.Allow, ", "))
	case route.Operation == "":
		return nil, refuse(http.StatusNotFound, "there is no such control; GET %s tells them", prefix)
	}
	query, err := c.query(r, route.Path)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body is cut, or longer than 1 MiB")
	}
	var value any
	if err := decode(body, &value); err != nil && len(body) > 0 {
		return nil, err // a name that is there twice, which some versions of Go let pass below
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json") // curl -d says otherwise
	if _, err := c.document.ValidateRequest(r); err != nil {
		return nil, err
	}
	for name, value := range route.Params {
		if route.Params[name], err = url.PathUnescape(value); err != nil {
			return nil, fmt.Errorf("%s: is malformed", name)
		}
	}
	return c.carryOut(route.Operation, order{r, route.Params, query, body})
}

// query is a request's, if it can be read and has what the document says, once.
func (c *controls) query(r *http.Request, path string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errors.New("the query can't be read") // r.URL.Query drops what it can't
	}
	known := c.document.Spec().Paths.Value(path).GetOperation(r.Method).Parameters
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case known.GetByInAndName("query", name) == nil:
			return nil, fmt.Errorf("%s: there is no such parameter", name)
		case len(query[name]) > 1:
			return nil, fmt.Errorf("%s: is there twice", name)
		}
	}
	return query, nil
}

// carryOut gives what an operation answers: nil is a 204.
func (c *controls) carryOut(operation string, o order) (any, error) {
	switch operation {
	case "show-root", "show-controls":
		return page{"text/plain; charset=utf-8", c.text}, nil
	case "show-document":
		return page{"application/yaml", string(controlsYAML)}, nil
	case "show-dump":
		return page{"text/plain; charset=utf-8", c.e.Dump()}, nil
	case "show-health":
		return map[string]string{"status": "ok"}, nil
	case "show-requests":
		return c.e.Requests(), nil
	case "show-sessions":
		return c.e.Sessions(), nil
	case "show-deployments":
		return c.e.Deployments(), nil
	case "show-webhooks":
		return c.webhooks(o)
	case "show-config":
		return settingsOf(c.e.Config()), nil
	case "change-config":
		return nil, c.configure(o)
	case "plan-faults":
		return nil, c.plan(o)
	case "forget-faults":
		return c.e.ForgetFaults(), nil
	case "deploy":
		return c.deploy(o)
	case "set-joinable":
		return nil, c.setJoinable(o)
	case "end-deployment":
		return nil, running(c.e.EndDeployment(o.params["request_id"]))
	case "set-status":
		return nil, c.setStatus(o)
	case "reset":
		return nil, c.e.ResetTo(c.start.config())
	}
	return nil, refuse(http.StatusNotImplemented, "%s is not done", operation)
}
