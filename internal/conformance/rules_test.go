package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each of our rules catches what it is there for: openapi.yaml is broken in
// all these places, and Spectral must find every one.
func TestEveryRuleCatchesItsBreak(t *testing.T) {
	breaks := []struct{ rule, path, old, new string }{
		{"version-3.0.3", "openapi", "openapi: 3.0.3", "openapi: 3.0.2"},
		{"operations-titled", "paths./v1/sessions.get", "      summary: List All Sessions\n", ""},
		{"operation-ids-kebab", "paths./v1/sessions.get.operationId", "operationId: list-sessions", "operationId: listSessions"},
		{"everything-described", "components.schemas.SessionDelete", "      description: What delete answers.\n", ""},
		{"everything-described", "components.schemas.SessionDelete.properties.message", "          description: A sentence for people.\n", ""},
		{"everything-described", "components.schemas.Deployment.properties.tags.items", "            description: One tag.\n", ""},
		{"everything-described", "paths./v1/session/{session_id}/users.put.requestBody", "        description: The players to add.\n", ""},
		{"everything-described", "paths./v1/sessions.get.parameters.0", "          description: Which page, from 1. Without it, the first.\n", ""},
		{"scalars-exemplified", "components.schemas.DeploymentLocation.properties.timezone", "          example: America/Toronto\n", ""},
		{"scalars-exemplified", "components.schemas.PatchSessionModel.properties.ip_list.items", "            description: An IPv4 or IPv6 address.\n            example: 2001:db8::30\n", "            description: An IPv4 or IPv6 address.\n"},
		{"scalars-exemplified", "components.schemas.FilterType", "      enum: [any, all, not]\n      example: any\n", "      enum: [any, all, not]\n"},
		{"scalars-exemplified", "components.parameters.session_id", "        minLength: 1\n      example: 950dd2eaff09-S\n", "        minLength: 1\n"},
		{"bodies-exemplified", "components.responses.TooManyRequests.content.application/json", "          example:\n            message: Too many requests.\n", ""},
		{"numbers-double", "components.schemas.LocationModel.properties.latitude", "description: A place that the deployment should be near (inferred).\n      required: [latitude, longitude]\n      properties:\n        latitude:\n          type: number\n          format: double\n", "description: A place that the deployment should be near (inferred).\n      required: [latitude, longitude]\n      properties:\n        latitude:\n          type: number\n"},
		{"numbers-double", "components.schemas.DeploymentLocation.properties.longitude.format", "        longitude:\n          type: number\n          format: double\n          description: Degrees east of Greenwich.\n          example: -73.5673\n\n    SessionDelete", "        longitude:\n          type: number\n          format: float\n          description: Degrees east of Greenwich.\n          example: -73.5673\n\n    SessionDelete"},
		{"integers-sized", "components.schemas.SessionGet.properties.app_version", "        app_version:\n          type: integer\n          format: int64\n", "        app_version:\n          type: integer\n"},
		{"errors-shared", "paths./v1/sessions.get.responses.403", "        '403':\n          $ref: '#/components/responses/Forbidden'\n        '429':\n          $ref: '#/components/responses/TooManyRequests'\n\n  /v1/sessions/bulk-stop", "        '403':\n          description: Written out.\n        '429':\n          $ref: '#/components/responses/TooManyRequests'\n\n  /v1/sessions/bulk-stop"},
		{"errors-have-the-error-body", "components.responses.Gone.content.application/json.schema.$ref", "    Gone:\n      description: The session was deleted before.\n      content:\n        application/json:\n          schema:\n            $ref: '#/components/schemas/Error'", "    Gone:\n      description: The session was deleted before.\n      content:\n        application/json:\n          schema:\n            $ref: '#/components/schemas/SessionDelete'"},
		{"body-named-payload", "paths./v1/sessions/bulk-stop.post.x-codegen-request-body-name", "      x-codegen-request-body-name: payload\n      requestBody:\n        description: Which sessions to delete.", "      x-codegen-request-body-name: body\n      requestBody:\n        description: Which sessions to delete."},
		{"no-other-extension", "components.schemas.SessionStopResponse.x-go-name", "      description: A session that a bulk stop can stop.\n", "      description: A session that a bulk stop can stop.\n      x-go-name: Stopped\n"},
	}
	document, err := os.ReadFile(filepath.Join(root, "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range breaks {
		if n := bytes.Count(document, []byte(b.old)); n != 1 {
			t.Fatalf("%q stands %d times in openapi.yaml", b.old, n)
		}
		document = bytes.Replace(document, []byte(b.old), []byte(b.new), 1)
	}

	lint := exec.Command(filepath.Join("tools", "node_modules", ".bin", "spectral"), "lint", "--quiet", "--format", "json", "--ruleset", "tools/spectral.yaml")
	lint.Stdin = bytes.NewReader(document)
	var complaint bytes.Buffer
	lint.Stderr = &complaint
	output, _ := lint.Output() // it fails, as it has something to say
	var found []struct {
		Code string
		Path []any
	}
	if err := json.Unmarshal(output, &found); err != nil {
		t.Fatalf("%v\n%s", err, complaint.String())
	}
	var places []string
	for _, f := range found {
		var path []string
		for _, step := range f.Path {
			path = append(path, fmt.Sprint(step))
		}
		places = append(places, f.Code+" "+strings.Join(path, "."))
	}
	for _, b := range breaks {
		if !slices.Contains(places, b.rule+" "+b.path) {
			t.Errorf("%s did not catch %s", b.rule, b.path)
		}
	}
	if t.Failed() {
		t.Logf("caught:\n%s", strings.Join(places, "\n"))
	}
	rules, err := os.ReadFile(filepath.Join("tools", "spectral.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(rules), "\n") {
		name, isRule := strings.CutSuffix(line, ":")
		name, indented := strings.CutPrefix(name, "  ")
		if isRule && indented && !strings.HasPrefix(name, " ") && !slices.ContainsFunc(breaks, func(b struct{ rule, path, old, new string }) bool { return b.rule == name }) {
			t.Errorf("nothing here breaks the rule %s", name)
		}
	}
}
