package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/edgegap-community/edgegap/api"
)

// mostBody is how many bytes of a request are read.
const mostBody = 1 << 20

// bodies are the models of the bodies that operations take. The others ignore
// one.
var bodies = map[string]reflect.Type{
	"session-post":         reflect.TypeFor[api.SessionModel](),
	"put-users-session":    reflect.TypeFor[api.PatchSessionModel](),
	"delete-users-session": reflect.TypeFor[api.PatchSessionModel](),
	"sessions-bulk-stop":   reflect.TypeFor[api.SessionBulkStopPayload](),
}

// readBody refuses what is no JSON object, or not said to be one. An operation
// that takes no body has none.
func readBody(r *http.Request, operation string, body []byte) (map[string]any, *refusal) {
	if len(body) > mostBody {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body is longer than 1 MiB")
	}
	if bodies[operation] == nil {
		return nil, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, bad("the content type must be application/json")
	}
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if !json.Valid(body) || decoder.Decode(&object) != nil || object == nil {
		return nil, bad("the body is not a JSON object")
	}
	return object, nil
}

// fit refuses a body that is not of the operation's model. It returns the body
// without the properties that the contract does not have, as encoding/json would
// take IP_LIST for ip_list.
func fit(operation string, object map[string]any, body []byte, unknownField int) ([]byte, *refusal) {
	if object == nil {
		return nil, nil
	}
	c := checker{unknownField: unknownField}
	if err := c.value("", object, bodies[operation]); err != nil {
		return nil, err
	}
	if c.changed {
		body, _ = json.Marshal(object)
	}
	return body, nil
}

// checker holds a decoded body against a model, property by property.
type checker struct {
	unknownField int  // the status for one that the model does not have
	changed      bool // one was taken away
}

func (c *checker) value(at string, value any, model reflect.Type) *refusal {
	if model.Kind() == reflect.Pointer {
		model = model.Elem()
	}
	fits := true
	switch v := value.(type) {
	case nil: // as if it were left out
	case map[string]any:
		if fits = model.Kind() == reflect.Struct; fits {
			return c.object(at, v, model)
		}
	case []any:
		if fits = model.Kind() == reflect.Slice; fits {
			for i, item := range v {
				if item == nil { // a null would read as an empty string
					return bad("%s[%d]: has the wrong type", at, i)
				}
				if err := c.value(fmt.Sprintf("%s[%d]", at, i), item, model.Elem()); err != nil {
					return err
				}
			}
		}
	case string:
		fits = model.Kind() == reflect.String
	case bool:
		fits = model.Kind() == reflect.Bool
	case json.Number:
		fits = model.Kind() == reflect.Float64 || model.Kind() == reflect.Int64
	}
	if !fits {
		return bad("%s: has the wrong type", at)
	}
	return nil
}

func (c *checker) object(at string, object map[string]any, model reflect.Type) *refusal {
	if at != "" {
		at += "."
	}
	properties := map[string]reflect.Type{}
	for i := range model.NumField() {
		field := model.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		properties[name] = field.Type
		if object[name] == nil && !strings.Contains(options, "omitempty") {
			return bad("%s%s: is required", at, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if property, ok := properties[name]; ok {
			if err := c.value(at+name, object[name], property); err != nil {
				return err
			}
			continue
		}
		if orElse(c.unknownField, http.StatusOK) != http.StatusOK {
			if !propertyName.MatchString(name) {
				name = "a name that is not told" // it may be a value in the wrong place
			}
			return refuse(c.unknownField, "%s%s: is not a property of the contract", at, name)
		}
		delete(object, name)
		c.changed = true
	}
	return nil
}

// propertyName is what names of properties look like.
var propertyName = regexp.MustCompile(`^[A-Za-z_]{1,40}$`)
