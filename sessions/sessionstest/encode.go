package sessionstest

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/edgegap-community/edgegap/api"
)

// encode returns a response or webhook as JSON in the form of the assumptions.
func (a *Assumptions) encode(v any) []byte { return a.appendValue(nil, reflect.ValueOf(v)) }

func (a *Assumptions) appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, "null"...)
		}
		return a.appendValue(b, v.Elem())
	case reflect.Slice:
		b = append(b, '[')
		for i := range v.Len() {
			b = a.appendValue(b, v.Index(i))
			b = append(b, ',')
		}
		return closeJSON(b, ']')
	case reflect.Map: // of ports
		b = append(b, '{')
		ports := v.Interface().(map[string]api.Port)
		for _, key := range slices.Sorted(maps.Keys(ports)) {
			b = append(appendJSON(b, key), ':')
			b = append(a.appendValue(b, reflect.ValueOf(ports[key])), ',')
		}
		return closeJSON(b, '}')
	case reflect.Struct:
		b = append(b, '{')
		for i, f := range fieldsOf(v.Type()) {
			b = a.appendField(b, f, v.Field(i))
		}
		if a.ExtraFields {
			b = append(b, `"unknown_field":{"unknown":[null,1,"text"]},`...)
		}
		return closeJSON(b, '}')
	}
	return appendJSON(b, v.Interface())
}

// appendField appends a field of an object. An optional string, list or object
// without a value is left out, or null.
func (a *Assumptions) appendField(b []byte, f field, v reflect.Value) []byte {
	missing := v.IsZero() && f.optional && !v.CanInt() && v.Kind() != reflect.Bool
	if missing && !a.Nulls {
		return b
	}
	b = append(b, f.key...)
	enumNames := a.SessionEnumNames
	if f.deployment {
		enumNames = a.DeploymentEnumNames
	}
	switch {
	case missing, f.name == "version" && v.IsZero(): // NullVersion
		b = append(b, "null"...)
	case f.name == "status" && enumNames:
		b = appendJSON(b, "Status."+strings.ToUpper(v.String()))
	case f.name == "kind" && enumNames:
		b = appendJSON(b, strings.Replace(strings.ToUpper(v.String()), "SEAT", "SEATS", 1))
	case a.CountsAsStrings && (f.name == "user_count" || f.name == "sockets" || f.name == "sockets_usage"):
		b = appendJSON(b, strconv.FormatInt(v.Int(), 10))
	default:
		b = a.appendValue(b, v)
	}
	return append(b, ',')
}

func appendJSON(b []byte, v any) []byte {
	text, _ := json.Marshal(v) // strings, numbers and booleans
	return append(b, text...)
}

// closeJSON ends an object or array, whose elements end with a comma.
func closeJSON(b []byte, end byte) []byte {
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, end)
}

// field is a field of a model of the API.
type field struct {
	name, key  string // key is the name as in JSON, with the colon
	optional   bool
	deployment bool // a field of a deployment
}

var fieldCache sync.Map // from reflect.Type to []field

func fieldsOf(t reflect.Type) []field {
	if fields, ok := fieldCache.Load(t); ok {
		return fields.([]field)
	}
	var fields []field
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, field{name, `"` + name + `":`, options != "", t == reflect.TypeFor[api.Deployment]()})
	}
	fieldCache.Store(t, fields)
	return fields
}
