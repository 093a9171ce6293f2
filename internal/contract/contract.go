// Package contract holds openapi.yaml against what is really sent: does a
// request keep to it, does an answer.
package contract

import (
	"cmp"
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

// Document is an OpenAPI document, ready to check requests and answers. It is
// safe for concurrent use.
type Document struct {
	doc    *openapi3.T
	routes []route
}

// Load reads the contract. It fails when the document is not valid OpenAPI or
// when an example in it does not fit its schema.
func Load() (*Document, error) { return Parse(edgegap.OpenAPI) }

// Parse reads another document in the same way.
func Parse(text []byte) (*Document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	return &Document{doc, routesOf(doc)}, nil
}

// Spec is the document itself. It must not be changed.
func (d *Document) Spec() *openapi3.T { return d.doc }

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

func (d *Document) input(r *http.Request) (*openapi3filter.RequestValidationInput, error) {
	found, params, _ := d.find(r)
	if found == nil {
		return nil, ErrNoOperation
	}
	return &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: &found.Route, Options: options}, nil
}

var options = &openapi3filter.Options{
	AuthenticationFunc: hasKey,
	// Else a default of the schema would be written into the body.
	SkipSettingDefaults: true,
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
		schema = closest(schema)
		return fmt.Errorf("%s: %s", cmp.Or(Place(schema.JSONPointer()...), where), schema.Reason)
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

// closest is what keeps a value from the one schema of a oneOf that it was
// meant for: it has the type of that one.
func closest(err *openapi3.SchemaError) *openapi3.SchemaError {
	var branches openapi3.MultiError
	if err.SchemaField != "oneOf" || !errors.As(err.Origin, &branches) {
		return err
	}
	depth := len(err.JSONPointer())
	for _, branch := range branches {
		var inner *openapi3.SchemaError
		if errors.As(branch, &inner) && (inner.SchemaField != "type" || len(inner.JSONPointer()) > depth) {
			return closest(inner)
		}
	}
	return err
}

// Place names a field by the keys and indexes that lead to it: filters[0].values.
func Place(path ...string) string {
	var place strings.Builder
	for _, step := range path {
		switch _, err := strconv.Atoi(step); {
		case err == nil:
			fmt.Fprintf(&place, "[%s]", step)
		case place.Len() == 0:
			place.WriteString(step)
		default:
			place.WriteString("." + step)
		}
	}
	return place.String()
}
