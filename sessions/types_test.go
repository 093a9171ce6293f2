package sessions_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

// aliases are the models that sessions names anew.
var aliases = map[string]reflect.Type{
	"CreateRequest": reflect.TypeFor[sessions.CreateRequest](), "Created": reflect.TypeFor[sessions.Created](), "Session": reflect.TypeFor[sessions.Session](),
	"Summary": reflect.TypeFor[sessions.Summary](), "Deleted": reflect.TypeFor[sessions.Deleted](), "User": reflect.TypeFor[sessions.User](),
	"GeoIP": reflect.TypeFor[sessions.GeoIP](), "Location": reflect.TypeFor[sessions.Location](), "LocationFilter": reflect.TypeFor[sessions.LocationFilter](),
	"Selector": reflect.TypeFor[sessions.Selector](), "Env": reflect.TypeFor[sessions.Env](), "StopFilter": reflect.TypeFor[sessions.StopFilter](),
	"Deployment": reflect.TypeFor[sessions.Deployment](), "Port": reflect.TypeFor[sessions.Port](),
}

// TestAliasesShowTheirFields: go doc shows no fields of an alias, so its comment
// lists them, each once and with its type.
func TestAliasesShowTheirFields(t *testing.T) {
	named := map[string]string{} // the aliases' names, by those of package api
	for name, typ := range aliases {
		named[typ.String()] = name
	}
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	missing := maps.Clone(aliases)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		name := spec.Name.Name
		delete(missing, name)
		want := map[string]string{}
		for _, f := range reflect.VisibleFields(aliases[name]) {
			want[f.Name] = regexp.MustCompile(`api\.\w+`).ReplaceAllStringFunc(f.Type.String(), func(s string) string {
				if alias := named[s]; alias != "" {
					return alias
				}
				return s
			})
		}
		if got := listed(t, spec.Doc.Text()); !maps.Equal(got, want) {
			t.Errorf("%s lists %v\nits fields are %v", name, got, want)
		}
		return true
	})
	for name := range missing {
		t.Errorf("types.go has no %s", name)
	}
}

// listed are the fields in the indented lines of a comment, with their types.
func listed(t *testing.T, comment string) map[string]string {
	var block strings.Builder
	for line := range strings.Lines(comment) {
		if strings.HasPrefix(line, "\t") {
			block.WriteString(line)
		}
	}
	list, err := parser.ParseExpr("struct {\n" + block.String() + "}")
	if err != nil {
		t.Fatalf("%v in\n%s", err, comment)
	}
	fields := map[string]string{}
	for _, f := range list.(*ast.StructType).Fields.List {
		for _, name := range f.Names {
			fields[name.Name] += types.ExprString(f.Type)
		}
	}
	return fields
}

func TestStatusesAreComparedInEitherSpelling(t *testing.T) {
	for status, want := range map[string]bool{
		"Error": true, "error": true, "Status.ERROR": true, "status.Error": true, "STATUS.ERROR": true,
		"": false, "Ready": false, "Errors": false, "Status.": false, "Status.READY": false, "xStatus.Error": false, "Status.Status.Error": false,
	} {
		if sessions.StatusIs(status, sessions.StatusError) != want {
			t.Errorf("%q: not %t", status, want)
		}
	}
}
