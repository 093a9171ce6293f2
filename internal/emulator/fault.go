package emulator

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"
)

// Fault is something that goes wrong with one call or several. Its fields are
// told at sessionstest.Fault.
type Fault struct {
	Operation  string        `json:"operation"`
	Times      int           `json:"times"`
	Delay      time.Duration `json:"delay"`
	Status     int           `json:"status"`
	RetryAfter string        `json:"retry_after"`
	Body       string        `json:"body"`
	Break      Break         `json:"break"`
	Done       bool          `json:"done"`
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
// Each call takes the first that is for its operation. A fault that cannot be
// is an error, and none of them is planned.
func (e *Emulator) FailNext(faults ...Fault) error {
	for _, f := range faults {
		switch {
		case f.Operation != "" && !slices.Contains(operationNames(), f.Operation):
			return errors.New("emulator: fault: there is no such operation")
		case f.Times < 0 || f.Delay < 0:
			return errors.New("emulator: fault: times and delay must not be negative")
		case f.Status != 0 && (f.Status < 200 || f.Status > 599):
			return errors.New("emulator: fault: status must be 200 to 599")
		case !slices.Contains([]Break{"", BreakReset, BreakStall, BreakCut, BreakGarble}, f.Break):
			return errors.New("emulator: fault: break must be reset, stall, cut or garble")
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, faults...)
	return nil
}

func operationNames() (names []string) {
	for _, name := range operations {
		names = append(names, name)
	}
	return names
}

// ForgetFaults takes back every planned fault that has not struck yet.
func (e *Emulator) ForgetFaults() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = nil
}

// fault takes the next one planned for the operation; the zero Fault is none.
func (e *Emulator) fault(operation string) Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.faults {
		f := &e.faults[i]
		if f.Operation != "" && f.Operation != operation {
			continue
		}
		taken := *f
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
	if f.RetryAfter != "" {
		a.header.Set("Retry-After", f.RetryAfter)
	}
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
