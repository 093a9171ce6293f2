// Package emulator imitates the Edgegap Sessions API: one state machine of
// apps, deployments and sessions, behind handlers generated from openapi.yaml.
// It is reached in memory, through Transport, or over a socket, as an
// http.Handler. Package sessionstest and the command sessions-emulator are its
// two faces.
//
// What is simulated: a session passes from Initializing over Seeking and
// Waiting to Ready, is given a place on a deployment that fits it or on a new
// one, and is gone soon after it is deleted. A deployment runs on when its
// sessions are gone, for as long as its app version says. What is done about
// each fact of the API, and what is not simulated, is in docs/emulator.md.
//
// State changes with time are worked out when somebody looks. One timer, for
// the next change, exists for the sake of webhooks. An Emulator made inside a
// testing/synctest bubble is in virtual time.
package emulator

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Emulator is one imitation of the API with a state of its own. It is safe for
// concurrent use.
type Emulator struct {
	clock  clock
	mux    *http.ServeMux
	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	// running counts what Close waits for: requests, webhooks, the timer.
	running sync.WaitGroup

	mu     sync.Mutex // never held while waiting for anything
	closed bool
	timer  *time.Timer
	wake   time.Time // what the timer is set for; zero when there is none
	config Config
	state
}

// state is what Reset begins anew.
type state struct {
	agenda     agenda
	planned    int
	ids        ids
	dice       *rand.Rand             // for times
	chance     *rand.Rand             // for faults
	versions   map[[2]string]int64    // the integer ids of app versions, by name and version
	made       int                    // deployments, ever
	byID       map[string]*deployment // those that run or are on their way
	shelves    map[label]*shelf       // the same, by what a session looks for
	sessions   map[string]*session    // all that ever existed
	order      []*session             // the same, in the order of their making
	listed     roll                   // those of them that the API lists
	bucket     bucket
	faults     []Fault
	requests   []*Request
	webhooks   []Webhook
	deliveries int           // ever; webhooks has the last
	delivered  chan struct{} // closed with the next webhook
}

// New returns a running emulator. Close it. It panics if the configuration is
// not Valid.
func New(config Config) *Emulator {
	if err := config.Valid(); err != nil {
		panic(err)
	}
	e := &Emulator{clock: newClock(config.Speed), config: config.clone()}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	e.mux = newMux(e)
	e.state = newState(config.Seed)
	return e
}

func newState(seed uint64) state {
	return state{
		ids:       ids{seed: seed},
		dice:      rand.New(rand.NewPCG(seed, 0)),
		chance:    rand.New(rand.NewPCG(seed, 1)),
		delivered: make(chan struct{}),
		versions:  map[[2]string]int64{},
		byID:      map[string]*deployment{},
		shelves:   map[label]*shelf{},
		sessions:  map[string]*session{},
	}
}

// Close ends every request, webhook and timer, and waits for them. Afterwards
// requests find the connection refused or closed. A second Close does nothing.
func (e *Emulator) Close() {
	e.mu.Lock()
	e.closed = true
	e.rest()
	e.mu.Unlock()
	e.cancel()
	e.running.Wait()
}

// Reset forgets every session, deployment, planned fault and record, and
// begins the ids anew. The configuration stays.
func (e *Emulator) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reset()
}

// ResetTo is Configure and Reset at once.
func (e *Emulator) ResetTo(config Config) error {
	if err := config.Valid(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.config = config.clone()
	e.reset()
	return nil
}

func (e *Emulator) reset() {
	delivered := e.delivered
	e.state = newState(e.config.Seed)
	close(delivered) // who waits for webhooks begins anew, too
	e.rest()
}

// Config returns the present configuration.
func (e *Emulator) Config() Config {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.config
}

// Configure changes the configuration from now on, if it is Valid. Sessions and
// deployments that exist stay as they are.
func (e *Emulator) Configure(config Config) error {
	if err := config.Valid(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.config = config.clone()
	return nil
}

// enter counts a piece of work among those that Close ends and waits for. Its
// context ends with the one given and with the emulator; leave must be called.
// It is not ok when the emulator is closed.
func (e *Emulator) enter(parent context.Context) (ctx context.Context, leave func(), ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, nil, false
	}
	e.running.Add(1)
	ctx, cancel := context.WithCancel(parent)
	stop := context.AfterFunc(e.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
		e.running.Done()
	}, true
}

// ids makes ids that look random, never repeat, and are the same for the same
// seed: a counter that passes through a bijection of 48 bits.
type ids struct{ seed, n uint64 }

func (i *ids) next() uint64 {
	const mask = 1<<48 - 1
	i.n++
	x := (i.seed*0x9e3779b97f4b + i.n) & mask
	for range 2 {
		x ^= x >> 24
		x = x * 0xff51afd7ed55 & mask
	}
	return x ^ x>>24
}
