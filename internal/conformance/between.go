package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// withNewFields stands between a program and the emulator, and gives every
// object of an answer a field that the document does not know.
func withNewFields(target string) (string, func()) {
	to, err := url.Parse(target)
	if err != nil {
		panic(err) // we made it
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		var answer any
		decoder := json.NewDecoder(r.Body)
		decoder.UseNumber()
		if err := decoder.Decode(&answer); err != nil {
			return err
		}
		r.Body.Close()
		text, err := json.Marshal(grown(answer))
		r.Body = io.NopCloser(bytes.NewReader(text))
		r.ContentLength = int64(len(text))
		r.Header.Set("Content-Length", strconv.Itoa(len(text)))
		return err
	}
	server := httptest.NewServer(proxy)
	return server.URL, server.Close
}

func grown(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = grown(value[i])
		}
	case map[string]any:
		for name, v := range value {
			ports, isPorts := v.(map[string]any)
			if name != "ports" || !isPorts {
				value[name] = grown(v)
				continue
			}
			for port := range ports { // the map itself is no object with fields
				ports[port] = grown(ports[port])
			}
		}
		value["added_later"] = map[string]any{"since": "tomorrow"}
	}
	return value
}

// throughPrism stands between a program and the emulator, and answers with an
// error of its own what is not as the document says, in either direction.
func throughPrism(ctx context.Context, target string) (string, func(), error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	return serve(ctx, regexp.MustCompile(`listening on (http://[0-9.:]+)`),
		filepath.Join("tools", "node_modules", ".bin", "prism"), "proxy", filepath.Join(root, "openapi.yaml"), target, "--errors", "--port", strconv.Itoa(port))
}

// schemathesis has all its checks run against the emulator; schemathesis.toml
// names the exceptions.
func schemathesis(ctx context.Context, e *emulator) (string, error) {
	say("Schemathesis")
	if err := e.begin(ctx, map[string]string{"ready_after": "-1ns", "terminating_for": "-1ns"}); err != nil {
		return "", err
	}
	report, err := filepath.Abs(filepath.Join("generated", "schemathesis.json"))
	if err != nil {
		return "", err
	}
	os.Remove(report)
	ran := command(ctx, "tools", []string{"EDGEGAP_API_KEY=" + key}, filepath.Join(".venv", "bin", "schemathesis"),
		"--config-file", "schemathesis.toml", "run", "../../../openapi.yaml", "--url", e.url, "--report", "json", "--report-json-path", report)
	text, err := os.ReadFile(report)
	if err != nil {
		return "", fmt.Errorf("%w (%w)", err, ran)
	}
	var told struct {
		Version    string `json:"schemathesis_version"`
		Operations struct{ Tested int }
		TestCases  struct {
			Generated int
			Failures  int `json:"unique_failures"`
			Errored   int
		} `json:"test_cases"`
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return "", err
	}
	if ran == nil && (told.Operations.Tested != len(operations) || told.TestCases.Generated < 1000 || told.TestCases.Failures+told.TestCases.Errored > 0) {
		ran = fmt.Errorf("a pass with %+v proves nothing", told)
	}
	return fmt.Sprintf("\nSchemathesis %s: %d cases, %d failures, %d errors", told.Version, told.TestCases.Generated, told.TestCases.Failures, told.TestCases.Errored), ran
}
