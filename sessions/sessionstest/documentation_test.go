package sessionstest_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/edgegap-community/edgegap"

// parsed is every file of the package, by name.
func parsed(t *testing.T) (*token.FileSet, map[string]*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	set, files := token.NewFileSet(), map[string]*ast.File{}
	for _, name := range names {
		if files[name], err = parser.ParseFile(set, name, nil, parser.ParseComments); err != nil {
			t.Fatal(err)
		}
	}
	return set, files
}

func documented(t *testing.T) *doc.Package {
	t.Helper()
	set, byName := parsed(t)
	var files []*ast.File
	for _, file := range byName {
		files = append(files, file)
	}
	p, err := doc.NewFromFiles(set, files, module+"/sessions/sessionstest")
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

func TestEveryExportedNameAndFieldIsExplained(t *testing.T) {
	p := documented(t)
	explain := func(name, text string) {
		if strings.TrimSpace(text) == "" {
			t.Errorf("%s is not explained", name)
		}
	}
	explain("the package", p.Doc)
	for _, f := range p.Funcs {
		explain(f.Name, f.Doc)
	}
	fields := 0
	for _, typ := range p.Types {
		explain(typ.Name, typ.Doc)
		for _, f := range append(typ.Funcs, typ.Methods...) {
			explain(f.Name, f.Doc)
		}
		structure, ok := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range structure.Fields.List {
			fields++
			for _, name := range field.Names {
				explain(typ.Name+"."+name.Name, field.Doc.Text()+field.Comment.Text())
			}
		}
	}
	if fields < 50 {
		t.Errorf("only %d fields were found", fields)
	}
}

// Whoever tests against the fake builds it each time, and reads it.
func TestThePackageStaysLight(t *testing.T) {
	_, files := parsed(t)
	for name, file := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(string(content), "\n"); lines > 200 {
			t.Errorf("%s has %d lines", name, lines)
		}
		for _, spec := range file.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") && !strings.HasPrefix(path, module+"/") {
				t.Errorf("%s imports %s", name, path)
			}
			if first == "testing" && !strings.HasSuffix(name, "_test.go") {
				t.Errorf("%s imports %s: programs would get its flags", name, path)
			}
		}
	}
}
