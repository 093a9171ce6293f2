// Package edgegap embeds openapi.yaml, the description of the Edgegap Sessions API,
// for tools that need the document. Programs import package sessions.
package edgegap

import _ "embed"

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config api/config.yaml openapi.yaml
//go:generate go run api/trim_comments.go

// OpenAPI is openapi.yaml, an OpenAPI 3.0.3 document.
//
//go:embed openapi.yaml
var OpenAPI []byte
