package checks

import (
	"flag"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write api.txt")

const module = "github.com/edgegap-community/edgegap"

// TestExportedAPI compares what the packages export with api.txt, which has it
// as it was last recorded, a line for each declaration.
func TestExportedAPI(t *testing.T) {
	const file = "api.txt"
	const how = "go test ./internal/checks -run ExportedAPI -update"
	now := exported(t, "sessions", "sessions/sessionstest", "api")
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	recorded, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Split(strings.TrimSpace(string(recorded)), "\n")
	gone := slices.DeleteFunc(slices.Clone(before), func(line string) bool { return slices.Contains(now, line) })
	added := slices.DeleteFunc(slices.Clone(now), func(line string) bool { return slices.Contains(before, line) })
	if len(gone) > 0 {
		t.Errorf("a break: what these lines of api.txt say is gone or changed, and programs that use it stop compiling:\n- %s\n"+
			"If it has to be, tell users in CHANGELOG.md what to write instead, with before and after, and record it: %s",
			strings.Join(gone, "\n- "), how)
	}
	if len(added) > 0 {
		t.Errorf("new, and from the next release on a promise:\n+ %s\nRecord it: %s", strings.Join(added, "\n+ "), how)
	}
}

// exported describes what packages export, in the manner of the Go project's own
// api/go1.txt. An alias has the fields and methods of what it stands for.
func exported(t *testing.T, dirs ...string) (lines []string) {
	t.Helper()
	files(t)
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}
	for _, dir := range dirs {
		args = append(args, "../../"+dir)
	}
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	compiled := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		compiled[name] = file
	}
	compiler := importer.ForCompiler(token.NewFileSet(), "gc", func(name string) (io.ReadCloser, error) { return os.Open(compiled[name]) })
	for _, dir := range dirs {
		pkg, err := compiler.Import(path.Join(module, dir))
		if err != nil {
			t.Fatal(err)
		}
		w := writer{pkg: pkg, lines: map[string]bool{}}
		for _, name := range pkg.Scope().Names() {
			if object := pkg.Scope().Lookup(name); object.Exported() {
				w.object(object)
			}
		}
		lines = append(lines, slices.Sorted(maps.Keys(w.lines))...)
	}
	return lines
}

type writer struct {
	pkg   *types.Package
	lines map[string]bool
}

func (w writer) line(format string, args ...any) {
	w.lines["pkg "+w.pkg.Name()+", "+fmt.Sprintf(format, args...)] = true
}

// write is a type as this package writes it.
func (w writer) write(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p == w.pkg {
			return ""
		}
		return p.Name()
	})
}

// signature is that of a function without the names of its parameters.
func (w writer) signature(s *types.Signature) string {
	unnamed := func(tuple *types.Tuple) *types.Tuple {
		var vars []*types.Var
		for v := range tuple.Variables() {
			vars = append(vars, types.NewParam(token.NoPos, nil, "", v.Type()))
		}
		return types.NewTuple(vars...)
	}
	var constraints []*types.TypeParam
	for p := range s.TypeParams().TypeParams() {
		constraints = append(constraints, p)
	}
	s = types.NewSignatureType(nil, nil, constraints, unnamed(s.Params()), unnamed(s.Results()), s.Variadic())
	return strings.TrimPrefix(w.write(s), "func")
}

func (w writer) object(object types.Object) {
	switch o := object.(type) {
	case *types.Const:
		w.line("const %s %s = %s", o.Name(), w.write(o.Type()), o.Val())
	case *types.Var:
		w.line("var %s %s", o.Name(), w.write(o.Type()))
	case *types.Func:
		w.line("func %s%s", o.Name(), w.signature(o.Signature()))
	case *types.TypeName:
		w.typeName(o)
	}
}

func (w writer) typeName(o *types.TypeName) {
	if o.IsAlias() {
		w.line("type %s = %s", o.Name(), w.write(types.Unalias(o.Type())))
	}
	switch under := o.Type().Underlying().(type) {
	case *types.Struct:
		w.line("type %s struct", o.Name())
		for field := range under.Fields() {
			switch {
			case field.Embedded():
				w.line("type %s struct, embedded %s", o.Name(), w.write(field.Type()))
			case field.Exported():
				w.line("type %s struct, %s %s", o.Name(), field.Name(), w.write(field.Type()))
			}
		}
	case *types.Interface:
		var methods []string
		for method := range under.Methods() {
			methods = append(methods, method.Name()+w.signature(method.Signature()))
		}
		w.line("type %s interface { %s }", o.Name(), strings.Join(methods, "; "))
		return
	default:
		w.line("type %s %s", o.Name(), w.write(under))
	}
	methods := types.NewMethodSet(types.NewPointer(o.Type()))
	values := types.NewMethodSet(o.Type())
	for method := range methods.Methods() {
		if !method.Obj().Exported() {
			continue
		}
		receiver := "*" + o.Name()
		if values.Lookup(nil, method.Obj().Name()) != nil {
			receiver = o.Name()
		}
		w.line("method (%s) %s%s", receiver, method.Obj().Name(), w.signature(method.Type().(*types.Signature)))
	}
}
