package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/edgegap-community/edgegap"
)

func mustLoad(t *testing.T) *Document {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentIsValidWithItsExamples(t *testing.T) {
	mustLoad(t)
}

// An example that does not fit must make Load fail wherever it stands, or the
// test above proves nothing.
func TestLoadRefusesAnExampleThatDoesNotFit(t *testing.T) {
	for where, change := range map[string][2]string{
		"property":     {"example: 10214", "example: ten"},
		"request":      {"app_name: space-arena\n                  version_name", "app: space-arena\n                  version_name"},
		"answer":       {"message: Session is being deleted.\n                session_id", "massage: Session is being deleted.\n                session_id"},
		"named answer": {"user_count: 4", "user_count: four"},
		"error":        {"message: Too many requests.", "massage: Too many requests."},
		"parameter":    {"minimum: 1\n          example: 2", "minimum: 1\n          example: 0"},
	} {
		t.Run(where, func(t *testing.T) {
			text := bytes.Replace(edgegap.OpenAPI, []byte(change[0]), []byte(change[1]), 1)
			if bytes.Equal(text, edgegap.OpenAPI) {
				t.Fatalf("openapi.yaml does not hold %q", change[0])
			}
			if _, err := Parse(text); err == nil {
				t.Errorf("the example %q passed", change[1])
			}
		})
	}
}

func TestInfo(t *testing.T) {
	doc := mustLoad(t).doc
	if doc.OpenAPI != "3.0.3" {
		t.Errorf("openapi is %s", doc.OpenAPI)
	}
	if !strings.Contains(doc.Info.Title, "unofficial") {
		t.Errorf("the title %q does not say that the document is unofficial", doc.Info.Title)
	}
	if doc.Info.License == nil || doc.Info.License.Name != "MIT" {
		t.Errorf("the license is %+v", doc.Info.License)
	}
	var servers []string
	for _, server := range doc.Servers {
		servers = append(servers, server.URL)
	}
	if want := []string{"https://api.edgegap.com", "http://localhost:8080"}; !slices.Equal(servers, want) {
		t.Errorf("servers are %q, want %q", servers, want)
	}
	scheme := doc.Components.SecuritySchemes["apiKey"].Value
	if scheme.Type != "apiKey" || scheme.In != "header" || scheme.Name != "authorization" {
		t.Errorf("the security scheme is %+v", scheme)
	}
	if !strings.Contains(scheme.Description, "token ") {
		t.Error("the security scheme's description does not tell of the prefix")
	}
	if len(doc.Security) != 1 || doc.Security[0]["apiKey"] == nil {
		t.Errorf("not every call asks for apiKey: %v", doc.Security)
	}
}

func TestOperationsKeepTheHouseRules(t *testing.T) {
	doc := mustLoad(t).doc
	kebab := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			id := operation.OperationID
			if !kebab.MatchString(id) {
				t.Errorf("%s %s: operation id %q is not kebab-case", method, path, id)
			}
			if operation.Description == "" {
				t.Errorf("%s has no description", id)
			}
			if !slices.Equal(operation.Tags, []string{"Sessions"}) {
				t.Errorf("%s: tags are %q", id, operation.Tags)
			}
			if operation.Security != nil {
				t.Errorf("%s has a security of its own", id)
			}
			extensions := map[string]any{}
			if operation.RequestBody != nil {
				extensions["x-codegen-request-body-name"] = "payload"
			}
			if !maps.Equal(operation.Extensions, extensions) {
				t.Errorf("%s: extensions are %v, want %v", id, operation.Extensions, extensions)
			}
			// Generators name what an operation answers <Operation>Response.
			var camel strings.Builder
			for word := range strings.SplitSeq(id, "-") {
				camel.WriteString(strings.ToUpper(word[:1]) + word[1:])
			}
			if name := camel.String() + "Response"; doc.Components.Schemas[name] != nil {
				t.Errorf("%s: the schema %s has the name that generators give its answer", id, name)
			}
			for _, ref := range slices.Concat(item.Parameters, operation.Parameters) {
				parameter := ref.Value
				if parameter.Description == "" || parameter.Example == nil {
					t.Errorf("%s: parameter %s lacks a description or an example", id, parameter.Name)
				}
				checkScalar(t, id+" "+parameter.Name, parameter.Schema.Value)
			}
			if operation.RequestBody != nil {
				if operation.RequestBody.Value.Description == "" || !operation.RequestBody.Value.Required {
					t.Errorf("%s: the body has no description or is not required", id)
				}
				checkContent(t, id, operation.RequestBody.Value.Content)
			}
			for code, ref := range operation.Responses.Map() {
				where := id + " " + code
				switch {
				case code == "200":
					checkContent(t, where, ref.Value.Content)
				case !strings.HasPrefix(ref.Ref, "#/components/responses/"):
					t.Errorf("%s is not a shared response", where)
				}
				if *ref.Value.Description == "" {
					t.Errorf("%s has no description", where)
				}
			}
		}
	}
}

