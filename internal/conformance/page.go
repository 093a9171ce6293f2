package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// language is a section of README.md: a heading, a line that begins with
// "Mind" under it, and a shell script of the commands to generate, to set the key and to
// call, to be run from the repository's root.
type language struct{ name, mind, script string }

func readPage(path string) ([]language, error) {
	page, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var languages []language
	for _, section := range strings.Split(string(page), "\n### ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		_, script, _ := strings.Cut(text, "\n```sh\n")
		script, _, closed := strings.Cut(script, "\n```")
		mind, told := strings.CutPrefix(text, "Mind: ")
		mind, _, _ = strings.Cut(mind, "\n")
		if !closed || !told || strings.Count(script, "\nexport EDGEGAP_API_KEY="+key+"\n") != 1 {
			return nil, fmt.Errorf("%s: the section on %s lacks its commands or its line of what to mind", path, name)
		}
		languages = append(languages, language{name, strings.ReplaceAll(mind, "`", ""), script})
	}
	if len(languages) == 0 {
		return nil, fmt.Errorf("%s: no language", path)
	}
	return languages, nil
}

// call is the script without the line that generates, which stands before the
// one that sets the key.
func (l language) call() string {
	before, after, _ := strings.Cut(l.script, "\nexport ")
	lines := strings.Split(before, "\n")
	return strings.Join(append(lines[:len(lines)-1], "export "+after), "\n")
}

func (l language) throughPrism() bool { return l.name == "TypeScript" || l.name == "Go" }

// client tells the generator and its version, as the files say that it left or
// that it consists of.
func (l language) client(ctx context.Context) (string, error) {
	folder := strings.ToLower(l.name)
	switch l.name {
	case "Go":
		list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", "github.com/oapi-codegen/oapi-codegen/v2")
		list.Dir = root
		version, err := list.Output()
		return "oapi-codegen " + strings.TrimSpace(string(version)), err
	case "TypeScript":
		types, err := packageVersion(folder, "openapi-typescript")
		fetch, err2 := packageVersion(folder, "openapi-fetch")
		return types + ", " + fetch, errors.Join(err, err2)
	default:
		version, err := os.ReadFile(filepath.Join(folder, "generated", ".openapi-generator", "VERSION"))
		return "openapi-generator " + strings.TrimSpace(string(version)), err
	}
}

func packageVersion(folder, name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(folder, "node_modules", name, "package.json"))
	if err != nil {
		return "", err
	}
	var about struct{ Version string }
	err = json.Unmarshal(text, &about)
	return name + " " + about.Version, err
}
