package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// What the vendor documented of the eight calls, typed by hand. Nothing here is
// read from openapi.yaml or from generated code: it is what they are held to.

// body and answer are models; codes are the documented ones.
type fact struct {
	method, path string
	title        string
	body, answer string
	codes        []int
}

var operationFacts = map[string]fact{
	"session-post": {
		"POST", "/v1/session", "Create a Session",
		"SessionModel", "SessionRequest", []int{200, 400, 401, 409},
	},
	"get-session": {
		"GET", "/v1/session/{session_id}", "Get a Session",
		"", "SessionGet", []int{200, 400, 401},
	},
	"session-delete": {
		"DELETE", "/v1/session/{session_id}", "Delete a Session",
		"", "SessionDelete", []int{200, 400, 401, 404, 410},
	},
	"get-users-session": {
		"GET", "/v1/session/{session_id}/users", "List Users of a Session",
		"", "SessionUserContext", []int{200, 400, 401},
	},
	"put-users-session": {
		"PUT", "/v1/session/{session_id}/users", "Put Users in a Session",
		"PatchSessionModel", "SessionUserContext", []int{200, 400, 401, 422},
	},
	"delete-users-session": {
		"DELETE", "/v1/session/{session_id}/users", "Delete Users From a Session",
		"PatchSessionModel", "SessionUserContext", []int{200, 400, 401},
	},
	"list-sessions": {
		"GET", "/v1/sessions", "List All Sessions",
		"", "Sessions", []int{200, 400, 401},
	},
	"sessions-bulk-stop": {
		"POST", "/v1/sessions/bulk-stop", "Delete Sessions in Bulk",
		"SessionBulkStopPayload", "SessionBulkStopResponse", []int{200, 400, 401, 500},
	},
}

// Codes that a client will meet although nobody documented them everywhere.
var undocumentedCodes = []int{403, 404, 422, 429}

// A line is a field and its type; * marks what is required, [X] is a list of X,
// {X} a map of X by name. Numbers are floating-point.
var modelFacts = map[string]string{
	"SessionModel": `
		app_name* string
		version_name string
		ip_list [string]
		geo_ip_list [GeoIpListModel]
		deployment_request_id string
		location LocationModel
		city string
		country string
		continent string
		administrative_division string
		region string
		selectors [SelectorModel]
		webhook_url string
		filters [SessionFilterModel]
		skip_telemetry boolean`,
	"GeoIpListModel": `
		ip* string
		latitude* number
		longitude* number`,
	"LocationModel": `
		latitude* number
		longitude* number`,
	"SelectorModel": `
		tag* string 1 to 20 characters
		tag_only boolean default false
		env SelectorEnvModel`,
	"SelectorEnvModel": `
		key* string 1 to 255 characters
		value* string 1 to 1024 characters`,
	"SessionFilterModel": `
		field* string
		values* [string]
		filter_type* string any / all / not`,
	"SessionRequest": `
		session_id* string
		custom_id string
		app* string
		version* string
		deployment_request_id string
		selectors [SelectorModel]
		webhook_url string`,
	"SessionGet": `
		session_id* string
		custom_id string
		status* string
		ready* boolean
		linked* boolean
		kind* string
		user_count* integer
		app_version* integer
		create_time* string
		elapsed* integer
		error string
		session_users [SessionUser]
		session_ips [SessionUser]
		deployment Deployment
		webhook_url string`,
	"SessionUser": `
		ip* string
		latitude number
		longitude number`,
	"Deployment": `
		request_id* string
		public_ip* string
		status* string
		ready* boolean
		whitelisting_active* boolean
		fqdn* string
		ports {PortMapping}
		location DeploymentLocation
		tags [string]
		sockets integer
		sockets_usage integer
		is_joinable_by_session boolean`,
	"PortMapping": `
		external integer 1 to 65535
		internal integer 1 to 65535
		protocol string
		name string
		tls_upgrade boolean
		link string
		proxy integer`,
	"DeploymentLocation": `
		city* string
		country* string
		continent* string
		administrative_division* string
		timezone* string
		latitude* number
		longitude* number`,
	"SessionDelete": `
		message* string
		session_id* string
		custom_id string`,
	"PatchSessionModel": `
		ip_list* [string]`,
	"SessionUserContext": `
		session_users* [SessionUser]`,
	"Sessions": `
		data [SessionContext]
		total_count integer
		pagination Pagination`,
	"SessionContext": `
		session_id* string
		custom_id string
		status* string
		ready* boolean
		linked* boolean
		kind* string
		user_count* integer
		deployment_request_id string
		webhook_url string`,
	"Pagination": `
		number integer
		next_page_number integer
		previous_page_number integer
		paginator Paginator
		has_next boolean
		has_previous boolean`,
	"Paginator": `
		num_pages integer`,
	"SessionBulkStopPayload": `
		filters* [SessionBulkStopFiltersPayload]`,
	"SessionBulkStopFiltersPayload": `
		field* string session_id / deployment_tags / request_id
		values* [string]
		filter_type* string any / all / not`,
	"SessionBulkStopResponse": `
		processable* [SessionStopResponse]`,
	"SessionStopResponse": `
		session_id* string`,
	"Error": `
		message* string`,
}

