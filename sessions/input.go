package sessions

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"unicode"
	"unicode/utf8"

	"github.com/edgegap-community/edgegap/api"
)

// The checks name the field and index of what they refuse, and never its value.

// checkID refuses what would make another call of a path. Every other id is
// escaped, and arrives as it is.
func checkID(op *operation, id string) *Error {
	switch id {
	case "":
		return invalid(op, "session id: empty")
	case ".", "..":
		return invalid(op, "session id: a path segment")
	}
	for _, r := range id {
		if unicode.IsControl(r) {
			return invalid(op, "session id: a control character")
		}
	}
	return nil
}

func (c *Client) checkUsers(op *operation, id string, ips []string) *Error {
	if e := checkID(op, id); e != nil {
		return e
	}
	e := checkIPs(op, ips)
	if e != nil {
		e.SessionID = c.transport.secret.mask(id)
	}
	return e
}

func checkIPs(op *operation, ips []string) *Error {
	for i, ip := range ips {
		if why := badIP(ip); why != "" {
			return invalid(op, "ip_list[%d]: %s", i, why)
		}
	}
	return nil
}

func badIP(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return "not an IP address"
	}
	if addr.Zone() != "" {
		return "an IP address with a zone"
	}
	return ""
}

func checkCreate(r *CreateRequest) *Error {
	op := sessionPost
	if r.AppName == "" {
		return invalid(op, "app_name: missing")
	}
	for _, text := range [][2]string{
		{"app_name", r.AppName}, {"version_name", r.VersionName}, {"deployment_request_id", r.DeploymentRequestID},
		{"city", r.City}, {"country", r.Country}, {"continent", r.Continent},
		{"administrative_division", r.AdministrativeDivision}, {"region", r.Region}, {"webhook_url", r.WebhookURL},
	} {
		if e := checkText(op, text[0], text[1]); e != nil {
			return e
		}
	}
	if e := checkIPs(op, r.IPList); e != nil {
		return e
	}
	for i, g := range r.GeoIPList {
		if why := badIP(g.IP); why != "" {
			return invalid(op, "geo_ip_list[%d].ip: %s", i, why)
		}
		if e := checkPlace(fmt.Sprintf("geo_ip_list[%d]", i), g.Latitude, g.Longitude); e != nil {
			return e
		}
	}
	if r.Location != nil {
		if e := checkPlace("location", r.Location.Latitude, r.Location.Longitude); e != nil {
			return e
		}
	}
	for i, s := range r.Selectors {
		if e := checkLength(fmt.Sprintf("selectors[%d].tag", i), s.Tag, 20); e != nil {
			return e
		}
		if s.Env == (Env{}) {
			continue
		}
		if e := checkLength(fmt.Sprintf("selectors[%d].env.key", i), s.Env.Key, 255); e != nil {
			return e
		}
		if e := checkLength(fmt.Sprintf("selectors[%d].env.value", i), s.Env.Value, 1024); e != nil {
			return e
		}
	}
	for i, f := range r.Filters {
		if f.Field == "" {
			return invalid(op, "filters[%d].field: missing", i)
		}
		if e := checkText(op, fmt.Sprintf("filters[%d].field", i), f.Field); e != nil {
			return e
		}
		if e := checkFilter(op, i, f.FilterType, f.Values); e != nil {
			return e
		}
	}
	if r.WebhookURL != "" {
		u, err := url.Parse(r.WebhookURL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return invalid(op, "webhook_url: not an http or https URL")
		}
	}
	return nil
}

func checkPlace(field string, latitude, longitude float64) *Error {
	if !(math.Abs(latitude) <= 90) { // NaN is not
		return invalid(sessionPost, "%s.latitude: not from -90 to 90 degrees", field)
	}
	if !(math.Abs(longitude) <= 180) {
		return invalid(sessionPost, "%s.longitude: not from -180 to 180 degrees", field)
	}
	return nil
}

// checkText refuses what JSON cannot hold: it would be sent with the odd bytes
// replaced, and so be another value.
func checkText(op *operation, field, value string) *Error {
	if !utf8.ValidString(value) {
		return invalid(op, "%s: not UTF-8", field)
	}
	return nil
}

func checkLength(field, value string, most int) *Error {
	if e := checkText(sessionPost, field, value); e != nil {
		return e
	}
	if n := utf8.RuneCountInString(value); n < 1 || n > most {
		return invalid(sessionPost, "%s: not 1 to %d characters long", field, most)
	}
	return nil
}

// checkFilter checks what the two kinds of filter have in common, of the ith one.
func checkFilter(op *operation, i int, filterType api.FilterType, values []string) *Error {
	if !filterType.Valid() {
		return invalid(op, "filters[%d].filter_type: not any, all or not", i)
	}
	if len(values) == 0 {
		return invalid(op, "filters[%d].values: empty", i)
	}
	for j, v := range values {
		if e := checkText(op, fmt.Sprintf("filters[%d].values[%d]", i, j), v); e != nil {
			return e
		}
	}
	return nil
}

// checkStop refuses what the API might take for no filter: a bulk stop cannot be
// undone.
func checkStop(filters []StopFilter) *Error {
	op := sessionsBulkStop
	for i, f := range filters {
		if !f.Field.Valid() {
			return invalid(op, "filters[%d].field: not session_id, deployment_tags or request_id", i)
		}
		if e := checkFilter(op, i, f.FilterType, f.Values); e != nil {
			return e
		}
		for j, v := range f.Values {
			if v == "" {
				return invalid(op, "filters[%d].values[%d]: empty", i, j)
			}
		}
	}
	return nil
}
