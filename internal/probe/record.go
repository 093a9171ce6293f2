package probe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// exchange is a request and its response.
type exchange struct {
	Method      string `json:"method"`
	Path        string `json:"path"` // with the query
	Request     any    `json:"request,omitempty"`
	Status      int    `json:"status"`
	ContentType string `json:"content_type"`
	Response    any    `json:"response"` // null if it is not JSON
}

// replacements are the replacements of strings.
type replacements map[string]string

// kept are the fields whose strings tell nothing about a customer.
var kept = " status kind create_time protocol name city country continent administrative_division timezone field filter_type "

// formats are the forms of replacements. Other strings become "text-1" and so on.
var formats = map[string]string{
	"session_id": "%012x-S", "values": "%012x-S", "request_id": "%012x", "deployment_request_id": "%012x",
	"ip": "192.0.2.%d", "ip_list": "192.0.2.%d", "public_ip": "192.0.2.%d", "fqdn": "host-%d.example", "link": "host-%d.example:%[1]d",
	"webhook_url": "https://webhook.example/?ref=reference-%d", "message": "message %d", "error": "error %d",
}

// replace returns v with all strings replaced that are not kept. Equal strings get equal
// replacements.
func (r replacements) replace(field string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, e := range v {
			v[name] = r.replace(name, e)
		}
	case []any:
		for i, e := range v {
			v[i] = r.replace(field, e)
		}
	case float64:
		if field == "app_version" {
			return 1
		}
	case string:
		if v == "" || strings.Contains(kept, " "+field+" ") {
			return v
		}
		r[v] = cmp.Or(r[v], fmt.Sprintf(cmp.Or(formats[field], "text-%d"), len(r)+1))
		return r[v]
	}
	return v
}

// save writes exchanges to files in a directory, one for each kind of response. It replaces IP
// addresses, ids, host names and all other strings that may tell something about the customer. The
// API key is in none of them.
func save(dir string, exchanges []exchange) error {
	r, saved := replacements{}, map[string]bool{}
	err := os.MkdirAll(dir, 0o777)
	for _, x := range exchanges {
		path, query, _ := strings.Cut(x.Path, "?")
		parts := strings.Split(path, "/")
		if len(parts) > 3 && parts[2] == "session" {
			parts[3] = r.replace("session_id", parts[3]).(string)
		}
		name := fmt.Sprintf("%s-%s-%d", strings.ToLower(x.Method), parts[len(parts)-1], x.Status)
		if len(parts) == 4 && parts[2] == "session" {
			object, _ := x.Response.(map[string]any)
			status, _ := object["status"].(string)
			name = strings.TrimSuffix(fmt.Sprintf("%s-session-%d-%s", strings.ToLower(x.Method), x.Status, strings.ToLower(status)), "-")
		}
		if err != nil || saved[name] {
			continue
		}
		saved[name] = true
		text, _ := json.Marshal(x.Request) // with the names of the contract
		x.Request = nil
		json.Unmarshal(text, &x.Request)
		x.Path = strings.TrimSuffix(strings.Join(parts, "/")+"?"+query, "?")
		x.Request, x.Response = r.replace("", x.Request), r.replace("", x.Response)
		text, _ = json.MarshalIndent(x, "", "  ")
		err = os.WriteFile(filepath.Join(dir, name+".json"), append(text, '\n'), 0o666)
	}
	return err
}
