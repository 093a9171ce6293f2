// Consumer is somebody who uses the module: it packs the work tree as a release
// would be packed, and with a module cache that is empty gets it, builds and runs
// program, and installs the emulator as go install ...@version does.
//
// It prints what all that costs, and fails when the go.sum grows beyond its bound.
package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/edgegap-community/edgegap/internal/checks"
)

// mostSums bounds the lines of a consumer's go.sum.
const mostSums = 28

var release = module.Version{Path: "github.com/edgegap-community/edgegap", Version: "v0.0.0"}

//go:embed program/main.go
var program []byte

func main() {
	dir, err := os.MkdirTemp("", "consumer")
	if err == nil {
		err = consume(dir)
		os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

func consume(dir string) error {
	if err := pack(dir); err != nil {
		return err
	}
	others, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		return err
	}
	env := append(os.Environ(),
		"GOPROXY=file://"+filepath.Join(dir, "proxy")+","+strings.TrimSpace(string(others)),
		"GONOSUMDB="+release.Path+","+os.Getenv("GONOSUMDB"),
		"GOMODCACHE="+filepath.Join(dir, "cache"), "GOFLAGS=-modcacherw", "GOWORK=off", "GOBIN="+dir)
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		return err
	}
	run := func(name string, args ...string) ([]byte, error) {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = home, env
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, stderr.Bytes())
		}
		return out, err
	}
	if err := os.WriteFile(filepath.Join(home, "main.go"), program, 0o644); err != nil {
		return err
	}
	at := release.Path + "@" + release.Version
	for _, args := range []string{"mod init example.com/consumer", "get " + at, "mod tidy", "build -o program .", "install " + release.Path + "/cmd/sessions-emulator@" + release.Version} {
		if _, err := run("go", strings.Fields(args)...); err != nil {
			return err
		}
	}
	said, err := run("./program")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(said), "players connect to ") {
		return fmt.Errorf("the program says %q", said)
	}
	linked, err := run("go", "version", "-m", "program")
	if err != nil {
		return err
	}
	binary, err := os.Stat(filepath.Join(home, "program"))
	if err != nil {
		return err
	}
	sums, err := os.ReadFile(filepath.Join(home, "go.sum"))
	if err != nil {
		return err
	}
	lines := bytes.Count(sums, []byte("\n"))
	fmt.Printf("%sgo.sum: %d lines, %d bytes\nmodules linked: %d\nprogram: %d bytes\n",
		said, lines, len(sums), bytes.Count(linked, []byte("\n\tdep\t")), binary.Size())
	if lines > mostSums {
		return fmt.Errorf("a consumer's go.sum has more than %d lines:\n%s", mostSums, sums)
	}
	return nil
}

// pack makes dir/proxy a module proxy that has the work tree.
func pack(dir string) error {
	clone := filepath.Join(dir, "clone")
	if err := checks.Clone(".", clone); err != nil {
		return err
	}
	versions := filepath.Join(dir, "proxy", release.Path, "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		return err
	}
	var packed bytes.Buffer
	if err := zip.CreateFromDir(&packed, release, clone); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(clone, "go.mod"))
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"list": []byte(release.Version + "\n"), release.Version + ".zip": packed.Bytes(),
		release.Version + ".mod": mod, release.Version + ".info": fmt.Appendf(nil, `{"Version":%q}`, release.Version),
	} {
		if err := os.WriteFile(filepath.Join(versions, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
