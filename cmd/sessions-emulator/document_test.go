package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/contract"
	"github.com/edgegap-community/edgegap/internal/emulator"
)

func document(t *testing.T) *contract.Document {
	t.Helper()
	d, err := controlsDocument()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The document has every field that the emulator has, and none that it has not.
func TestTheDocumentTellsEveryField(t *testing.T) {
	spec := document(t).Spec()
	schemas := spec.Components.Schemas
	given := []string{"external", "link", "proxy"} // of a port: not taken
	for name, of := range map[string]any{
		"Config": settings{}, "App": emulator.App{}, "Port": api.PortMapping{}, "RateLimit": emulator.RateLimit{}, "Unknown": emulator.Unknown{},
		"Fault": emulator.Fault{}, "Request": emulator.Request{}, "Session": emulator.Entry{}, "Deployment": emulator.DeploymentState{},
		"Webhook": emulator.Webhook{}, "TooFewWebhooks": tooFew{}, "Error": message{},
	} {
		var told []string
		for field, schema := range schemas[name].Value.Properties {
			told = append(told, field)
			if schema.Value.Description == "" {
				t.Errorf("%s.%s has no description", name, field)
			}
		}
		slices.Sort(told)
		there := slices.DeleteFunc(fieldsOf(reflect.TypeOf(of)), func(field string) bool { return name == "Port" && slices.Contains(given, field) })
		if !slices.Equal(told, there) {
			t.Errorf("%s: the document has\n%v, the emulator\n%v", name, told, there)
		}
	}
	if api, err := apiDocument(); err != nil || api.Spec().Info.Version != spec.Info.Version {
		t.Errorf("the version %s is not that of openapi.yaml, %v", spec.Info.Version, err)
	}
	for name, schema := range schemas {
		if schema.Value.Description == "" {
			t.Errorf("%s has no description", name)
		}
	}
	for _, name := range []string{"Config", "App", "Port", "RateLimit", "Unknown", "Fault", "Deploy", "JoinableChange", "StatusChange"} {
		if has := schemas[name].Value.AdditionalProperties.Has; has == nil || *has {
			t.Errorf("%s takes what it does not know", name)
		}
	}
	for name, schema := range schemas["Config"].Value.Properties {
		switch name {
		case "apps", "rate_limit", "unknown", "ready_after":
		default:
			if !strings.Contains(schema.Value.Description, "Default") {
				t.Errorf("%s: no default", name)
			}
		}
	}
	for _, name := range []string{"App", "Port", "RateLimit", "Unknown", "Fault"} {
		for field, schema := range schemas[name].Value.Properties {
			if !strings.Contains(schema.Value.Description, "Default") {
				t.Errorf("%s.%s: no default", name, field)
			}
		}
	}
}

// fieldsOf are the names in JSON, sorted.
func fieldsOf(of reflect.Type) (names []string) {
	for _, field := range reflect.VisibleFields(of) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Every control does something, and answers what the document says.
func TestTheControlsKeepToTheirDocument(t *testing.T) {
	document := document(t)
	h, _ := program(t)
	created := answer[struct {
		SessionID string `json:"session_id"`
	}](t, send(h, "POST", "/v1/session", `{"app_name": "arena", "ip_list": ["203.0.113.7"],
		"selectors": [{"tag": "ranked", "env": {"key": "K", "value": "v"}}], "webhook_url": "https://match.example/hook"}`))
	deployed := answer[map[string]string](t, send(h, "POST", prefix+"deployments", `{"app_name": "arena"}`))
	missing := map[string]bool{}
	for _, item := range document.Spec().Paths.Map() {
		for _, operation := range item.Operations() {
			missing[operation.OperationID] = true
		}
	}
	for _, c := range []struct {
		call, body string
		status     int
	}{
		{"GET /", "", 200},
		{"GET /_emulator/", "", 200},
		{"GET /_emulator/openapi.yaml", "", 200},
		{"GET /_emulator/health", "", 200},
		{"GET /_emulator/dump", "", 200},
		{"GET /_emulator/requests", "", 200},
		{"GET /_emulator/sessions", "", 200},
		{"GET /_emulator/deployments", "", 200},
		{"GET /_emulator/webhooks?wait=1&timeout=10s", "", 200},
		{"GET /_emulator/webhooks?wait=2&timeout=0s", "", 504},
		{"GET /_emulator/webhooks?wait=x", "", 400},
		{"POST /_emulator/deployments", `{"app_name": "arena"}`, 200},
		{"POST /_emulator/deployments", `{"app_name": ""}`, 400},
		{"PUT /_emulator/deployments/" + deployed["request_id"] + "/joinable", `{"joinable": false}`, 204},
		{"PUT /_emulator/deployments/x/joinable", `{"joinable": false}`, 404},
		{"PUT /_emulator/deployments/x/joinable", `{}`, 400},
		{"DELETE /_emulator/deployments/" + deployed["request_id"], "", 204},
		{"DELETE /_emulator/deployments/x", "", 404},
		{"PUT /_emulator/sessions/" + created.SessionID + "/status", `{"status": "Error"}`, 204},
		{"PUT /_emulator/sessions/x/status", `{"status": "Error"}`, 404},
		{"PUT /_emulator/sessions/x/status", `{}`, 400},
		{"POST /_emulator/faults", `{"status": 503, "headers": {"Retry-After": "1"}, "delay": "1s", "times": 3}`, 204},
		{"POST /_emulator/faults", `{"statsu": 503}`, 400},
		{"DELETE /_emulator/faults", "", 200},
		{"PUT /_emulator/config", `{"apps": [{"ports": {"gameport": {"internal": 7777}}}], "unknown": {"webhook_headers": {"X": "1"}}}`, 204},
		{"PUT /_emulator/config", `{"app": []}`, 400},
		{"GET /_emulator/config", "", 200},
		{"POST /_emulator/reset", "", 204},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		w := do(t, h, method, path, c.body, c.status)
		r := httptest.NewRequest(method, path, http.NoBody)
		delete(missing, document.Route(r).Operation)
		switch {
		case w.Code == 204:
			if w.Body.Len() > 0 {
				t.Errorf("%s: a body in a 204: %s", c.call, w.Body)
			}
		case w.Header().Get("Content-Type") == "application/json":
			if err := document.ValidateAnswer(r, w.Code, w.Header(), w.Body.Bytes()); err != nil {
				t.Errorf("%s: %d breaks the document: %v\n%s", c.call, w.Code, err, w.Body)
			}
		case w.Body.Len() == 0:
			t.Errorf("%s: nothing", c.call)
		}
	}
	for operation := range missing {
		t.Errorf("%s was not tried", operation)
	}
	if served, _ := io.ReadAll(send(h, "GET", prefix+"openapi.yaml", "").Body); string(served) != string(controlsYAML) {
		t.Error("another document is served")
	}
}

func TestTheTextTellsEveryControl(t *testing.T) {
	h, _ := program(t)
	text := do(t, h, "GET", "/", "", 200).Body.String()
	if other := do(t, h, "GET", prefix, "", 200).Body.String(); other != text {
		t.Errorf("below %s: %s", prefix, other)
	}
	spec := document(t).Spec()
	for path, item := range spec.Paths.Map() {
		for method, operation := range item.Operations() {
			at := strings.Index(text, operation.Summary)
			if begin := strings.LastIndex(text[:max(at, 0)], "\n") + 1; at < 0 || !strings.HasPrefix(text[begin:], method) || !strings.Contains(text[begin:at], path+" ") && path != "/_emulator/" {
				t.Errorf("%s %s (%s) is not told", method, path, operation.Summary)
			}
		}
	}
	for _, name := range []string{"Config", "App", "Port", "RateLimit", "Unknown", "Fault", "Deploy", "JoinableChange", "StatusChange"} {
		for field := range spec.Components.Schemas[name].Value.Properties {
			if !strings.Contains(text, " "+field+" ") {
				t.Errorf("%s.%s is not told", name, field)
			}
		}
	}
}
