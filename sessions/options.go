package sessions

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
)

// DefaultBaseURL is the vendor's API.
const DefaultBaseURL = "https://api.edgegap.com"

// Option changes a default of New.
type Option func(*settings) error

type settings struct {
	baseURL   string
	plainHTTP bool
	transport transport
}

// New returns a client that authenticates with key. White space around it and a
// leading "token " are taken off. All bad options are reported at once, and no
// error holds the key.
func New(key string, opts ...Option) (*Client, error) {
	s := settings{baseURL: DefaultBaseURL}
	t := &s.transport
	t.retry, t.timeout, t.agent = defaultRetry, 30*time.Second, []string{defaultAgent}
	var errs []error
	for _, opt := range opts {
		if opt == nil {
			errs = append(errs, errors.New("nil option"))
			continue
		}
		errs = append(errs, opt(&s))
	}
	key, err := cleanKey(key)
	errs = append(errs, err)
	base, err := parseBaseURL(s.baseURL, s.plainHTTP)
	errs = append(errs, err)
	if err := errors.Join(errs...); err != nil {
		return nil, invalid(nil, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	t.base, t.secret = base, newSecret(key)
	if t.next == nil {
		t.next = NewTransport()
	}
	return newClient(t), nil
}

// NewFromEnv is New with the key from EDGEGAP_API_KEY or from the file that
// EDGEGAP_API_KEY_FILE names, and the base URL from EDGEGAP_BASE_URL where that
// is set. To set both key variables is an error. Options override the
// environment.
func NewFromEnv(opts ...Option) (*Client, error) {
	key, file := os.Getenv("EDGEGAP_API_KEY"), os.Getenv("EDGEGAP_API_KEY_FILE")
	switch {
	case key != "" && file != "":
		return nil, invalid(nil, "EDGEGAP_API_KEY and EDGEGAP_API_KEY_FILE are both set")
	case key == "" && file == "":
		return nil, invalid(nil, "neither EDGEGAP_API_KEY nor EDGEGAP_API_KEY_FILE is set")
	case file != "":
		content, err := os.ReadFile(file)
		if err != nil {
			// Not its name, which may be a key that was set by mistake.
			return nil, invalid(nil, "EDGEGAP_API_KEY_FILE: the file cannot be read: %v", errors.Unwrap(err))
		}
		key = string(content)
	}
	if base := os.Getenv("EDGEGAP_BASE_URL"); base != "" {
		opts = append([]Option{WithBaseURL(base)}, opts...)
	}
	return New(key, opts...)
}

func cleanKey(key string) (string, error) {
	key = strings.TrimSpace(key)
	if n := len(tokenPrefix); len(key) > n && strings.EqualFold(key[:n], tokenPrefix) {
		key = strings.TrimSpace(key[n:])
	}
	if word := strings.TrimSuffix(tokenPrefix, " "); strings.EqualFold(key, word) {
		return "", errors.New("the API key is the bare word token")
	}
	if key == "" {
		return "", errors.New("the API key is empty")
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return "", errors.New("the API key has a character that is not visible ASCII")
		}
	}
	return key, nil
}

// parseBaseURL never repeats the URL, which may hold a password.
func parseBaseURL(raw string, plainHTTP bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("base URL: cannot be parsed")
	case u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("base URL: no host, as in https://host")
	case u.User != nil:
		return nil, errors.New("base URL: has a user or password")
	case u.RawQuery != "" || u.ForceQuery:
		return nil, errors.New("base URL: has a query")
	case strings.Contains(raw, "#"):
		return nil, errors.New("base URL: has a fragment")
	case slices.ContainsFunc(strings.Split(u.EscapedPath(), "/"), isDots):
		return nil, errors.New("base URL: the path has a . or .. segment")
	case strings.Trim(u.Path, "/") == "v1":
		return nil, errors.New("base URL: leave out the /v1, every call begins with it")
	case u.Scheme == "http" && !plainHTTP && !isLoopback(u.Hostname()):
		return nil, errors.New("base URL: plain http would send the key in clear (loopback is fine; WithPlainHTTP allows other hosts)")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("base URL: the scheme is not https")
	}
	u.Host = strings.TrimSuffix(u.Host, ":") // an empty port is none
	return u, nil
}

