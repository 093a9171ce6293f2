package sessions

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Endpoint returns the "host:port" that players of s connect to, for
// [net.Dial]. The port is looked up by its key among the deployment's ports, then
// by its name; "" means the only one. Errors name the ports there are.
//
// It is the port's Link, without scheme and path if it has them: what players
// connect to (documented). Where that has no host and port, it is the deployment's
// FQDN, or else its PublicIP, with the External port.
func Endpoint(s *Session, port string) (string, error) {
	if s == nil || s.Deployment == nil {
		return "", errors.New("sessions: endpoint: the session has no deployment yet")
	}
	d := s.Deployment
	p, err := findPort(d, port)
	if err != nil {
		return "", errors.New(oneLine("sessions: endpoint: " + err.Error()))
	}
	link := p.Link
	if u, err := url.Parse(link); err == nil && u.Host != "" {
		link = u.Host
	} else if i := strings.IndexAny(link, "/?#"); i >= 0 {
		link = link[:i]
	}
	if host, number, err := net.SplitHostPort(link); err == nil && host != "" && isPort(number) {
		return link, nil
	}
	host := d.FQDN
	if host == "" {
		host = d.PublicIP
	}
	if host == "" || !isPort(strconv.Itoa(int(p.External))) {
		return "", fmt.Errorf("sessions: endpoint: the port %q has no address yet", port)
	}
	return net.JoinHostPort(host, strconv.Itoa(int(p.External))), nil
}

func isPort(number string) bool {
	n, err := strconv.ParseUint(number, 10, 16)
	return err == nil && n > 0
}

func findPort(d *Deployment, port string) (Port, error) {
	if p, ok := d.Ports[port]; ok {
		return p, nil
	}
	keys := slices.Sorted(maps.Keys(d.Ports))
	var found []Port
	for _, key := range keys {
		if p := d.Ports[key]; port == "" || p.Name == port {
			found = append(found, p)
		}
	}
	there := "the ports are " + strings.Join(keys, ", ")
	if len(keys) == 0 {
		there = "it has no ports yet"
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1 && port != "":
		return Port{}, fmt.Errorf("more than one port has the name %q: %s", port, there)
	case len(found) > 1:
		return Port{}, fmt.Errorf("which port? %s", there)
	default:
		return Port{}, fmt.Errorf("no port %q: %s", port, there)
	}
}

// CreatedAt reads s.CreateTime, which looks like "2024-05-26 12:00:45.831041":
// a space, microseconds and no zone. It is taken as UTC (inferred). RFC 3339 is
// read as well; anything else is an error.
func CreatedAt(s *Session) (time.Time, error) {
	if s == nil {
		return time.Time{}, errors.New("sessions: create_time: there is no session")
	}
	for _, layout := range []string{time.DateTime, time.RFC3339} {
		if t, err := time.Parse(layout, s.CreateTime); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, errors.New("sessions: create_time: neither a date and time nor RFC 3339")
}