// What the facts do not say and we added, because more than that makes no sense
// or is dangerous: a name that is empty, coordinates that are not on Earth.
var ourLimits = map[string]string{
	"SessionModel.app_name":    "at least 1 characters",
	"GeoIpListModel.latitude":  "-90 to 90",
	"GeoIpListModel.longitude": "-180 to 180",
	"LocationModel.latitude":   "-90 to 90",
	"LocationModel.longitude":  "-180 to 180",
}

func TestOperationsAreTheDocumentedOnes(t *testing.T) {
	doc := mustLoad(t).doc
	seen := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			id := operation.OperationID
			want, ok := operationFacts[id]
			if !ok {
				t.Errorf("%s %s: no such operation is documented: %q", method, path, id)
				continue
			}
			seen[id] = true
			got := fact{method: method, path: path, title: operation.Summary}
			if operation.RequestBody != nil {
				got.body = modelName(operation.RequestBody.Value.Content.Get("application/json").Schema)
			}
			got.answer = modelName(operation.Responses.Status(200).Value.Content.Get("application/json").Schema)
			got.codes = want.codes // judged below
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s:\n got %v\nwant %v", id, got, want)
			}
			for _, code := range want.codes {
				if operation.Responses.Status(code) == nil {
					t.Errorf("%s: status %d is documented but not declared", id, code)
				}
			}
			for code := range operation.Responses.Map() {
				ours := func(c int) bool { return code == fmt.Sprint(c) }
				if !slices.ContainsFunc(want.codes, ours) && !slices.ContainsFunc(undocumentedCodes, ours) {
					t.Errorf("%s: status %s is declared but neither documented nor one that a client will meet", id, code)
				}
			}
		}
	}
	for id := range operationFacts {
		if !seen[id] {
			t.Errorf("%s is missing", id)
		}
	}
}

func TestModelsAreTheDocumentedOnes(t *testing.T) {
	doc := mustLoad(t).doc
	for _, name := range slices.Sorted(maps.Keys(modelFacts)) {
		ref := doc.Components.Schemas[name]
		if ref == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		if !ref.Value.Type.Is("object") {
			t.Errorf("%s is not an object", name)
		}
		want := map[string]string{}
		for line := range strings.Lines(strings.TrimSpace(modelFacts[name])) {
			field, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
			want[field] = kind
		}
		got := map[string]string{}
		for field, property := range ref.Value.Properties {
			kind := describe(property)
			if limit, ok := ourLimits[name+"."+field]; ok {
				trimmed := strings.TrimSuffix(kind, " "+limit)
				if trimmed == kind {
					t.Errorf("%s.%s: %q lacks %q", name, field, kind, limit)
				}
				kind = trimmed
			}
			if slices.Contains(ref.Value.Required, field) {
				field += "*"
			}
			got[field] = kind
		}
		for field, kind := range want {
			if got[field] != kind {
				t.Errorf("%s: documented is %q of type %q, openapi.yaml has %q", name, field, kind, got[field])
			}
		}
		for field, kind := range got {
			if _, ok := want[field]; !ok {
				t.Errorf("%s: %q of type %q is not documented", name, field, kind)
			}
		}
		for _, field := range ref.Value.Required {
			if ref.Value.Properties[field] == nil {
				t.Errorf("%s requires %q, which it does not have", name, field)
			}
		}
	}
	for name, ref := range doc.Components.Schemas {
		if _, ok := modelFacts[name]; !ok && len(ref.Value.Enum) == 0 {
			t.Errorf("%s is not documented", name)
		}
	}
}

func modelName(ref *openapi3.SchemaRef) string {
	return strings.TrimPrefix(ref.Ref, "#/components/schemas/")
}

// describe writes a property's type as modelFacts does. A named enum is a string
// with its values.
func describe(ref *openapi3.SchemaRef) string {
	s := ref.Value
	if ref.Ref != "" && len(s.Enum) == 0 {
		return modelName(ref)
	}
	text := strings.Join(s.Type.Slice(), "|")
	switch {
	case s.Type.Is("array"):
		return "[" + describe(s.Items) + "]"
	case s.Type.Is("object") && s.AdditionalProperties.Schema != nil:
		return "{" + describe(s.AdditionalProperties.Schema) + "}"
	case len(s.Enum) > 0:
		var values []string
		for _, value := range s.Enum {
			values = append(values, fmt.Sprint(value))
		}
		text += " " + strings.Join(values, " / ")
	}
	switch {
	case s.MaxLength != nil:
		text += fmt.Sprintf(" %d to %d characters", s.MinLength, *s.MaxLength)
	case s.MinLength > 0:
		text += fmt.Sprintf(" at least %d characters", s.MinLength)
	}
	if s.Min != nil && s.Max != nil {
		text += fmt.Sprintf(" %g to %g", *s.Min, *s.Max)
	}
	if s.Default != nil {
		text += fmt.Sprintf(" default %v", s.Default)
	}
	return text
}
