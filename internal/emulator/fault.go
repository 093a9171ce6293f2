package emulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Fault is something that goes wrong with one call or several. Its fields are
// told at sessionstest.Fault.
type Fault struct {
	Operation string            `json:"operation"`
	Times     int               `json:"times"`
	Share     float64           `json:"share"`
	Delay     time.Duration     `json:"delay"`
	Status    int               `json:"status"`
	Headers   map[string]string `json:"headers"`
	Body      string            `json:"body"`
	Slow      time.Duration     `json:"slow"`
	Break     Break             `json:"break"`
	Done      bool              `json:"done"`
}

// Break is how an answer is harmed on its way.
type Break = string

// The ways an answer can be harmed. They are told at sessionstest.Fault.
const (
	BreakReset  Break = "reset"
	BreakStall  Break = "stall"
	BreakCut    Break = "cut"
	BreakGarble Break = "garble"
)

// FailNext plans faults, in the order given, behind those planned already.
// Each call takes the first that is for its operation and, if it has a share,
// strikes by the dice. A fault that cannot be is an error, and none of them is
// planned.
func (e *Emulator) FailNext(faults ...Fault) error {
	for i, f := range faults {
		if err := f.valid(); err != nil {
			return fmt.Errorf("faults[%d].%w", i, err)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range faults {
		f.Headers = maps.Clone(f.Headers)
		e.faults = append(e.faults, f)
	}
	return nil
}

func (f Fault) valid() error {
	names := slices.Sorted(maps.Values(operations))
	breaks := []Break{BreakReset, BreakStall, BreakCut, BreakGarble}
	switch {
	case f.Operation != "" && !slices.Contains(names, f.Operation):
		return fmt.Errorf("operation must be one of %s", strings.Join(names, ", "))
	case f.Times < 0:
		return errors.New("times must not be negative")
	case !(f.Share >= 0 && f.Share <= 1):
		return errors.New("share must be 0 to 1")
	case f.Delay < 0:
		return errors.New("delay must not be negative")
	case f.Slow < 0:
		return errors.New("slow must not be negative")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return errors.New("status must be 200 to 599")
	case f.Body != "" && f.Status == 0:
		return errors.New("body needs a status")
	case (f.Status == http.StatusNoContent || f.Status == http.StatusNotModified) && (f.Body != "" || f.Slow > 0 || f.Break == BreakCut || f.Break == BreakGarble):
		return errors.New("status has no body to be sent, slow, cut or garbled")
	case f.Break != "" && !slices.Contains(breaks, f.Break):
		return fmt.Errorf("break must be one of %s", strings.Join(breaks, ", "))
	}
	for name, value := range f.Headers {
		if !isHeader(name, value) {
			return fmt.Errorf("headers: %q is not a header", name)
		}
	}
	return nil
}

// ForgetFaults takes back every planned fault that has not struck yet, and
// returns them.
func (e *Emulator) ForgetFaults() []Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	forgotten := list(e.faults)
	e.faults = nil
	return forgotten
}

// fault takes the next one planned for the operation; the zero Fault is none.
func (e *Emulator) fault(operation string) Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.faults {
		f := &e.faults[i]
		if f.Operation != "" && f.Operation != operation || f.Share > 0 && e.chance.Float64() >= f.Share {
			continue
		}
		taken := *f
		if f.Times == 0 && f.Share > 0 {
			return taken // until it is forgotten
		}
		if f.Times--; f.Times <= 0 {
			e.faults = slices.Delete(e.faults, i, i+1)
		}
		return taken
	}
	return Fault{}
}

// answer is the one that a fault with a status gives.
func (f Fault) answer() *answer {
	a := &answer{header: http.Header{}}
	if f.Body == "" {
		writeError(a, refuse(f.Status, "a planned fault"))
		return a
	}
	a.header.Set("Content-Type", http.DetectContentType([]byte(f.Body)))
	if f.Body[0] == '{' || f.Body[0] == '[' {
		a.header.Set("Content-Type", "application/json")
	}
	a.WriteHeader(f.Status)
	a.Write([]byte(f.Body))
	return a
}

// garbled is a body of the same length that is JSON no more: its bytes from
// last to first.
func garbled(body []byte) []byte {
	body = slices.Clone(body)
	slices.Reverse(body)
	return body
}

// sleep waits in the process's time. It is false if the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// reset drops the connection so that the client sees it reset, not ended.
func reset(w http.ResponseWriter) {
	if m, ok := w.(*exchange); ok {
		m.reset()
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // not a connection of its own
	}
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = tls.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	conn.Close()
}
