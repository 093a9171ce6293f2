package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/edgegap-community/edgegap/api"
)

// mostBody is how many bytes of a request are read.
const mostBody = 1 << 20

// checkBody refuses what is no JSON document, or not said to be one. A GET, or
// a delete of a session, takes no body and ignores one.
func checkBody(r *http.Request, body []byte) *refusal {
	if len(body) > mostBody {
		return refuse(http.StatusRequestEntityTooLarge, "the body is longer than 1 MiB")
	}
	if r.Method == http.MethodGet || r.Method == http.MethodDelete && !strings.HasSuffix(r.URL.Path, "/users") {
		return nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return bad("the content type must be application/json")
	}
	if !json.Valid(body) || bytes.TrimLeft(body, " \t\r\n")[0] != '{' {
		return bad("the body is not a JSON object")
	}
	return nil
}

// bodies are what a request's body is decoded into.
var bodies = map[string]func() any{
	"session-post":         func() any { return &api.SessionModel{} },
	"put-users-session":    func() any { return &api.PatchSessionModel{} },
	"delete-users-session": func() any { return &api.PatchSessionModel{} },
	"sessions-bulk-stop":   func() any { return &api.SessionBulkStopPayload{} },
}

// checkFields refuses a property that the contract doesn't have, if the setting
// says so.
func checkFields(operation string, body []byte, setting int) *refusal {
	into := bodies[operation]
	if into == nil || orElse(setting, http.StatusOK) == http.StatusOK {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if name, found := strings.CutPrefix(fmt.Sprint(decoder.Decode(into())), "json: unknown field "); found {
		return refuse(setting, "%s: is not a property of the contract", strings.Trim(name, `"`))
	}
	return nil
}
