package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// opening is where to begin.
const opening = `sessions-emulator imitates the Edgegap Sessions API:

    curl -H 'authorization: token any' -H 'content-type: application/json' localhost:8080/v1/session -d '{"app_name": "arena"}'
    curl -H 'authorization: token any' localhost:8080/v1/sessions
`

// textOf tells the controls to a person: each with what it takes.
func textOf(spec *openapi3.T) string {
	var text strings.Builder
	fmt.Fprintf(&text, opening+"\nThese are its controls. As an OpenAPI document: GET %sopenapi.yaml\n\n%s\n", prefix, spec.Info.Description)
	for _, path := range slices.Sorted(maps.Keys(spec.Paths.Map())) {
		item := spec.Paths.Value(path)
		for _, method := range slices.Sorted(maps.Keys(item.Operations())) {
			operation := item.Operations()[method]
			fmt.Fprintf(&text, "\n%-6s %-45s %s\n", method, path, operation.Summary)
			for _, parameter := range operation.Parameters {
				line(&text, 1, "?"+parameter.Value.Name, parameter.Value.Description)
			}
			if operation.RequestBody != nil {
				schema := operation.RequestBody.Value.Content["application/json"].Schema.Value
				if len(schema.OneOf) > 0 {
					schema = schema.OneOf[0].Value
				}
				fields(&text, 1, schema)
			}
		}
	}
	return text.String()
}

// fields tells those of an object, and below each those that it has itself.
func fields(text *strings.Builder, depth int, of *openapi3.Schema) {
	for _, name := range slices.Sorted(maps.Keys(of.Properties)) {
		field := of.Properties[name].Value
		line(text, depth, name, field.Description)
		switch {
		case field.Items != nil:
			field = field.Items.Value
		case field.AdditionalProperties.Schema != nil:
			field = field.AdditionalProperties.Schema.Value
		}
		fields(text, depth+1, field)
	}
}

func line(text *strings.Builder, depth int, name, description string) {
	indent := strings.Repeat("    ", depth)
	fmt.Fprintf(text, "%s%-*s %s\n", indent, max(28-len(indent), 0), name, strings.Join(strings.Fields(description), " "))
}
