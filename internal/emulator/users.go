package emulator

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	"github.com/edgegap-community/edgegap/api"
)

func (c calls) GetUsersSession(_ context.Context, r GetUsersSessionRequestObject) (GetUsersSessionResponseObject, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	s, err := c.session(r.SessionID)
	if err != nil {
		return nil, err
	}
	return GetUsersSession200JSONResponse{SessionUsers: list(s.users)}, nil
}

func (c calls) PutUsersSession(_ context.Context, r PutUsersSessionRequestObject) (PutUsersSessionResponseObject, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	s, err := c.sessionAndIPs(r.SessionID, r.Body)
	if err != nil {
		return nil, err
	}
	users, err := c.join(s.users, r.Body.IPList)
	if err != nil {
		return nil, err
	}
	if s.status == StatusTerminating {
		return nil, refuse(http.StatusUnprocessableEntity, "the session is being deleted")
	}
	if more := s.need(len(users)) - s.need(len(s.users)); s.deployment != nil && more > 0 && more > s.deployment.app.Sockets-s.deployment.used {
		if err := settled(c.config.Unknown.NoSocket, http.StatusUnprocessableEntity, "the deployment has not that many free sockets"); err != nil {
			return nil, err
		}
	}
	answer := PutUsersSession200JSONResponse{SessionUsers: c.after(s.users, users)}
	c.seat(s, users)
	return answer, nil
}

func (c calls) DeleteUsersSession(_ context.Context, r DeleteUsersSessionRequestObject) (DeleteUsersSessionResponseObject, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	s, err := c.sessionAndIPs(r.SessionID, r.Body)
	if err != nil {
		return nil, err
	}
	known, stay := index(s.users), index(s.users)
	for i, ip := range r.Body.IPList {
		if _, there := known[address(ip)]; there {
			delete(stay, address(ip))
		} else if err := settled(c.config.Unknown.UnknownIP, http.StatusOK, "ip_list[%d]: is not a player of the session", i); err != nil {
			return nil, err
		}
	}
	users := slices.DeleteFunc(slices.Clone(s.users), func(u api.SessionUser) bool {
		_, there := stay[address(u.IP)]
		return !there
	})
	answer := DeleteUsersSession200JSONResponse{SessionUsers: c.after(s.users, users)}
	c.seat(s, users)
	return answer, nil
}

// after is the list of users that a change of them is answered with.
func (c calls) after(old, new []api.SessionUser) []api.SessionUser {
	if !c.config.Unknown.ChangedUsersOnly {
		return list(new)
	}
	kept, known := index(new), index(old)
	changed := func(u api.SessionUser) bool {
		_, stays := kept[address(u.IP)]
		_, there := known[address(u.IP)]
		return stays != there
	}
	return list(slices.DeleteFunc(slices.Concat(old, new), func(u api.SessionUser) bool { return !changed(u) }))
}

// sessionAndIPs is the session that a change of users is about, if its list of
// IPs is one.
func (c calls) sessionAndIPs(id string, body *api.PatchSessionModel) (*session, error) {
	s, err := c.session(id)
	switch {
	case err != nil:
		return nil, err
	case body.IPList == nil:
		return nil, bad("ip_list: is required")
	case len(body.IPList) == 0:
		return s, settled(c.config.Unknown.EmptyIPList, http.StatusOK, "ip_list: is empty")
	}
	return s, checkIPs(body.IPList)
}

// seat replaces the users and the sockets they take.
func (e *Emulator) seat(s *session, users []api.SessionUser) {
	if s.deployment != nil {
		e.use(s.deployment, s.need(len(users))-s.need(len(s.users)))
	}
	s.users = users
}

// users are the players of a create: those of ip_list, then those of
// geo_ip_list, whose coordinates count also for an IP that is in both.
func (c calls) users(r api.SessionModel) ([]api.SessionUser, error) {
	users, err := c.join(nil, r.IPList)
	if err != nil {
		return nil, err
	}
	at, located := index(users), map[netip.Addr]bool{}
	for i, g := range r.GeoIPList {
		user := api.SessionUser{IP: g.IP, Latitude: new(g.Latitude), Longitude: new(g.Longitude)}
		if located[address(g.IP)] {
			if err := settled(c.config.Unknown.DuplicateIP, http.StatusOK, "geo_ip_list[%d]: is there already", i); err != nil {
				return nil, err
			}
		}
		located[address(g.IP)] = true
		if i, there := at[address(g.IP)]; there {
			users[i] = user
			continue
		}
		at[address(g.IP)] = len(users)
		users = append(users, user)
	}
	return users, nil
}

// join adds players to a set of them.
func (c calls) join(users []api.SessionUser, ips []string) ([]api.SessionUser, error) {
	users = slices.Clone(users)
	at := index(users)
	for i, ip := range ips {
		if _, there := at[address(ip)]; !there {
			at[address(ip)] = len(users)
			users = append(users, api.SessionUser{IP: ip})
		} else if err := settled(c.config.Unknown.DuplicateIP, http.StatusOK, "ip_list[%d]: is a player of the session already", i); err != nil {
			return nil, err
		}
	}
	return users, nil
}

// index is where each player stands.
func index(users []api.SessionUser) map[netip.Addr]int {
	at := make(map[netip.Addr]int, len(users))
	for i, u := range users {
		at[address(u.IP)] = i
	}
	return at
}

// address is an IP however it is spelt.
func address(ip string) netip.Addr {
	a, _ := netip.ParseAddr(ip)
	return a.Unmap()
}

func isIP(s string) bool {
	a := address(s)
	return a.IsValid() && a.Zone() == ""
}

func checkIPs(ips []string) error {
	for i, ip := range ips {
		if !isIP(ip) {
			return bad("ip_list[%d]: is not an IP address", i)
		}
	}
	return nil
}
