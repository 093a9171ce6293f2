package emulator

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/edgegap-community/edgegap/api"
)

// page is Sessions with its list, even if that is empty.
type page struct {
	api.Sessions
	Data []api.SessionContext `json:"data"`
}

func (p page) VisitListSessionsResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(p)
}

func (c calls) ListSessions(_ context.Context, r ListSessionsRequestObject) (ListSessionsResponseObject, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.advance()
	number, limit, err := c.paging(r.Params)
	if err != nil {
		return nil, err
	}
	total := int64(c.listed.size)
	pages := max((total+limit-1)/limit, 1)
	if number > pages {
		if err := settled(c.config.Unknown.PageBeyondEnd, http.StatusOK, "page: there is no such page"); err != nil {
			return nil, err
		}
	}
	answer := page{Data: []api.SessionContext{}, Sessions: api.Sessions{
		TotalCount: total,
		Pagination: api.Pagination{
			Number:      number,
			HasNext:     number < pages,
			HasPrevious: number > 1,
			Paginator:   api.Paginator{NumPages: pages},
		},
	}}
	if number < pages {
		next := number + 1
		answer.Pagination.NextPageNumber = &next
	}
	if number > 1 {
		previous := min(number-1, pages)
		answer.Pagination.PreviousPageNumber = &previous
	}
	if number <= pages {
		for i := (number - 1) * limit; i < min(number*limit, total); i++ {
			at := i
			if c.config.Unknown.NewestFirst {
				at = total - 1 - i
			}
			answer.Data = append(answer.Data, c.summary(c.order[c.listed.at(int(at))]))
		}
	}
	return answer, nil
}

// paging is the page asked for and how many sessions are on one. A limit
// greater than all sessions there are is as good as their number, so that
// nothing overflows.
func (c calls) paging(p api.ListSessionsParams) (number, limit int64, err error) {
	number, limit = 1, int64(orElse(c.config.Unknown.DefaultLimit, 10))
	if p.Page != nil {
		number = *p.Page
	}
	if p.Limit != nil {
		limit = *p.Limit
	}
	if number < 1 {
		return 0, 0, bad("page: must be at least 1")
	}
	if limit < 1 {
		return 0, 0, bad("limit: must be at least 1")
	}
	if most := int64(c.config.Unknown.MaxLimit); most > 0 {
		limit = min(limit, most)
	}
	return number, min(limit, int64(max(c.listed.size, 1))), nil
}

func (c calls) SessionsBulkStop(_ context.Context, r SessionsBulkStopRequestObject) (SessionsBulkStopResponseObject, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.advance()
	if len(r.Body.Filters) == 0 {
		if err := settled(c.config.Unknown.EmptyFilters, http.StatusBadRequest, "filters: is empty"); err != nil {
			return nil, err
		}
	}
	for i, f := range r.Body.Filters {
		if !f.Field.Valid() || !f.FilterType.Valid() || len(f.Values) == 0 {
			return nil, bad("filters[%d]: needs field (session_id, deployment_tags or request_id), values and filter_type (any, all or not)", i)
		}
	}
	answer := SessionsBulkStop200JSONResponse{Processable: []api.SessionStopResponse{}}
	for n := range c.listed.size {
		s := c.order[c.listed.at(n)]
		if s.status != StatusTerminating && c.matches(s, r.Body.Filters) {
			answer.Processable = append(answer.Processable, api.SessionStopResponse{SessionID: s.id})
			c.plan(now.Add(c.config.Unknown.BulkStopTakes), func(later time.Time) {
				if !s.gone && s.status != StatusTerminating {
					c.stop(s, later)
				}
			})
		}
	}
	c.advance()
	return answer, nil
}

// matches is whether the session passes every filter, or any where that is the
// setting. No filter at all is passed by every session.
func (c calls) matches(s *session, filters []api.SessionBulkStopFiltersPayload) bool {
	anyWill := c.config.Unknown.AnyFilter && len(filters) > 0
	for _, f := range filters {
		var have []string
		switch {
		case f.Field == api.SessionBulkStopFieldSessionID:
			have = []string{s.id}
		case s.deployment == nil:
		case f.Field == api.SessionBulkStopFieldRequestID:
			have = []string{s.deployment.id}
		case f.Field == api.SessionBulkStopFieldDeploymentTags:
			have = s.deployment.tags
		}
		if match(f.FilterType, f.Values, have) == anyWill {
			return anyWill
		}
	}
	return !anyWill
}
