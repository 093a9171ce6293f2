//go:build tools

package edgegap

// The import pins the generator to the version in go.mod.
import _ "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"
