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
	var more []api.SessionUser
	for _, ip := range r.Body.IPList {
		more = append(more, api.SessionUser{IP: ip})
	}
	users, err := c.join(s.users, more)
	if err != nil {
		return nil, err
	}
	if s.status == StatusTerminating {
		return nil, refuse(http.StatusUnprocessableEntity, "the session is being deleted")
	}
	if s.deployment != nil && s.need(len(users))-s.need(len(s.users)) > s.deployment.free() {
		if err := settled(c.config.Unknown.NoSocket, http.StatusUnprocessableEntity, "the deployment has not that many free sockets"); err != nil {
			return nil, err
		}
	}
	s.seat(users)
	return PutUsersSession200JSONResponse{SessionUsers: list(users)}, nil
}

func (c calls) DeleteUsersSession(_ context.Context, r DeleteUsersSessionRequestObject) (DeleteUsersSessionResponseObject, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	s, err := c.sessionAndIPs(r.SessionID, r.Body)
	if err != nil {
		return nil, err
	}
	users := slices.Clone(s.users)
	for i, ip := range r.Body.IPList {
		if !isIP(ip) {
			return nil, bad("ip_list[%d]: is not an IP address", i)
		}
		at := indexIP(users, ip)
		if at >= 0 {
			users = slices.Delete(users, at, at+1)
		} else if err := settled(c.config.Unknown.UnknownIP, http.StatusOK, "ip_list[%d]: is not a player of the session", i); err != nil {
			return nil, err
		}
	}
	s.seat(users)
	return DeleteUsersSession200JSONResponse{SessionUsers: list(users)}, nil
}

func (c calls) sessionAndIPs(id string, body *api.PatchSessionModel) (*session, error) {
	s, err := c.session(id)
	switch {
	case err != nil:
		return nil, err
	case body.IPList == nil:
		return nil, bad("ip_list: is required")
	case len(body.IPList) == 0:
		err = settled(c.config.Unknown.EmptyIPList, http.StatusOK, "ip_list: is empty")
	}
	return s, err
}

// seat replaces the users and the sockets they take.
func (s *session) seat(users []api.SessionUser) {
	if s.deployment != nil {
		s.deployment.used += s.need(len(users)) - s.need(len(s.users))
	}
	s.users = users
}

// users are the players of a create: those of ip_list, then those of
// geo_ip_list, whose coordinates count also for an IP that is in both.
func (c calls) users(r api.SessionModel) ([]api.SessionUser, error) {
	var users []api.SessionUser
	for _, ip := range r.IPList {
		users = append(users, api.SessionUser{IP: ip})
	}
	for _, g := range r.GeoIPList {
		latitude, longitude := g.Latitude, g.Longitude
		user := api.SessionUser{IP: g.IP, Latitude: &latitude, Longitude: &longitude}
		if at := indexIP(users, g.IP); at >= 0 {
			users[at] = user
			continue
		}
		users = append(users, user)
	}
	return c.join(nil, users)
}

// join adds players to a set of them.
func (c calls) join(users, more []api.SessionUser) ([]api.SessionUser, error) {
	users = slices.Clone(users)
	for i, user := range more {
		if !isIP(user.IP) {
			return nil, bad("ip_list: no. %d is not an IP address", i)
		}
		if indexIP(users, user.IP) < 0 {
			users = append(users, user)
		} else if err := settled(c.config.Unknown.DuplicateIP, http.StatusOK, "ip_list: no. %d is a player of the session already", i); err != nil {
			return nil, err
		}
	}
	return users, nil
}

func isIP(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Zone() == ""
}

// indexIP finds an IP however it is spelt.
func indexIP(users []api.SessionUser, ip string) int {
	wanted, _ := netip.ParseAddr(ip)
	return slices.IndexFunc(users, func(u api.SessionUser) bool {
		have, _ := netip.ParseAddr(u.IP)
		return have == wanted
	})
}
