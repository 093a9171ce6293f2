package checks

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// public are the packages that people import, by directory.
var public = []string{".", "api", "sessions", "sessions/sessionstest"}

// selfEvident need no comment, or can't have one.
var selfEvident = []string{
	"api.HttpRequestDoer.Do", // the generator writes none
}

// TestExportedNamesAreDocumented: each has a comment that says something. For
// one of a group of constants or variables it may be the group's; a field may
// be named in the comment of its type or of another field.
func TestExportedNamesAreDocumented(t *testing.T) {
	var bare []string
	for _, dir := range public {
		pkg, fset := packageDoc(t, dir)
		check := func(pos token.Pos, name string, fine bool) {
			name = pkg.Name + "." + name
			if fine {
				return
			}
			bare = append(bare, name)
			if !slices.Contains(selfEvident, name) {
				t.Errorf("%s: %s has no comment that says something", fset.Position(pos), name)
			}
		}
		values := func(values []*doc.Value) {
			for _, group := range values {
				for _, spec := range group.Decl.Specs {
					spec := spec.(*ast.ValueSpec)
					for _, name := range spec.Names {
						own := spec.Doc.Text() + spec.Comment.Text()
						check(name.Pos(), name.Name, isSentence(group.Doc, name.Name) || words(own, name.Name) >= 2)
					}
				}
			}
		}
		funcs := func(of string, funcs []*doc.Func) {
			for _, f := range funcs {
				check(f.Decl.Pos(), of+f.Name, isSentence(f.Doc, f.Name))
			}
		}
		check(token.NoPos, "", isSentence(pkg.Doc, "Package "+pkg.Name))
		values(pkg.Consts)
		values(pkg.Vars)
		funcs("", pkg.Funcs)
		for _, typ := range pkg.Types {
			check(typ.Decl.Pos(), typ.Name, isSentence(typ.Doc, typ.Name))
			values(typ.Consts)
			values(typ.Vars)
			funcs("", typ.Funcs)
			funcs(typ.Name+".", typ.Methods)
			said := typ.Doc
			var fields []*ast.Field
			ast.Inspect(typ.Decl, func(n ast.Node) bool {
				if field, ok := n.(*ast.Field); ok {
					fields = append(fields, field)
					said += field.Doc.Text() + field.Comment.Text()
					return false
				}
				return true
			})
			for _, field := range fields {
				own := field.Doc.Text() + field.Comment.Text()
				for _, name := range field.Names {
					if name.IsExported() {
						named := regexp.MustCompile(`\b` + name.Name + `\b`).MatchString(said)
						check(name.Pos(), typ.Name+"."+name.Name, words(own, name.Name) >= 1 || own == "" && named)
					}
				}
			}
		}
	}
	for _, name := range selfEvident {
		if !slices.Contains(bare, name) {
			t.Errorf("%s is no exception any more", name)
		}
	}
}

func packageDoc(t *testing.T, dir string) (*doc.Package, *token.FileSet) {
	t.Helper()
	fset := token.NewFileSet()
	var sources []*ast.File
	for _, file := range files(t) {
		if path.Dir(file) == dir && path.Ext(file) == ".go" && !strings.HasSuffix(file, "_test.go") {
			source, err := parser.ParseFile(fset, file, read(t, file), parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, source)
		}
	}
	pkg, err := doc.NewFromFiles(fset, sources, dir)
	if err != nil {
		t.Fatal(err)
	}
	return pkg, fset
}

// isSentence reports whether a comment begins like one and says something.
func isSentence(comment, name string) bool {
	first, _ := utf8.DecodeRuneInString(comment)
	return (unicode.IsUpper(first) || strings.HasPrefix(comment, name)) && words(comment, name) >= 3
}

// words counts those of a comment beside the name.
func words(comment, name string) (n int) {
	for word := range strings.FieldsSeq(comment) {
		if !strings.EqualFold(strings.Trim(word, ".,:;"), name) {
			n++
		}
	}
	return n
}
