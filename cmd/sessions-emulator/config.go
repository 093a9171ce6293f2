package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	yaml "github.com/oasdiff/yaml3"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// settings are a configuration as the file and the controls have it: with what
// is settled at the start, and 0s for a session that is Ready at once.
type settings struct {
	emulator.Config
	Speed float64 `json:"speed"`
	Seed  uint64  `json:"seed"`
}

func settingsOf(c emulator.Config) settings {
	c.ReadyAfter = max(c.ReadyAfter, 0)
	return settings{c, c.Speed, c.Seed}
}

func (s settings) config() emulator.Config {
	c := s.Config
	c.Speed, c.Seed = s.Speed, s.Seed
	if c.ReadyAfter == 0 {
		c.ReadyAfter = -1
	}
	return c
}

// with is the settings changed by JSON that keeps to controls.yaml. What it
// leaves out stays, and so do the settings themselves. Whether they are Valid is
// not looked at.
func (s settings) with(text []byte) (settings, error) {
	changed := s
	changed.Apps, changed.Unknown = nil, emulator.Unknown{} // not to share a list or a map
	same, err := json.Marshal(s, dialect)
	if err == nil {
		err = json.Unmarshal(same, &changed, dialect)
	}
	if err == nil {
		err = decode(text, &changed)
	}
	return changed, err
}

// withFile is the settings changed by a YAML file, which must keep to what
// controls.yaml says of them.
func (s settings) withFile(name string) (settings, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	changed, err := s.withYAML(text)
	if err != nil {
		return s, fmt.Errorf("%s: %s", name, strings.TrimPrefix(plain(err).Error(), "the body: "))
	}
	return changed, nil
}

func (s settings) withYAML(text []byte) (settings, error) {
	var value, more any
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.DisableTimestamps(true) // a version may look like a date
	if err := decoder.Decode(&value); err != nil && err != io.EOF {
		return s, wrongLine(text, err)
	}
	if err := decoder.Decode(&more); err != io.EOF {
		return s, errors.New("there is a second document")
	}
	if value == nil {
		value = map[string]any{}
	}
	body, err := json.Marshal(value)
	if err != nil {
		return s, errors.New("holds what JSON can't say, such as .nan")
	}
	document, err := controlsDocument()
	if err != nil {
		return s, err
	}
	request, err := http.NewRequest(http.MethodPut, prefix+"config", bytes.NewReader(body))
	if err != nil {
		return s, err
	}
	request.Header.Set("Content-Type", "application/json")
	if _, err := document.ValidateRequest(request); err != nil {
		return s, err
	}
	return s.with(body)
}

// wrongLine tells the line from which on YAML can't be read: the one after the
// longest beginning that can be. The one that its reader tells may be far off.
func wrongLine(text []byte, err error) error {
	lines := bytes.SplitAfter(text, []byte("\n"))
	line := len(lines)
	for ; line > 1; line-- {
		var value any
		if yaml.Unmarshal(bytes.Join(lines[:line-1], nil), &value) == nil {
			break
		}
	}
	reason, _, _ := strings.Cut(aboutLine.ReplaceAllString(err.Error(), ""), "\n")
	return fmt.Errorf("line %d: %s", line, reason)
}

var aboutLine = regexp.MustCompile(`^yaml: (unmarshal errors:\n  )?(line \d+: )?`)
