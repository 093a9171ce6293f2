// Package contract holds openapi.yaml against what is really sent: does a
// request keep to it, does an answer.
package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/edgegap-community/edgegap"
)

var (
	// ErrNoOperation says that the contract has no such path, or not that method
	// for it.
	ErrNoOperation = errors.New("not an operation of the contract")
	// ErrNoKey says that the authorization header is not the word token, a space
	// and a key.
	ErrNoKey = errors.New("no key in the authorization header")
)

// Document is the contract, ready to check requests and answers. It is safe for
// concurrent use.
type Document struct {
	doc *openapi3.T
}

// Load reads the contract. It fails when the document is not valid OpenAPI or
// when an example in it does not fit its schema.
func Load() (*Document, error) {
	return load(edgegap.OpenAPI)
}

func load(text []byte) (*Document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	return &Document{doc}, nil
}

// Answer is a status that the contract declares for an operation.
type Answer struct {
	Operation string // such as "get-session"
	Status    int
}

// Answers lists every answer that the contract declares, ordered by operation,
// then by status.
func (d *Document) Answers() []Answer {
	var all []Answer
	for _, item := range d.doc.Paths.Map() {
		for _, operation := range item.Operations() {
			for code := range operation.Responses.Map() {
				status, err := strconv.Atoi(code)
				if err != nil {
					continue // a range such as 2XX, of which no status can be named
				}
				all = append(all, Answer{operation.OperationID, status})
			}
		}
	}
	slices.SortFunc(all, func(a, b Answer) int {
		if c := strings.Compare(a.Operation, b.Operation); c != 0 {
			return c
		}
		return a.Status - b.Status
	})
	return all
}

// ValidateRequest tells which operation r asks for, and whether its key,
// parameters and body keep to the contract. The error is ErrNoOperation, ErrNoKey,
// or names the field and what is wrong with it, but never the value. The body is
// read whole and can be read again afterwards; limit it beforehand.
func (d *Document) ValidateRequest(r *http.Request) (operation string, err error) {
	input, err := d.input(r)
	if err != nil {
		return "", err
	}
	operation = input.Route.Operation.OperationID
	if err := openapi3filter.ValidateRequest(r.Context(), input); err != nil {
		return operation, fault(err)
	}
	return operation, nil
}

// ValidateAnswer tells whether an answer to r keeps to the contract: the status
// is declared for r's operation, the content type, headers and body are those
// declared for the status. The error names no value.
func (d *Document) ValidateAnswer(r *http.Request, status int, header http.Header, body []byte) error {
	input, err := d.input(r)
	if err != nil {
		return err
	}
	operation := input.Route.Operation
	if operation.Responses.Status(status) == nil {
		return fmt.Errorf("%s: status %d is not declared", operation.OperationID, status)
	}
	// kin-openapi stops reading at the end of the first value.
	if !json.Valid(body) {
		return fmt.Errorf("%s: %d: the body is not one JSON value", operation.OperationID, status)
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input,
		Status:                 status,
		Header:                 header,
		Options:                input.Options,
	}
	if err := openapi3filter.ValidateResponse(r.Context(), answer.SetBodyBytes(body)); err != nil {
		return fmt.Errorf("%s: %d: %w", operation.OperationID, status, fault(err))
	}
	return nil
}

// input finds the operation of r, whatever the host: an emulator listens anywhere.
func (d *Document) input(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	for path, item := range d.doc.Paths.Map() {
		operation := item.GetOperation(r.Method)
		params, ok := match(path, r.URL.EscapedPath())
		if operation == nil || !ok {
			continue
		}
		return &openapi3filter.RequestValidationInput{
			Request:    r,
			PathParams: params,
			Route:      &routers.Route{Spec: d.doc, Path: path, PathItem: item, Method: r.Method, Operation: operation},
			Options: &openapi3filter.Options{
				AuthenticationFunc: hasKey,
				// Else a default of the schema would be written into the body.
				SkipSettingDefaults: true,
			},
		}, nil
	}
	return nil, ErrNoOperation
}

// match holds a path as it travels against one of the contract: an escaped slash
// in an id does not divide it. kin-openapi's own routers let an id be empty, or
// look at the path after its escapes are gone.
func match(template, path string) (params map[string]string, ok bool) {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	params = map[string]string{}
	for i, segment := range want {
		name, isParam := strings.CutPrefix(segment, "{")
		switch {
		case isParam && got[i] != "":
			params[strings.TrimSuffix(name, "}")] = got[i]
		case segment != got[i]:
			return nil, false
		}
	}
	return params, true
}

func hasKey(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	value := in.RequestValidationInput.Request.Header.Get(in.SecurityScheme.Name)
	word, key, _ := strings.Cut(value, " ")
	if word != "token" || key == "" {
		return ErrNoKey
	}
	return nil
}

// fault says in one line where a message breaks the contract and how. It leaves
// out the value, which kin-openapi's own errors print: it may be somebody's IP
// address.
func fault(err error) error {
	if errors.Is(err, ErrNoKey) {
		return ErrNoKey
	}
	where := "the body"
	var request *openapi3filter.RequestError
	if errors.As(err, &request) && request.Parameter != nil {
		where = request.Parameter.Name
	}
	var schema *openapi3.SchemaError
	var parse *openapi3filter.ParseError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &schema):
		if path := schema.JSONPointer(); len(path) > 0 {
			where = strings.Join(path, ".")
		}
		return fmt.Errorf("%s: %s", where, schema.Reason)
	case errors.Is(err, openapi3filter.ErrInvalidRequired):
		return fmt.Errorf("%s is missing", where)
	case errors.Is(err, openapi3filter.ErrInvalidEmptyValue):
		return fmt.Errorf("%s is empty", where)
	case errors.As(err, &parse):
		return fmt.Errorf("%s can't be parsed", where)
	case errors.As(err, &tooLarge):
		return fmt.Errorf("%s has more than %d bytes", where, tooLarge.Limit)
	default:
		return fmt.Errorf("%s can't be read or is not application/json", where)
	}
}