// The page parameters are the only ones that a caller may leave out.
func TestListTakesPageAndLimit(t *testing.T) {
	doc := mustLoad(t).doc
	var got []string
	for _, ref := range doc.Paths.Value("/v1/sessions").Get.Parameters {
		p := ref.Value
		got = append(got, fmt.Sprintf("%s in %s, required %t, %s", p.Name, p.In, p.Required, describe(p.Schema)))
	}
	want := []string{"page in query, required false, integer", "limit in query, required false, integer"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestErrorsAreShared(t *testing.T) {
	doc := mustLoad(t).doc
	for name, ref := range doc.Components.Responses {
		checkContent(t, name, ref.Value.Content)
		if model := modelName(ref.Value.Content.Get("application/json").Schema); model != "Error" {
			t.Errorf("%s has the body %s", name, model)
		}
		for header, ref := range ref.Value.Headers {
			if ref.Value.Description == "" || ref.Value.Example == nil {
				t.Errorf("%s: header %s lacks a description or an example", name, header)
			}
		}
	}
	for path, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			id := operation.OperationID
			for code, ref := range operation.Responses.Map() {
				documented := func(c int) bool { return fmt.Sprint(c) == code }
				if slices.ContainsFunc(operationFacts[id].codes, documented) {
					continue
				}
				if !strings.Contains(strings.ToLower(*ref.Value.Description), "not documented by the vendor") {
					t.Errorf("%s %s: the description of %s does not say that it is not documented", path, id, code)
				}
			}
		}
	}
}

func TestWebhookIsACallbackOfCreate(t *testing.T) {
	doc := mustLoad(t).doc
	callback := doc.Paths.Value("/v1/session").Post.Callbacks["session"].Value
	item := callback.Value("{$request.body#/webhook_url}")
	if item == nil || item.Post == nil {
		t.Fatal("there is no callback to webhook_url")
	}
	post := item.Post
	if post.Description == "" || post.RequestBody.Value.Description == "" {
		t.Error("the callback or its body has no description")
	}
	checkContent(t, "callback", post.RequestBody.Value.Content)
	media := post.RequestBody.Value.Content.Get("application/json")
	if model := modelName(media.Schema); model != "SessionContext" {
		t.Errorf("the callback's body is %s", model)
	}
	// Load does not look into callbacks.
	if err := media.Schema.Value.VisitJSON(media.Example); err != nil {
		t.Error(err)
	}
	if post.Security == nil || len(*post.Security) != 0 {
		t.Error("the callback seems to carry the key")
	}
}

// A generator falls back to 32 bits where a number has no format, and a reader
// guesses where a field has no description or example.
func TestSchemasKeepTheHouseRules(t *testing.T) {
	doc := mustLoad(t).doc
	for name, ref := range doc.Components.Schemas {
		checkSchema(t, name, ref)
	}
}

