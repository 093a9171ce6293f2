package sessionstest_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// documented is the package with its examples.
func documented(t *testing.T) *doc.Package {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set, files := token.NewFileSet(), []*ast.File{}
	for _, name := range names {
		file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	p, err := doc.NewFromFiles(set, files, "sessionstest")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A type may do with the Example of a func or method that takes or returns it.
func TestEveryExportedNameHasAnExampleWithOutput(t *testing.T) {
	p := documented(t)
	shown := map[string]bool{}
	need := func(name string, examples []*doc.Example) {
		if len(examples) == 0 && !shown[name] {
			t.Errorf("%s has no Example", name)
		}
		for _, example := range examples {
			if example.Output == "" {
				t.Errorf("Example%s has no output", example.Name)
			}
		}
	}
	need("the package", p.Examples)
	funcs := slices.Clone(p.Funcs)
	for _, typ := range p.Types {
		funcs = append(append(funcs, typ.Funcs...), typ.Methods...)
	}
	for _, f := range funcs {
		need(strings.TrimPrefix(f.Recv+"."+f.Name, "."), f.Examples)
		ast.Inspect(f.Decl.Type, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok {
				shown[name.Name] = true
			}
			return true
		})
	}
	for _, typ := range p.Types {
		need(typ.Name, typ.Examples)
	}
	if len(funcs) < 20 || len(p.Types) < 8 {
		t.Errorf("only %d funcs and %d types were found", len(funcs), len(p.Types))
	}
}
