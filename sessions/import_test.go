package sessions_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goCommand runs the go command and returns its output.
func goCommand(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestImports checks which packages a program that imports this one links, besides those of the
// standard library.
func TestImports(t *testing.T) {
	packages := strings.Fields(goCommand(t, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "."))
	for _, p := range packages {
		if strings.Contains(p, "kin-openapi") || strings.Contains(p, "internal/contract") {
			t.Errorf("%s is linked", p)
		}
	}
	if len(packages) > 12 || len(packages) < 3 {
		t.Errorf("%d packages, want at most 12: %s", len(packages), packages)
	}
}

// TestTestImports checks that tests of the public packages need no other modules, because these
// would be in the go.sum of every importer.
func TestTestImports(t *testing.T) {
	linked := strings.Fields(goCommand(t, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".", "./sessionstest", "../api"))
	tested := strings.Fields(goCommand(t, "list", "-f", `{{join .TestImports "\n"}}{{"\n"}}{{join .XTestImports "\n"}}`, ".", "./sessionstest", "../api"))
	for _, p := range tested {
		if domain, _, _ := strings.Cut(p, "/"); strings.Contains(domain, ".") && !slices.Contains(linked, p) {
			t.Errorf("a test imports %s", p)
		}
	}
}

// sizePrograms create a session.
var sizePrograms = map[string]string{
	"ours": `package main

import (
	"context"
	"fmt"
	"log"

	"github.com/edgegap-community/edgegap/sessions"
)

func main() {
	c, err := sessions.NewFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	s, err := c.CreateAndWait(context.Background(), sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Endpoint(""))
}
`,
	"plain": `package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	content, err := json.Marshal(map[string]any{"app_name": "arena", "ip_list": []string{"203.0.113.7"}})
	if err != nil {
		log.Fatal(err)
	}
	req, err := http.NewRequest("POST", "https://api.edgegap.com/v1/session", bytes.NewReader(content))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+os.Getenv("EDGEGAP_API_KEY"))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	var s struct{ Ready bool }
	fmt.Println(json.NewDecoder(res.Body).Decode(&s), s)
}
`,
}

// BenchmarkProgramSize reports the size of a program that uses this package, compared with one
// that uses net/http and encoding/json. The aims are 1.18 with Go 1.26 and 1.07 with Go 1.27.
func BenchmarkProgramSize(b *testing.B) {
	size := make(map[string]float64)
	for b.Loop() {
		for name, source := range sizePrograms {
			file := filepath.Join(b.TempDir(), "main.go")
			if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
				b.Fatal(err)
			}
			goCommand(b, "build", "-o", file+".out", file)
			info, err := os.Stat(file + ".out")
			if err != nil {
				b.Fatal(err)
			}
			size[name] = float64(info.Size())
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(size["ours"]/size["plain"], "ratio")
}
