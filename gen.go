// Package edgegap embeds openapi.yaml, the description of the Edgegap Sessions API,
// for tools that need the document. Programs import package sessions.
package edgegap

import _ "embed"

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config api/config.yaml openapi.yaml

// Remove the field's name that the generator writes before each field's description.
//
//go:generate perl -0777pi -e s|(\t//\x20)(\w+)\x20(([A-Z].*\n)(\t//.*\n)*\t\2\x20)|\1\3|g api/api.gen.go

// OpenAPI is openapi.yaml, an OpenAPI 3.0.3 document.
//
//go:embed openapi.yaml
var OpenAPI []byte
