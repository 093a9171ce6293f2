package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

// file is a file of settings.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// ended is a context with which a program that should not start stops at once.
func ended(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestFlags(t *testing.T) {
	o, err := parse(nil, io.Discard)
	want := emulator.Config{Speed: 1, ReadyAfter: 2 * time.Second, Apps: []emulator.App{{Kind: "Seat", Sockets: 10}}}
	if err != nil || o.addr != "localhost:8080" || o.quiet || !reflect.DeepEqual(o.config, want) {
		t.Errorf("without flags: %+v, %v", o, err)
	}
	o, err = parse([]string{"-addr", ":0", "-key", "k3y", "-seed", "7", "-speed", "2.5", "-ready-after", "0s", "-kind", "Match", "-sockets", "3", "-autodeploy=false", "-quiet"}, io.Discard)
	want = emulator.Config{Key: "k3y", Seed: 7, Speed: 2.5, ReadyAfter: -1, Apps: []emulator.App{{Kind: "Match", Sockets: 3, NoAutodeploy: true}}}
	if err != nil || o.addr != ":0" || !o.quiet || !reflect.DeepEqual(o.config, want) {
		t.Errorf("with flags: %+v, %v", o, err)
	}
}

func TestMistakesInTheFlags(t *testing.T) {
	withApps, empty := file(t, "apps: [{name: arena}]"), file(t, "")
	for args, want := range map[string]string{
		"-kind seats":                           "-kind must be Seat, Match or Default",
		"-sockets -1":                           "-sockets must not be negative",
		"-speed 0":                              "-speed must be 0.001 to 1e6",
		"-speed 1e-12":                          "-speed must be 0.001 to 1e6",
		"-speed 1e300":                          "-speed must be 0.001 to 1e6",
		"-speed Inf -config " + withApps:        "sessions-emulator: -speed must be 0.001 to 1e6",
		"-speed NaN":                            "-speed must be 0.001 to 1e6",
		"-ready-after -1s":                      "-ready-after must not be negative",
		"-ready-after soon":                     "-ready-after",
		"-port 1":                               "-port",
		"-quiet serve":                          "word 2: there are no arguments, only flags",
		"-addr localhost:http:1":                "-addr must be host:port",
		"-config nowhere.yaml":                  "nowhere.yaml: no such file",
		"-config " + withApps + " -sockets 3":   "-sockets: the apps are those of " + withApps,
		"-config " + withApps + " -kind Seat":   "-kind: the apps are those of",
		"-config " + empty + " -kind seats":     "sessions-emulator: -kind must be Seat, Match or Default",
		"-autodeploy=false -config " + withApps: "-autodeploy: the apps are those of",
	} {
		var stderr bytes.Buffer
		if code := run(ended(t), strings.Fields(args), io.Discard, &stderr); code != 2 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: exit code %d, %s, want %s", args, code, &stderr, want)
		}
	}
}

// The file alone is right, and the flag alone; both together are judged, too.
func TestMistakesInBoth(t *testing.T) {
	for _, apps := range []string{"", "apps: [{name: arena}]\n", "apps: [{name: arena}, {name: chess}]\n"} {
		for _, text := range []string{"ready_after: 5s\ninitializing_for: 1s\n", "initializing_for: 1s\n"} {
			var stderr bytes.Buffer
			code := run(ended(t), []string{"-config", file(t, apps+text), "-ready-after", "500ms"}, io.Discard, &stderr)
			if want := "sessions-emulator: initializing_for and seeking_for must not be longer than -ready-after together\n"; code != 2 || !strings.HasPrefix(stderr.String(), want) {
				t.Errorf("%q: exit code %d, %s, want %s", apps+text, code, &stderr, want)
			}
		}
		name := file(t, apps+"initializing_for: 3s\n") // longer than two seconds
		if o, err := parse([]string{"-config", name, "-ready-after", "5s"}, io.Discard); err != nil || o.config.InitializingFor != 3*time.Second {
			t.Errorf("%q: a flag mends what the file leaves out: %v", apps, err)
		}
	}
}

func TestTheKeyAsPeoplePasteIt(t *testing.T) {
	for given, want := range map[string]string{
		"": "", "k3y": "k3y", "token k3y": "k3y", " Token   k3y\n": "k3y", "token token": "-", "tokenk3y": "tokenk3y",
		"k3y SEKRET": "-", "token k3y SEKRET": "-", "k3y\tSEKRET": "-", "k3y\x00": "-", "k3ÿ": "-", "token": "-", "TOKEN ": "-", " ": "-",
	} {
		o, err := parse([]string{"-key", given}, io.Discard)
		switch {
		case want != "-" && (err != nil || o.config.Key != want):
			t.Errorf("%q: %q, %v", given, o.config.Key, err)
		case want == "-" && (err == nil || !strings.HasPrefix(err.Error(), "-key must be")):
			t.Errorf("%q: %q, %v", given, o.config.Key, err)
		case err != nil && strings.Contains(err.Error(), "k3"):
			t.Errorf("%q: the key is in %v", given, err)
		}
	}
	if _, err := parse(strings.Fields("-key token SEKRET"), io.Discard); err == nil || err.Error() != "word 3: there are no arguments, only flags" {
		t.Errorf("a stray key: %v", err)
	}
}

