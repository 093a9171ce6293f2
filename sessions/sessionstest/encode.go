package sessionstest

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/edgegap-community/edgegap/api"
)

// encode appends a response or webhook as JSON in the form of the assumptions.
func (a *Assumptions) encode(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, "null"...)
		}
		return a.encode(b, v.Elem())
	case reflect.Slice:
		b = append(b, '[')
		for i := range v.Len() {
			b = append(a.encode(b, v.Index(i)), ',')
		}
		return end(b, ']')
	case reflect.Map:
		b = append(b, '{')
		ports := v.Interface().(map[string]api.Port)
		for _, key := range slices.Sorted(maps.Keys(ports)) {
			b = append(appendJSON(b, key), ':')
			b = append(a.encode(b, reflect.ValueOf(ports[key])), ',')
		}
		return end(b, '}')
	case reflect.Struct:
		b = append(b, '{')
		enumNames := a.SessionEnumNames
		if v.Type() == reflect.TypeFor[api.Deployment]() {
			enumNames = a.DeploymentEnumNames
		}
		for field, value := range v.Fields() {
			b = a.encodeField(b, field.Tag.Get("json"), value, enumNames)
		}
		if a.ExtraFields {
			b = append(b, `"unknown_field":{"unknown":[null,1,"text"]}`...)
		}
		return end(b, '}')
	}
	return appendJSON(b, v.Interface())
}

// encodeField appends a field of an object and a comma. An optional string, list or
// object without a value is left out, or null.
func (a *Assumptions) encodeField(b []byte, tag string, v reflect.Value, enumNames bool) []byte {
	name, options, _ := strings.Cut(tag, ",")
	missing := v.IsZero() && options != "" && !v.CanInt() && v.Kind() != reflect.Bool
	if missing && !a.Nulls {
		return b
	}
	b = append(append(append(b, '"'), name...), `":`...)
	switch {
	case missing, name == "version" && v.IsZero(): // NullVersion
		b = append(b, "null"...)
	case name == "status" && enumNames:
		b = appendJSON(b, "Status."+strings.ToUpper(v.String()))
	case name == "kind" && enumNames:
		b = appendJSON(b, strings.Replace(strings.ToUpper(v.String()), "SEAT", "SEATS", 1))
	case a.CountsAsStrings && (name == "user_count" || name == "sockets" || name == "sockets_usage"):
		b = appendJSON(b, strconv.FormatInt(v.Int(), 10))
	default:
		b = a.encode(b, v)
	}
	return append(b, ',')
}

func appendJSON(b []byte, v any) []byte {
	text, _ := json.Marshal(v) // strings, numbers and booleans
	return append(b, text...)
}

// end ends an object or array, whose elements end with a comma.
func end(b []byte, bracket byte) []byte {
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, bracket)
}
