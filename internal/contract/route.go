package contract

import (
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
)

// Route is what a request asks for.
type Route struct {
	Operation string            // such as "get-session"; "" if the document has none for it
	Path      string            // as in the document, such as "/v1/session/{session_id}"; "" if it has none
	Params    map[string]string // what stands for the names in the path, as it travels
	Allow     []string          // the methods that the path takes
}

// Route tells what r asks for, whatever the host: an emulator listens anywhere.
func (d *Document) Route(r *http.Request) Route {
	found, params, path := d.find(r)
	if found != nil {
		return Route{Operation: found.Operation.OperationID, Path: found.Path, Params: params}
	}
	answer := Route{Path: path}
	for _, other := range d.routes {
		if path != "" && other.Path == path {
			answer.Allow = append(answer.Allow, other.Method)
		}
	}
	return answer
}

// route is an operation, with its path in segments.
type route struct {
	routers.Route
	segments []string
}

// routesOf are the operations, in an order in which "a" comes before "{name}".
func routesOf(doc *openapi3.T) []route {
	var all []route
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			all = append(all, route{
				routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: operation},
				strings.Split(path, "/"),
			})
		}
	}
	slices.SortFunc(all, func(a, b route) int { return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method) })
	return all
}

// find is the operation of r and what stands for the names in its path. If only
// the method is wrong, it tells the path.
func (d *Document) find(r *http.Request) (found *route, params map[string]string, path string) {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i := range d.routes {
		switch other := &d.routes[i]; {
		case !other.matches(segments):
		case other.Method == r.Method:
			return other, other.params(segments), other.Path
		default:
			path = other.Path
		}
	}
	return nil, nil, path
}

// matches holds a path as it travels against the document's: an escaped slash
// in an id does not divide it. kin-openapi's own routers let an id be empty, or
// look at the path after its escapes are gone.
func (o *route) matches(segments []string) bool {
	if len(segments) != len(o.segments) {
		return false
	}
	for i, want := range o.segments {
		if want != segments[i] && (segments[i] == "" || !strings.HasPrefix(want, "{")) {
			return false
		}
	}
	return true
}

func (o *route) params(segments []string) map[string]string {
	params := map[string]string{}
	for i, want := range o.segments {
		if name, isParam := strings.CutPrefix(want, "{"); isParam {
			params[strings.TrimSuffix(name, "}")] = segments[i]
		}
	}
	return params
}
