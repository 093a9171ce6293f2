package sessions

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

// judge is nil for a success that accept took, and else the error that the answer
// is, and its cause.
func (t *transport) judge(op *operation, res *http.Response, accept func(*http.Response) error) (e *Error, err error) {
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return t.refusal(res), nil
	}
	content := &body{ReadCloser: res.Body, left: op.limit}
	if !isJSON(res) {
		err = errors.New(t.contentType(res) + ", not JSON")
	} else if res.ContentLength > op.limit {
		err = ErrResponseTooLarge
	} else {
		res.Body = content
		err = accept(res)
	}
	if err == nil {
		return nil, nil
	}
	e = &Error{StatusCode: res.StatusCode}
	switch {
	case content.err != nil:
		err = content.err
		e.cut = err != ErrResponseTooLarge
	case err != ErrResponseTooLarge:
		err = fmt.Errorf("%w: %w", ErrBadResponse, err)
	}
	return e, err
}

// isJSON reports whether res says that its body is JSON.
func isJSON(res *http.Response) bool {
	value := res.Header.Get("Content-Type")
	if value == "application/json" {
		return true
	}
	kind, _, err := mime.ParseMediaType(value)
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return false
	}
	return kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// contentType is what res says that its body is, for the text of an error.
func (t *transport) contentType(res *http.Response) string {
	kind, _, _ := strings.Cut(t.secret.mask(res.Header.Get("Content-Type")), ";")
	return withoutAddresses(cmp.Or(strings.TrimSpace(kind), "no content type"))
}

// body reads the body of a success: it stops past its limit, and keeps what the
// network did to it apart from what is wrong with its content.
type body struct {
	io.ReadCloser
	left int64 // bytes until the limit
	err  error // what ended it, if not its end
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		n, err = 0, ErrResponseTooLarge
	}
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

const (
	refusalLimit = 64 << 10 // bytes read of an answer that is not a success
	keptBody     = 4 << 10  // bytes kept of it
)

// refusal is the error of an answer that is not a success, with what the server
// said in it. What its body is does not matter: the status is worth more.
func (t *transport) refusal(res *http.Response) *Error {
	e := &Error{StatusCode: res.StatusCode, RetryAfter: retryAfter(res.Header)}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return e // what net/http gives as the body is the connection, and no context ends it
	}
	raw, _ := io.ReadAll(io.LimitReader(res.Body, refusalLimit+1))
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &said) == nil {
		e.Message = cut(t.secret.mask(said.Message), keptBody)
	}
	if e.Message == "" { // a proxy's page, perhaps: its text may hold anything
		e.say(t.contentType(res) + ", " + size(len(raw)))
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		e.say("redirects are not followed")
	}
	masked := t.secret.mask(string(raw))
	if len(raw) > refusalLimit {
		// What was cut off may be the end of an echoed key.
		masked = masked[:max(0, len(masked)-t.secret.longest)]
	}
	e.Body = []byte(masked[:min(len(masked), keptBody)])
	return e
}

func size(n int) string {
	if n > refusalLimit {
		return "more than 64 KiB"
	}
	return strconv.Itoa(n) + " bytes"
}
