// Package edgegap holds the contract of the Edgegap Sessions API and the
// commands that generate Go from it. Programs import the sessions package;
// this one is for tools that need the document itself.
package edgegap

import _ "embed"

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen -config api/config.yaml openapi.yaml

// The generator begins the comment of each field with the field's name. The description is a
// sentence without it.
//
//go:generate perl -0777pi -e s|(\t//\x20)(\w+)\x20(([A-Z].*\n)(\t//.*\n)*\t\2\x20)|\1\3|g api/api.gen.go

// OpenAPI is the contract, openapi.yaml, as it stands in the repository: an
// OpenAPI 3.0.3 document in YAML.
//
//go:embed openapi.yaml
var OpenAPI []byte
