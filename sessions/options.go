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
	"reflect"
	"slices"
	"strings"
	"time"
)

// DefaultBaseURL is the vendor's API (documented).
const DefaultBaseURL = "https://api.edgegap.com"

// Option changes a default of [New]. Of two that set the same thing the later one
// counts.
type Option func(*settings) error

type settings struct {
	baseURL   string
	plainHTTP bool
	transport transport
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

// WithBaseURL sets the server, [DefaultBaseURL] otherwise: https, or http on
// loopback, without user, query or fragment. A path is kept, as that of a proxy,
// and the calls add /v1 and so on: https://host/v1 is refused. The key is sent to
// this scheme, host and port only.
func WithBaseURL(u string) Option {
	return func(s *settings) error { s.baseURL = u; return nil }
}

// WithPlainHTTP lets the base URL be http on any host, for an emulator in a
// container network. The key then travels in clear.
func WithPlainHTTP() Option {
	return func(s *settings) error { s.plainHTTP = true; return nil }
}

// WithTransport sends requests through rt instead of [NewTransport], for tracing,
// proxies or tests. rt is asked for every attempt, finds the name of the call by
// [Operation], and sees the API key in the Authorization header: it must not log
// headers. It is never changed. Redirects are not followed either way, as long as
// rt keeps to the rules of [http.RoundTripper].
func WithTransport(rt http.RoundTripper) Option {
	return func(s *settings) error {
		s.transport.next = rt
		return refuseIf(isNil(rt), "transport: nil")
	}
}

// NewTransport returns a transport like the default one, to be changed or wrapped
// for [WithTransport]: at most 64 connections to a host, all of which may idle, for
// 30 s, which is less than balancers allow; 10 s to dial and 10 s for TLS; HTTP/2
// where offered; headers of at most 64 KiB; the proxy from the environment.
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

// WithRetry replaces the retry policy, which is three attempts, 500 ms and 8 s. A
// negative value, or First above Most, is refused.
func WithRetry(p RetryPolicy) Option {
	bad := p.Attempts < 0 || p.First < 0 || p.Most < 0
	p.Most = cmp.Or(p.Most, max(p.First, defaultRetry.Most))
	p.First = cmp.Or(p.First, min(p.Most, defaultRetry.First))
	return func(s *settings) error {
		s.transport.retry = p
		return refuseIf(bad || p.First > p.Most, "retry policy: a negative value, or First is more than Most")
	}
}

// WithTimeout bounds one attempt, from asking for a connection to the end of the
// body. The default is 30 s; it must be positive. The deadline of the caller's
// context counts where it is nearer. An attempt that meets this bound gives an
// error that is context.DeadlineExceeded, and is not tried again.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.transport.timeout = d
		return refuseIf(d <= 0, "timeout: not positive")
	}
}

// Limiter paces requests. *rate.Limiter of golang.org/x/time/rate is one.
type Limiter interface {
	// Wait returns nil when a request may be sent, and an error when the context
	// ends before that, or when it would. It is called by many goroutines.
	Wait(context.Context) error
}

// WithLimiter asks l before every attempt, retries too. An error of l ends the
// call unsent, and is found in the call's error by [errors.Is]. Without a limiter
// the client waits only when a 429 tells it to.
func WithLimiter(l Limiter) Option {
	return func(s *settings) error {
		s.transport.limiter = l
		return refuseIf(isNil(l), "limiter: nil")
	}
}

// WithLogger writes one record for every attempt to l, at debug level, with five
// attributes and nothing else: operation, such as "get-session"; attempt, from 1;
// status, 0 when no answer arrived; duration, of the attempt; next_delay, the wait
// until the next attempt, 0 when there is none. No URL, id, header, body or error
// text is logged, as any of them could tell who a player is.
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
