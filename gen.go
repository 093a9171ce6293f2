// Package edgegap holds the contract of the Edgegap Sessions API and the
// commands that generate Go from it. Programs import the sessions package;
// this one is for tools that need the document itself.
package edgegap

import _ "embed"

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config api/config.yaml openapi.yaml

// OpenAPI is the contract, openapi.yaml, as it stands in the repository: an
// OpenAPI 3.0.3 document in YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
