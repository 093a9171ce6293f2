package sessions

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
)

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
func (s *secret) contentType(res *http.Response) string {
	kind, _, _ := strings.Cut(s.mask(res.Header.Get("Content-Type")), ";")
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

// refusal reads what the server said in an answer that is not a success into e.
// It never fails: the status is worth more than the body.
func (s *secret) refusal(e *Error, res *http.Response) {
	if res.StatusCode == http.StatusSwitchingProtocols {
		return // what net/http gives as the body is the connection, and no context ends it
	}
	raw, _ := io.ReadAll(io.LimitReader(res.Body, refusalLimit+1))
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &said) == nil {
		e.Message = cut(s.mask(said.Message), keptBody)
	}
	if e.Message == "" { // a proxy's page, perhaps: its text may hold anything
		e.say(s.contentType(res) + ", " + size(len(raw)))
	}
	masked := s.mask(string(raw))
	if len(raw) > refusalLimit {
		// What was cut off may be the end of an echoed key.
		masked = masked[:max(0, len(masked)-s.longest)]
	}
	e.Body = []byte(masked[:min(len(masked), keptBody)])
}

func size(n int) string {
	if n > refusalLimit {
		return "more than 64 KiB"
	}
	return strconv.Itoa(n) + " bytes"
}
