package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/go-resty/resty/v2"

	"github.com/edgegap-community/edgegap/api"
	"github.com/edgegap-community/edgegap/internal/bench/generated"
	"github.com/edgegap-community/edgegap/sessions"
)

// contestant is one way to do the job. Each sends the key, for without it the
// API does nothing.
type contestant struct {
	get    func(context.Context) error
	create func(context.Context) error
	// list reads one page of 1,000 sessions; nil where it is a walk of one page.
	list func(context.Context) error
	// walk reads the first n pages of 1,000 sessions and looks at each session.
	walk func(ctx context.Context, n int) error
}

const (
	key           = "0123456789abcdef-bench"
	authorization = "token " + key
)

var errWrong = errors.New("not the answer that was expected")

// contestants enter by name, for the server at url.
var contestants = map[string]func(url string) (contestant, error){
	"ours":                ours,
	"naive":               naive,
	"resty":               restyV2,
	"ClientWithResponses": clientWithResponses,
	"floor":               floor,
}

func ours(url string) (contestant, error) {
	c, err := sessions.New(key, sessions.WithBaseURL(url))
	return contestant{
		get: func(ctx context.Context) error {
			s, err := c.Get(ctx, sessionID)
			return expect(err, func() bool { return s.Ready })
		},
		create: func(ctx context.Context) error {
			s, err := c.Create(ctx, request)
			return expect(err, func() bool { return s.SessionID != "" })
		},
		list: func(ctx context.Context) error {
			page, err := c.List(ctx, sessions.ListOptions{Limit: pageLength})
			return expect(err, func() bool { return len(page.Sessions) == pageLength })
		},
		walk: func(ctx context.Context, n int) error {
			met := 0
			for s, err := range c.All(ctx, sessions.ListOptions{Limit: pageLength}) {
				if err != nil {
					return err
				}
				if met += looked(s.SessionID); met == n*pageLength {
					return nil
				}
			}
			return errWrong
		},
	}, err
}

// request is what every contestant creates.
var request = sessions.CreateRequest{
	AppName: "arena", VersionName: "v1.4", IPList: []string{"203.0.113.7", "198.51.100.23"},
	WebhookURL: "https://matchmaker.example.com/edgegap?match=m-1042",
}

func expect(err error, holds func() bool) error {
	if err == nil && !holds() {
		err = errWrong
	}
	return err
}

// looked is 1 for a session with an id.
func looked(id string) int {
	if id == "" {
		return 0
	}
	return 1
}

// naive is what a program does by hand when it looks neither at the status nor
// at anything else.
func naive(url string) (contestant, error) {
	do := func(ctx context.Context, method, path string, body, answer any) error {
		var content io.Reader
		if body != nil {
			b, err := json.Marshal(body)
			if err != nil {
				return err
			}
			content = bytes.NewReader(b)
		}
		req, err := http.NewRequestWithContext(ctx, method, url+path, content)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", authorization)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		return json.Unmarshal(b, answer)
	}
	return contestant{
		get: func(ctx context.Context) error {
			var s api.SessionGet
			err := do(ctx, "GET", "/v1/session/"+sessionID, nil, &s)
			return expect(err, func() bool { return s.Ready })
		},
		create: func(ctx context.Context) error {
			var s api.SessionRequest
			err := do(ctx, "POST", "/v1/session", request, &s)
			return expect(err, func() bool { return s.SessionID != "" })
		},
		walk: walk(func(ctx context.Context, page int) (api.Sessions, error) {
			var list api.Sessions
			err := do(ctx, "GET", pagePath(page), nil, &list)
			return list, err
		}),
	}, nil
}

func pagePath(page int) string {
	return "/v1/sessions?page=" + strconv.Itoa(page) + "&limit=" + strconv.Itoa(pageLength)
}

// walk reads page after page into memory of its own.
func walk(read func(ctx context.Context, page int) (api.Sessions, error)) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		met := 0
		for page := range n {
			list, err := read(ctx, 1+page)
			if err != nil {
				return err
			}
			for _, s := range list.Data {
				met += looked(s.SessionID)
			}
		}
		return expect(nil, func() bool { return met == n*pageLength })
	}
}

func restyV2(url string) (contestant, error) {
	c := resty.New().SetBaseURL(url).SetHeader("Authorization", authorization)
	do := func(ctx context.Context, method, path string, body, answer any) error {
		r := c.R().SetContext(ctx).SetResult(answer)
		if body != nil {
			r.SetBody(body)
		}
		res, err := r.Execute(method, path)
		return expect(err, func() bool { return res.IsSuccess() })
	}
	return contestant{
		get: func(ctx context.Context) error {
			var s api.SessionGet
			err := do(ctx, "GET", "/v1/session/"+sessionID, nil, &s)
			return expect(err, func() bool { return s.Ready })
		},
		create: func(ctx context.Context) error {
			var s api.SessionRequest
			err := do(ctx, "POST", "/v1/session", request, &s)
			return expect(err, func() bool { return s.SessionID != "" })
		},
		walk: walk(func(ctx context.Context, page int) (api.Sessions, error) {
			var list api.Sessions
			err := do(ctx, "GET", pagePath(page), nil, &list)
			return list, err
		}),
	}, nil
}

// clientWithResponses is what oapi-codegen makes of openapi.yaml by default.
func clientWithResponses(url string) (contestant, error) {
	c, err := generated.NewClientWithResponses(url, generated.WithRequestEditorFn(func(_ context.Context, req *http.Request) error {
		req.Header.Set("Authorization", authorization)
		return nil
	}))
	body := generated.SessionModel{
		AppName: request.AppName, VersionName: &request.VersionName,
		IpList: &request.IPList, WebhookUrl: &request.WebhookURL,
	}
	return contestant{
		get: func(ctx context.Context) error {
			res, err := c.GetSessionWithResponse(ctx, sessionID)
			return expect(err, func() bool { return res.JSON200 != nil && res.JSON200.Ready })
		},
		create: func(ctx context.Context) error {
			res, err := c.SessionPostWithResponse(ctx, body)
			return expect(err, func() bool { return res.JSON200 != nil && res.JSON200.SessionId != "" })
		},
		walk: func(ctx context.Context, n int) error {
			met := 0
			for page := range n {
				number, limit := int64(1+page), int64(pageLength)
				res, err := c.ListSessionsWithResponse(ctx, &generated.ListSessionsParams{Page: &number, Limit: &limit})
				if err != nil {
					return err
				}
				if res.JSON200 == nil || res.JSON200.Data == nil {
					return errWrong
				}
				for _, s := range *res.JSON200.Data {
					met += looked(s.SessionId)
				}
			}
			return expect(nil, func() bool { return met == n*pageLength })
		},
	}, err
}

// floor is what net/http needs for the bytes alone.
func floor(url string) (contestant, error) {
	content := encode(request)
	do := func(ctx context.Context, method, path string, body io.Reader) error {
		req, err := http.NewRequestWithContext(ctx, method, url+path, body)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", authorization)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s %s: %s", method, path, res.Status)
		}
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	return contestant{
		get: func(ctx context.Context) error {
			return do(ctx, "GET", "/v1/session/"+sessionID, nil)
		},
		create: func(ctx context.Context) error {
			return do(ctx, "POST", "/v1/session", bytes.NewReader(content))
		},
		walk: func(ctx context.Context, n int) error {
			for page := range n {
				if err := do(ctx, "GET", pagePath(1+page), nil); err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}
