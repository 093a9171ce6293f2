//go:build tools

package edgegap

// These imports pin the generator, and what else go.mod must keep, to the
// versions in go.mod.
import (
	_ "github.com/go-json-experiment/json"
	_ "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen"
)
