package sessions

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"sync"

	"github.com/edgegap-community/edgegap/api"
)

// ListOptions says where a list begins. The zero value is the first page, of
// the length that the server chooses.
type ListOptions struct {
	// Page is the page to begin with, from 1; 0 is the first.
	Page int

	// Limit is how many sessions a page has; 0 leaves it to the server, which
	// takes 10 (inferred). The most that it allows is unknown.
	Limit int

	// Prefetch makes All ask for the next page while the caller works on the
	// present one. A caller who stops early may then have asked for one page
	// more. List does not look at it.
	Prefetch bool
}

// Page is one page of the active sessions.
type Page struct {
	// Sessions are those of this page, in an order that is unknown.
	Sessions []Summary

	// Total is how many there are on all pages, as the server says it.
	Total int

	// Next is the number of the next page, 0 on the last.
	Next int
}

// List reads one page of the active sessions. What a page past the last holds is
// unknown: perhaps nothing, perhaps it is an error.
func (c *Client) List(ctx context.Context, o ListOptions) (*Page, error) {
	var p pageBuffer
	if err := c.readPage(ctx, o, &p); err != nil {
		return nil, err
	}
	return &Page{Sessions: p.answer.Data, Total: int(p.answer.TotalCount), Next: p.next}, nil
}

// All walks the active sessions from page o.Page to the last. Each page is read
// when it is needed. An error is yielded once, with no session, and ends the
// walk; a page that leads back, or nowhere, is [ErrBadResponse]. Sessions that
// come and go meanwhile may be missed or met twice. The sequence can be walked
// again, and then reads anew.
//
// Memory for a page is used again for the next: it does not grow with the list.
func (c *Client) All(ctx context.Context, o ListOptions) iter.Seq2[Summary, error] {
	return func(yield func(Summary, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var ahead pageBuffer
		var reading sync.WaitGroup // of the page ahead
		defer reading.Wait()
		defer cancel()
		o := o // a sequence can be walked again
		var present pageBuffer
		err := c.readPage(ctx, o, &present)
		for {
			if err != nil {
				yield(Summary{}, err)
				return
			}
			o.Page = present.next
			if o.Page == 0 || !o.Prefetch {
				if !present.yield(yield) || o.Page == 0 {
					return
				}
				err = c.readPage(ctx, o, &present)
				continue
			}
			reading.Go(func() { err = c.readPage(ctx, o, &ahead) })
			if !present.yield(yield) {
				return
			}
			reading.Wait()
			present, ahead = ahead, present
		}
	}
}

// pageBuffer is an answer of list-sessions, read into memory that is used again.
type pageBuffer struct {
	answer api.Sessions
	next   int
}

func (p *pageBuffer) yield(yield func(Summary, error) bool) bool {
	for _, s := range p.answer.Data {
		if !yield(s, nil) {
			return false
		}
	}
	return true
}

func (c *Client) readPage(ctx context.Context, o ListOptions, p *pageBuffer) error {
	if o.Page < 0 {
		return invalid(listSessions, "page: negative")
	}
	if o.Limit < 0 {
		return invalid(listSessions, "limit: negative")
	}
	if p.answer.Data == nil {
		p.answer.Data = make([]Summary, 0, min(o.Limit, 1000)) // room for what is asked for, within reason
	}
	params := new(api.ListSessionsParams)
	if number := int64(o.Page); number > 0 {
		params.Page = &number
	}
	if limit := int64(o.Limit); limit > 0 {
		params.Limit = &limit
	}
	req, err := api.NewListSessionsRequest(c.server, params)
	if err != nil {
		return invalid(listSessions, "the request cannot be built")
	}
	return c.transport.call(ctx, listSessions, "", req, func(res *http.Response) (err error) {
		if err = decode(res.Body, &p.answer); err == nil {
			p.next, err = nextPage(max(1, int64(o.Page)), &p.answer)
		}
		return err
	})
}

// nextPage is the number of the page after the present one, 0 on the last. The
// vendor's own example of a pagination contradicts itself, so a number that
// would lead back, or on without end, is refused.
func nextPage(present int64, answer *api.Sessions) (int, error) {
	p := &answer.Pagination
	present = max(present, p.Number)
	bad := func(why string) (int, error) {
		return 0, fmt.Errorf("page %d %s", present, why)
	}
	switch next := p.NextPageNumber; {
	case next == nil || *next == 0:
		if p.HasNext {
			return bad("has a next page without a number")
		}
		return 0, nil
	case *next <= present:
		return bad(fmt.Sprintf("names page %d as the next", *next))
	case len(answer.Data) == 0:
		return bad("is empty and not the last")
	default:
		return int(*next), nil
	}
}