func isDots(segment string) bool { return segment == "." || segment == ".." }

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

// WithBaseURL sets the server, DefaultBaseURL otherwise: https, or http on
// loopback, without user, query or fragment. A path is kept.
func WithBaseURL(u string) Option {
	return func(s *settings) error { s.baseURL = u; return nil }
}

// WithPlainHTTP lets the base URL be http on any host, for an emulator in a
// container network. The key travels in clear.
func WithPlainHTTP() Option {
	return func(s *settings) error { s.plainHTTP = true; return nil }
}

// WithTransport sends requests through rt instead of NewTransport(), for tracing,
// proxies or tests. It is never changed. Redirects are not followed either way.
func WithTransport(rt http.RoundTripper) Option {
	return func(s *settings) error {
		s.transport.next = rt
		return refuseIf(isNil(rt), "transport: nil")
	}
}

// NewTransport returns the default transport, to be wrapped or changed: at most
// 64 connections, all of which may idle, for 30 s, less than balancers allow; 10 s
// to dial; HTTP/2 where offered; the proxy from the environment.
func NewTransport() *http.Transport {
	const connections = 64
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second}, // finds a dead connection
		MaxConnsPerHost:        connections,
		MaxIdleConnsPerHost:    connections,
		MaxIdleConns:           connections,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// WithRetry replaces the policy, RetryPolicy{3, 500 * time.Millisecond, 8 * time.Second}.
func WithRetry(p RetryPolicy) Option {
	bad := p.Attempts < 0 || p.First < 0 || p.Most < 0
	p.Most = cmp.Or(p.Most, max(p.First, defaultRetry.Most))
	p.First = cmp.Or(p.First, min(p.Most, defaultRetry.First))
	return func(s *settings) error {
		s.transport.retry = p
		return refuseIf(bad || p.First > p.Most, "retry policy: a negative value, or First is more than Most")
	}
}

// WithTimeout bounds one attempt, its body included. The default is 30 s.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.transport.timeout = d
		return refuseIf(d <= 0, "timeout: not positive")
	}
}

// Limiter paces requests: Wait returns when one may be sent. *rate.Limiter of
// golang.org/x/time/rate is one.
type Limiter interface {
	Wait(context.Context) error
}

// WithLimiter asks l before every attempt. Without one, the client waits only
// when a 429 tells it to.
func WithLimiter(l Limiter) Option {
	return func(s *settings) error {
		s.transport.limiter = l
		return refuseIf(isNil(l), "limiter: nil")
	}
}

// WithLogger writes one record for every attempt to l, at debug level:
// operation, attempt, status, duration and next_delay, and nothing else.
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		s.transport.logger = l
		return refuseIf(l == nil, "logger: nil")
	}
}

const defaultAgent = "edgegap-community-sessions"

// WithUserAgent puts product, such as "matchmaker/1.4", before the client's own
// name in the User-Agent header.
func WithUserAgent(product string) Option {
	return func(s *settings) error {
		s.transport.agent = []string{product + " " + defaultAgent}
		for i := range len(product) {
			if product[i] < ' ' || product[i] > '~' {
				return errors.New("user agent: a character that is not visible ASCII")
			}
		}
		return refuseIf(strings.TrimSpace(product) == "", "user agent: empty")
	}
}

// isNil is true also for a nil pointer in an interface, such as a limiter that
// was never made.
func isNil(v any) bool {
	value := reflect.ValueOf(v)
	return v == nil || value.Kind() == reflect.Pointer && value.IsNil()
}

func refuseIf(bad bool, why string) error {
	if bad {
		return errors.New(why)
	}
	return nil
}
