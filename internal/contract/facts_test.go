package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/edgegap-community/edgegap"
)

// calls is what the vendor documents about the eight calls: method, path, title, models of the
// request and of the response, status codes. The document must have each of them and no other
// call. It may have the codes in undocumentedCodes too.
var calls = map[string]string{
	"session-post":         "POST /v1/session, Create a Session: SessionModel SessionRequest 200 400 401 404 409 422 500",
	"get-session":          "GET /v1/session/{session_id}, Get a Session: - SessionGet 200 400 401",
	"session-delete":       "DELETE /v1/session/{session_id}, Delete a Session: - SessionDelete 200 400 401 404 410",
	"get-users-session":    "GET /v1/session/{session_id}/users, List Users of a Session: - SessionUserContext 200 400 401",
	"put-users-session":    "PUT /v1/session/{session_id}/users, Put Users in a Session: PatchSessionModel SessionUserContext 200 400 401 422",
	"delete-users-session": "DELETE /v1/session/{session_id}/users, Delete Users From a Session: PatchSessionModel SessionUserContext 200 400 401",
	"list-sessions":        "GET /v1/sessions, List All Sessions: - Sessions 200 400 401",
	"sessions-bulk-stop":   "POST /v1/sessions/bulk-stop, Delete Sessions in Bulk: SessionBulkStopPayload SessionBulkStopResponse 200 400 401 500",
}

var undocumentedCodes = []string{"403", "404", "422", "429"}

// models are the fields of the models; openapi.yaml says how certain a field is. A line is a field, * if it is required,
// and its type: [X] is a list of X, {X} a map of X by name.
var models = map[string]string{
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
		tag* string, 1 to 20 characters
		tag_only boolean, default false
		env SelectorEnvModel`,
	"SelectorEnvModel": `
		key* string, 1 to 255 characters
		value* string, 1 to 1024 characters`,
	"SessionFilterModel": `
		field* string
		values* [string]
		filter_type* any | all | not`,
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
		external integer, 1 to 65535
		internal integer, 1 to 65535
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
		field* session_id | deployment_tags | request_id
		values* [string]
		filter_type* any | all | not`,
	"SessionBulkStopResponse": `
		processable* [SessionStopResponse]`,
	"SessionStopResponse": `
		session_id* string`,
	"Error": `
		message* string`,
}

// shared are schemas without a name of the vendor's: enums and a map that models share.
var shared = []string{"FilterType", "SessionBulkStopField", "DeploymentPorts"}

// parse returns the document without the checks of Load, so that a test can report all of
// the differences.
func parse(t *testing.T) *openapi3.T {
	t.Helper()
	spec, err := openapi3.NewLoader().LoadFromData(edgegap.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestCallsAreTheDocumentedOnes(t *testing.T) {
	got := map[string]string{}
	for path, item := range parse(t).Paths.Map() {
		for method, operation := range item.Operations() {
			documented := strings.Fields(calls[operation.OperationID])
			request := "-"
			if body := operation.RequestBody; body != nil {
				request = name(body.Value.Content.Get("application/json").Schema)
			}
			response := name(operation.Responses.Status(200).Value.Content.Get("application/json").Schema)
			codes := slices.DeleteFunc(operation.Responses.Keys(), func(code string) bool {
				return slices.Contains(undocumentedCodes, code) && !slices.Contains(documented, code)
			})
			slices.Sort(codes)
			got[operation.OperationID] = fmt.Sprintf("%s %s, %s: %s %s %s", method, path, operation.Summary, request, response, strings.Join(codes, " "))
		}
	}
	for id := range calls {
		if got[id] != calls[id] {
			t.Errorf("%s:\n got %s\nwant %s", id, got[id], calls[id])
		}
		delete(got, id)
	}
	for id, call := range got {
		t.Errorf("%s (%s) is not documented", id, call)
	}
}

// requestModels are the models that no response has.
var requestModels = []string{"SessionModel", "GeoIpListModel", "LocationModel", "SessionFilterModel", "PatchSessionModel",
	"SessionBulkStopPayload", "SessionBulkStopFiltersPayload"}

func TestModelsAreTheDocumentedOnes(t *testing.T) {
	schemas := parse(t).Components.Schemas
	for model, table := range models {
		if schemas[model] == nil {
			t.Errorf("openapi.yaml has no schema %s: a name of the vendor's, and of types in generated clients", model)
			continue
		}
		got := map[string]string{}
		for field, property := range schemas[model].Value.Properties {
			kind := describe(property)
			if bare, ok := strings.CutSuffix(kind, " without format"); ok {
				t.Errorf("openapi.yaml: %s.%s: %s. Write format: int64 for an integer (int32 for a port), format: double for a number", model, field, kind)
				kind = bare
			}
			if slices.Contains(schemas[model].Value.Required, field) {
				field += "*"
			} else if !property.Value.Nullable && !slices.Contains(requestModels, model) {
				t.Errorf("openapi.yaml: %s.%s is optional in a response: write nullable: true", model, field)
			}
			got[field] = kind
		}
		for line := range strings.Lines(strings.TrimSpace(table)) {
			field, want, _ := strings.Cut(strings.TrimSpace(line), " ")
			if !strings.HasPrefix(got[field]+",", want+",") { // limits of our own may follow
				t.Errorf("%s.%s: openapi.yaml has %q, the table in facts_test.go %q", model, field, got[field], want)
			}
			delete(got, field)
		}
		for field, kind := range got {
			t.Errorf("%s: the table in facts_test.go lacks a line: %s %s", model, field, kind)
		}
	}
	for schema := range schemas {
		if models[schema] == "" && !slices.Contains(shared, schema) {
			t.Errorf("the table in facts_test.go lacks the model %s", schema)
		}
	}
}

func name(ref *openapi3.SchemaRef) string {
	return strings.TrimPrefix(ref.Ref, "#/components/schemas/")
}

// describe returns a type as the table of models has it.
func describe(ref *openapi3.SchemaRef) string {
	s := ref.Value
	switch {
	case s.Type.Is("array"):
		return "[" + describe(s.Items) + "]"
	case s.AdditionalProperties.Schema != nil:
		return "{" + describe(s.AdditionalProperties.Schema) + "}"
	case len(s.Enum) > 0:
		return strings.ReplaceAll(strings.Trim(fmt.Sprint(s.Enum), "[]"), " ", " | ")
	case ref.Ref != "":
		return name(ref)
	}
	text := s.Type.Slice()[0]
	if s.Format == "" && !s.Type.Is("string") && !s.Type.Is("boolean") {
		text += " without format"
	}
	if s.MaxLength != nil {
		text += fmt.Sprintf(", %d to %d characters", s.MinLength, *s.MaxLength)
	}
	if s.Min != nil && s.Max != nil {
		text += fmt.Sprintf(", %g to %g", *s.Min, *s.Max)
	}
	if s.Default != nil {
		text += fmt.Sprintf(", default %v", s.Default)
	}
	return text
}