// An answer may hold null for whatever is optional; a request need not.
func TestNullableIsWhatTheServerMaySend(t *testing.T) {
	doc := mustLoad(t).doc
	sent := map[string]bool{} // by the server
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			collect(sent, operation.Responses.Status(200).Value.Content.Get("application/json").Schema)
		}
	}
	for name, ref := range doc.Components.Schemas {
		for field, property := range ref.Value.Properties {
			optional := !slices.Contains(ref.Value.Required, field)
			if want := sent[name] && optional; property.Value.Nullable != want {
				t.Errorf("%s.%s: nullable is %t, want %t", name, field, property.Value.Nullable, want)
			}
		}
	}
}

// Only one extension is known to every generator that needs one; the settings of
// one language stay out.
func TestOnlyOneExtension(t *testing.T) {
	doc := mustLoad(t).doc
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	count := 0
	walk(tree, func(key string, _ any) {
		switch {
		case key == "x-codegen-request-body-name":
			count++
		case strings.HasPrefix(key, "x-"):
			t.Errorf("the extension %s is not for every language", key)
		}
	})
	if count != 4 {
		t.Errorf("%d bodies are named, want 4", count)
	}
}

func checkSchema(t *testing.T, where string, ref *openapi3.SchemaRef) {
	t.Helper()
	s := ref.Value
	if s.Description == "" {
		t.Errorf("%s has no description", where)
	}
	checkScalar(t, where, s)
	if isScalar(s) && s.Example == nil {
		t.Errorf("%s has no example", where)
	}
	for name, property := range s.Properties {
		if property.Ref == "" {
			checkSchema(t, where+"."+name, property)
		}
	}
	if s.Items != nil && s.Items.Ref == "" {
		checkSchema(t, where+"[]", s.Items)
	}
	if s.Type.Is("object") && len(s.Properties) == 0 && s.AdditionalProperties.Schema == nil {
		t.Errorf("%s is an object of nothing", where)
	}
}

func isScalar(s *openapi3.Schema) bool {
	return !s.Type.Is("object") && !s.Type.Is("array")
}

// checkScalar holds types to the formats that they must or must not have: IPs
// and times are plain strings, as the API does not keep to the formats' rules.
func checkScalar(t *testing.T, where string, s *openapi3.Schema) {
	t.Helper()
	formats := map[string][]string{
		"integer": {"int32", "int64"},
		"number":  {"double"},
		"string":  {""},
		"boolean": {""},
		"array":   {""},
		"object":  {""},
	}
	types := s.Type.Slice()
	if len(types) != 1 {
		t.Errorf("%s has the types %q", where, types)
		return
	}
	if !slices.Contains(formats[types[0]], s.Format) {
		t.Errorf("%s: a %s has the format %q", where, types[0], s.Format)
	}
}

func checkContent(t *testing.T, where string, content openapi3.Content) {
	t.Helper()
	if len(content) != 1 || content["application/json"] == nil {
		t.Errorf("%s is not just JSON", where)
		return
	}
	media := content["application/json"]
	if media.Example == nil && len(media.Examples) == 0 {
		t.Errorf("%s has no example", where)
	}
	if media.Schema.Ref == "" {
		t.Errorf("%s has a body without a name", where)
	}
}

// collect adds the named schemas that ref leads to.
func collect(names map[string]bool, ref *openapi3.SchemaRef) {
	if ref == nil {
		return
	}
	if ref.Ref != "" {
		if names[modelName(ref)] {
			return
		}
		names[modelName(ref)] = true
	}
	for _, property := range ref.Value.Properties {
		collect(names, property)
	}
	collect(names, ref.Value.Items)
	collect(names, ref.Value.AdditionalProperties.Schema)
}

// walk calls visit for every key of every object in tree.
func walk(tree any, visit func(key string, value any)) {
	switch node := tree.(type) {
	case map[string]any:
		for key, value := range node {
			visit(key, value)
			walk(value, visit)
		}
	case []any:
		for _, value := range node {
			walk(value, visit)
		}
	}
}