func TestTheHelpSuffices(t *testing.T) {
	var help bytes.Buffer
	if code := run(ended(t), []string{"--help"}, &help, io.Discard); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, part := range []string{"-addr", "-config", "-key", "-seed", "-speed", "-ready-after", "-kind", "-sockets", "-autodeploy", "-quiet",
		`(default "localhost:8080")`, "(default 2s)", "(default 10)", prefix, example, "wins over the file", "Exit codes: 0"} {
		if !strings.Contains(help.String(), part) {
			t.Errorf("the help does not tell of %s:\n%s", part, &help)
		}
	}
	o, err := parse([]string{"-config", file(t, example)}, io.Discard)
	if err != nil || len(o.config.Apps) != 2 || o.config.RateLimit.PerSecond != 10 || !o.config.Unknown.Nulls {
		t.Errorf("the example: %+v, %v", o, err)
	}
}

func TestTheFile(t *testing.T) {
	name := file(t, `
# what a team keeps beside its tests
apps:
  - {name: arena, version: 2024-05-26, kind: Match, sockets: 3, empty_ttl: 5m}
  - name: chess
    ports: {gameport: {internal: 7777, protocol: TCP}}
ready_after: 1.5s
terminating_for: 1h
speed: 2
seed: 9
unknown: {webhook_headers: {X-Edge: "1"}, full_deployment: 409}
`)
	o, err := parse([]string{"-config", name, "-key", "k3y"}, io.Discard)
	want := emulator.Config{
		Key: "k3y", Speed: 2, Seed: 9, ReadyAfter: 1500 * time.Millisecond, TerminatingFor: time.Hour,
		Apps: []emulator.App{
			{Name: "arena", Version: "2024-05-26", Kind: "Match", Sockets: 3, EmptyTTL: 5 * time.Minute, Ports: map[string]api.PortMapping{}},
			{Name: "chess", Ports: map[string]api.PortMapping{"gameport": {Internal: 7777, Protocol: "TCP"}}},
		},
		Unknown: emulator.Unknown{WebhookHeaders: map[string]string{"X-Edge": "1"}, FullDeployment: 409},
	}
	want.Apps[0].Ports = nil
	if err != nil || !reflect.DeepEqual(o.config, want) {
		t.Errorf("got %+v, %v\nwant %+v", o.config, err, want)
	}

	// A flag that is given wins, even with its default.
	o, err = parse([]string{"-speed", "1", "-config", name, "-ready-after", "0s"}, io.Discard)
	if err != nil || o.config.Speed != 1 || o.config.ReadyAfter != -1 || o.config.Seed != 9 {
		t.Errorf("with flags: %+v, %v", o.config, err)
	}

	// A file without apps leaves them to the flags, and what it leaves out too.
	for _, text := range []string{"", "# nothing\n", "{}", `{"apps": []}`, "seed: 0\n"} {
		o, err = parse([]string{"-config", file(t, text), "-sockets", "3"}, io.Discard)
		if err != nil || len(o.config.Apps) != 1 || o.config.Apps[0].Sockets != 3 || o.config.ReadyAfter != 2*time.Second || o.config.Speed != 1 {
			t.Errorf("%q: %+v, %v", text, o.config, err)
		}
	}
}

