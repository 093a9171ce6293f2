package soak_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
	"github.com/edgegap-community/edgegap/sessions"
)

// fault is what happens to one request, or to one dial.
type fault int

const (
	none        fault = iota
	unread            // reset before it is read
	unheeded          // reset when it is read, before it is done
	undelivered       // reset when it is done, before it is answered
	cut               // done, and the answer ends half-way
	limited           // answered 429
	unavailable       // answered 503, half of the time having been done
	stalled           // never answered, half of the time having been done
	refused           // the dial is refused
	faults
)

var names = [faults]string{"none", "unread", "unheeded", "undelivered", "cut", "limited", "unavailable", "stalled", "refused"}

// requestDeck has every fault of a request among 17 cards, so that of any n
// requests nearly n/17 or more meet it; dialDeck refuses every other dial.
var (
	requestDeck = []fault{none, none, none, none, none, none, none, none, none, unread, unheeded, undelivered, cut, limited, limited, unavailable, stalled}
	dialDeck    = []fault{none, none, refused, refused}
)

// front is a server on a real socket that stands before an emulator and harms
// what passes, by a plan that its seed decides. The emulator's own record is
// the ledger: it tells what was done.
type front struct {
	listener net.Listener
	api      *emulator.Emulator
	nobody   net.Conn // its own port refuses connections as long as it is open

	mu    sync.Mutex
	open  int        // connections, from the beginning of the dial until the server is done with them
	empty *sync.Cond // open is 0
	dice  *rand.Rand
	decks map[fault][]fault // what is left of the deck for requests, at none, and for dials, at refused
	met   [faults]int
	peace bool
}

func newFront(t *testing.T, seed uint64, config emulator.Config) *front {
	t.Helper()
	f := &front{api: emulator.New(config), dice: rand.New(rand.NewPCG(seed, 1)), decks: map[fault][]fault{}}
	f.empty = sync.NewCond(&f.mu)
	var err error
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if f.nobody, err = net.Dial("tcp", f.listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	first, err := f.listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for { // until the listener is closed
			c, err := f.listener.Accept()
			if err != nil {
				return
			}
			go f.serve(c.(*net.TCPConn))
		}
	})
	t.Cleanup(func() {
		f.listener.Close()
		accepting.Wait()
		f.nobody.Close()
		first.Close()
		f.api.Close()
	})
	return f
}

// draw takes the next card of a deck, which is shuffled anew when it is used up.
func (f *front) draw(kind fault, deck []fault) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.peace {
		return none
	}
	left := f.decks[kind]
	if len(left) == 0 {
		left = append(left, deck...)
		f.dice.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	}
	f.decks[kind] = left[1:]
	f.met[left[0]]++
	return left[0]
}

// odd is true every other time that a fault was met.
func (f *front) odd(of fault) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.met[of]%2 == 1
}

// serve answers the requests of one connection until it is broken or closed.
func (f *front) serve(c *net.TCPConn) {
	defer f.closed()
	defer c.Close()
	reset := func() { c.SetLinger(0) } // and then close it
	reader := bufio.NewReader(c)
	for {
		if _, err := reader.Peek(1); err != nil {
			return
		}
		met := f.draw(none, requestDeck)
		if met == unread {
			reset()
			return
		}
		r, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		answer := httptest.NewRecorder()
		do := func() {
			f.api.ServeHTTP(answer, remade(r, content))
		}
		switch met {
		case unheeded:
			reset()
			return
		case undelivered:
			do()
			reset()
			return
		case limited:
			answer.WriteHeader(http.StatusTooManyRequests)
		case unavailable:
			if f.odd(unavailable) {
				do()
				answer = httptest.NewRecorder()
			}
			answer.WriteHeader(http.StatusServiceUnavailable)
		case stalled:
			if f.odd(stalled) {
				do()
			}
			io.Copy(io.Discard, reader) // until the client has had enough
			return
		default:
			do()
		}
		res := answer.Result()
		res.ContentLength = int64(answer.Body.Len())
		if met == cut {
			res.Body = io.NopCloser(io.LimitReader(res.Body, res.ContentLength/2))
			res.Write(c) // it says that the body is short
			if f.odd(cut) {
				reset()
			}
			return
		}
		if res.Write(c) != nil {
			return
		}
	}
}

// remade is r with its content once more, as the handler of a server gets it.
func remade(r *http.Request, content []byte) *http.Request {
	again := httptest.NewRequest(r.Method, r.URL.RequestURI(), nil)
	again.Header = r.Header
	again.Body = io.NopCloser(bytes.NewReader(content))
	again.ContentLength = int64(len(content))
	return again
}

// dial connects to the front, or to the port where nobody listens.
func (f *front) dial(ctx context.Context, network, address string) (net.Conn, error) {
	f.mu.Lock()
	f.open++
	f.mu.Unlock()
	met := f.draw(refused, dialDeck)
	if met == refused {
		address = f.nobody.LocalAddr().String()
	}
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, network, address)
	if met == refused && err == nil {
		panic("a dial was answered where nobody listens")
	}
	if err != nil {
		f.closed()
	}
	return c, err
}

func (f *front) closed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open--; f.open == 0 {
		f.empty.Broadcast()
	}
}

// client is one whose dials meet the plan. It tries again soon, as these
// servers recover at once.
func (f *front) client(t *testing.T) *sessions.Client {
	t.Helper()
	transport := sessions.NewTransport()
	transport.DialContext = f.dial
	c, err := sessions.New("a-key-for-the-soak", sessions.WithBaseURL("http://"+f.listener.Addr().String()), sessions.WithTransport(transport),
		sessions.WithTimeout(250*time.Millisecond), sessions.WithRetry(sessions.RetryPolicy{Attempts: 3, First: time.Millisecond, Most: 5 * time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settle closes what the client keeps, and waits until nothing more can be done
// for it: every connection is closed. A connection that leaks is a test that
// never ends. From now on there is peace.
func (f *front) settle(c *sessions.Client) {
	c.CloseIdleConnections()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.peace = true
	for f.open > 0 {
		f.empty.Wait()
	}
}

// allMet fails unless each fault was met at least least times.
func (f *front) allMet(t *testing.T, least int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for fault, n := range f.met {
		t.Logf("%-12s %6d", names[fault], n)
		if n < least {
			t.Errorf("%s was met only %d times, want %d", names[fault], n, least)
		}
	}
}
