package emulator

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/edgegap-community/edgegap/api"
)

// answers are the models of what operations answer.
var answers = map[string]reflect.Type{
	"session-post":         reflect.TypeFor[api.SessionRequest](),
	"get-session":          reflect.TypeFor[api.SessionGet](),
	"session-delete":       reflect.TypeFor[api.SessionDelete](),
	"get-users-session":    reflect.TypeFor[api.SessionUserContext](),
	"put-users-session":    reflect.TypeFor[api.SessionUserContext](),
	"delete-users-session": reflect.TypeFor[api.SessionUserContext](),
	"list-sessions":        reflect.TypeFor[api.Sessions](),
	"sessions-bulk-stop":   reflect.TypeFor[api.SessionBulkStopResponse](),
}

// withNulls puts a null wherever an optional field of an answer was left out.
func withNulls(operation string, body []byte) []byte {
	var answer any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&answer) != nil {
		return body
	}
	fill(answer, answers[operation])
	body, _ = json.Marshal(answer)
	return body
}

func fill(value any, model reflect.Type) {
	if model.Kind() == reflect.Pointer {
		model = model.Elem()
	}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			fill(item, model.Elem())
		}
	case map[string]any:
		if model.Kind() == reflect.Map {
			for _, item := range v {
				fill(item, model.Elem())
			}
			return
		}
		for i := range model.NumField() {
			field := model.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if inside, there := v[name]; there {
				fill(inside, field.Type)
			} else if strings.Contains(options, "omitempty") {
				v[name] = nil
			}
		}
	}
}