func TestMistakesInTheFile(t *testing.T) {
	for text, want := range map[string]string{
		"apps: [\nready_after: 1s\n":                                "line 1: did not find expected",
		"# c\napps:\n  - name: a\n   version: 1\nready_after: 1s\n": "line 4: did not find expected",
		"rate_limit:\n  burst: 1\n per_second: 2\n":                 "line 3: did not find expected key",
		"seed: 1\nready_after: 'abc\n":                              "line 2: found unexpected end",
		"ready_after: 1s\nready_after: 2s\n":                        `line 2: mapping key "ready_after" already defined at line 1`,
		"ready_after: 1s: 2s":                                       "line 1: mapping values are not allowed",
		"\tready_after: 1s":                                         "line 1: found character that cannot start any token",
		"ready_after: 1s\nunknown:\n\tnulls: true\n":                "line 3: found character that cannot start any token",
		"ready_after: *soon":                                        "line 1: unknown anchor 'soon' referenced",
		"{}\n---\n{}":                                               "there is a second document",
		"- apps":                                                    "value must be an object",
		"just words":                                                "value must be an object",
		"ready: 1s":                                                 `property "ready" is unsupported`,
		"key: k":                                                    `property "key" is unsupported`,
		"1: 2":                                                      `property "1" is unsupported`,
		"ready_after: 2":                                            "ready_after: value must be a string",
		"ready_after: soon":                                         "ready_after: must be a duration such as 1.5s",
		"unknown: {bulk_stop_takes: 5}":                             "unknown.bulk_stop_takes: value must be a string",
		"unknown: {bulk_stop_takes: '5'}":                           "unknown.bulk_stop_takes: must be a duration such as 1.5s",
		"apps: [{}, {sockets: ten}]":                                "apps[1].sockets: value must be an integer",
		"apps: [{}, {sockets: 1.5}]":                                "apps[1].sockets: value must be an integer",
		"apps: [{}, {sockets: -1}]":                                 "apps[1].sockets: number must be at least 0",
		"apps: [{version: 1.4}]":                                    "apps[0].version: value must be a string",
		"apps: [{}, {empty_ttl: -1s}]":                              "apps[1].empty_ttl must not be negative",
		"apps: [{kind: Duo}]":                                       "apps[0].kind: value is not one of the allowed values",
		"apps: [{name: a, socket: 3}]":                              `apps[0]: property "socket" is unsupported`,
		"apps: [{ports: {game: {internal: 0}}}]":                    "apps[0].ports.game.internal: number must be at least 1",
		"apps: [{ports: {game: {external: 1}}}]":                    `apps[0].ports.game: property "external" is unsupported`,
		"unknown: {full_deployment: 99}":                            "unknown.full_deployment must be 0, 200 or 400 to 599",
		"unknown: {full_deployment: 99999999999}":                   "unknown.full_deployment: integer doesn't match the format",
		"unknown: {full_deployment: '409'}":                         "unknown.full_deployment: value must be an integer",
		"unknown: {nulls: 1}":                                       "unknown.nulls: value must be a boolean",
		"unknown: {nulls: null}":                                    "unknown.nulls: Value is not nullable",
		"unknown: {nul: true}":                                      `unknown: property "nul" is unsupported`,
		"unknown: {webhook_headers: {\"a b\": \"1\"}}":              "unknown.webhook_headers: \"a b\" is not a header",
		"rate_limit: {per_second: .nan}":                            "what JSON can't say",
		"rate_limit: {per_second: -1}":                              "rate_limit.per_second: number must be at least 0",
		"speed: 0":                                                  "speed: number must be at least 0.001",
		"speed: 1e-12":                                              "speed: number must be at least 0.001",
		"speed: 1e300":                                              "speed: number must be at most 1e+06",
		"speed: .inf":                                               "what JSON can't say",
		"seed: -1":                                                  "seed: number must be at least 0",
		"initializing_for: 3s\nunknown: {no_socket: 1}\n":           "initializing_for and seeking_for must not be longer than ready_after together; unknown.no_socket must be",
	} {
		name := file(t, text)
		var stderr bytes.Buffer
		code := run(ended(t), []string{"-config", name}, io.Discard, &stderr)
		line, _, _ := strings.Cut(stderr.String(), "\n")
		got := strings.TrimPrefix(line, "sessions-emulator: "+name+": ")
		if code != 2 || got == line || !strings.HasPrefix(got, want) && !strings.Contains(got, "JSON") {
			t.Errorf("%q: exit code %d\n got %s\nwant %s", text, code, &stderr, want)
		}
		for _, foreign := range []string{"emulator.", "Go ", "json:", "yaml:", "int64", "float64"} {
			if strings.Contains(got, foreign) {
				t.Errorf("%q: the message has %q: %s", text, foreign, got)
			}
		}
	}
}

func TestSettingsShareNothing(t *testing.T) {
	o, err := parse([]string{"-config", file(t, "apps: [{name: arena, ports: {a: {internal: 1}}}]\nunknown: {webhook_headers: {A: '1'}}")}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	start := settingsOf(o.config)
	before := fmt.Sprintf("%+v", start)
	changed, err := start.with([]byte(`{"apps": [{"sockets": 3, "ports": {"a": {"internal": 2}}}], "unknown": {"webhook_headers": {"A": "2", "B": "3"}}}`))
	if err != nil || !reflect.DeepEqual(changed.Apps, []emulator.App{{Sockets: 3, Ports: map[string]api.PortMapping{"a": {Internal: 2}}}}) {
		t.Errorf("%+v, %v", changed, err)
	}
	if now := fmt.Sprintf("%+v", start); now != before {
		t.Errorf("the settings at the start are now %s", now)
	}
}
