package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// row is a line of the table.
type row struct {
	Number      int
	What, Bound string
	Ours        string
	Reached     bool
	Elsewhere   []string // what others need, in the order of rivals
}

var rivals = []string{"naive", "resty", "ClientWithResponses", "floor"}

// bench measures everything and prints the table in Markdown.
func bench(rounds int) error {
	rows, err := measureRows(rounds)
	if err != nil {
		return err
	}
	virtual, err := virtualRows()
	if err != nil {
		return err
	}
	program, err := programRows()
	if err != nil {
		return err
	}
	rows = slices.Concat(rows, virtual, program)
	slices.SortStableFunc(rows, func(a, b row) int { return a.Number - b.Number })

	fmt.Printf("%s, %s, %s/%s, %d cores (%s), resty %s, medians of %d rounds, for rows 1 and 2 of twice as many\n\n", time.Now().UTC().Format(time.DateOnly),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), processor(), version("github.com/go-resty/resty/v2"), rounds)
	fmt.Println("| # | what | bound | ours | reached |", strings.Join(rivals, " | "), "|")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		reached := ""
		if r.Bound != "" {
			reached = "no"
			if r.Reached {
				reached = "yes"
			}
		}
		cells := append(r.Elsewhere, "", "", "", "")[:len(rivals)]
		fmt.Printf("| %d | %s | %s | %s | %s | %s |\n", r.Number, r.What, r.Bound, r.Ours, reached, strings.Join(cells, " | "))
	}
	return nil
}

// measureRows are those that take processes and real time.
func measureRows(rounds int) ([]row, error) {
	m := measured{}
	everybody := func(workload string) []job {
		jobs := []job{{"ours", workload}}
		for _, name := range rivals {
			jobs = append(jobs, job{name, workload})
		}
		return jobs
	}
	for _, jobs := range [][]job{
		append(everybody("get before a deadline"), job{"ours", "get"}),
		append(everybody("create before a deadline"), job{"ours", "create"}),
	} {
		if err := m.alternate(2*rounds, jobs...); err != nil { // so short that chance weighs more
			return nil, err
		}
	}
	for _, jobs := range [][]job{
		everybody("list"),
		everybody("crowd"),
		everybody("walk of 100 pages"),
		{{"ours", "walk of 10 pages"}, {"ours", "walk of 1,000 pages"}},
		{{"ours", "slow consumer"}, {"ours", "prefetch"}},
	} {
		if err := m.alternate(rounds, jobs...); err != nil {
			return nil, err
		}
	}

	seconds := func(r result) float64 { return r.Seconds }
	allocations := func(r result) float64 { return r.Allocations }
	bytes := func(r result) float64 { return r.Bytes }
	connections := func(r result) float64 { return r.Connections }
	rate := func(r result) float64 { return r.Rate }
	peak := func(r result) float64 { return r.Peak }
	growth := m.paired(job{"ours", "walk of 1,000 pages"}, job{"ours", "walk of 10 pages"}, peak, func(a, b float64) float64 { return (a - b) / (1 << 20) })
	prefetch := m.paired(job{"ours", "slow consumer"}, job{"ours", "prefetch"}, seconds, ratio)
	unbounded := func(number int, what, workload string) row {
		return row{Number: number, What: what, Ours: fmt.Sprintf("%.0f", median(m.values(job{"ours", workload}, allocations)))}
	}
	return []row{
		m.absolute(1, "get one session of 1.2 KB: allocations", "get before a deadline", allocations, 92),
		unbounded(1, "the same without a deadline of the caller's", "get"),
		m.againstNaive(1, "the same: time against naive", "get before a deadline", seconds, atMost(0.95)),
		m.absolute(2, "create: allocations", "create before a deadline", allocations, 76),
		unbounded(2, "the same without a deadline of the caller's", "create"),
		m.againstNaive(2, "the same: time against naive", "create before a deadline", seconds, atMost(1.08)),
		m.againstNaive(3, "page of 1,000: time against naive", "list", seconds, atMost(0.50)),
		m.againstNaive(3, "the same: bytes against naive", "list", bytes, atMost(0.50)),
		m.absolute(4, "20,000 gets from 64, then from 256 goroutines: connections opened", "crowd", connections, 64),
		m.againstNaive(5, "requests a second at 256 goroutines against naive", "crowd", rate, atLeast(1.9)),
		m.againstNaive(6, "walk over 100 pages of 1,000: time against naive", "walk of 100 pages", seconds, atMost(0.45)),
		m.againstNaive(6, "the same: bytes against naive", "walk of 100 pages", bytes, atMost(0.12)),
		{6, "the same: growth of the process's memory from 10 to 1,000 pages", "≤ 8 MiB", fmt.Sprintf("%.1f MiB", median(growth)), median(growth) <= 8, nil},
		{7, "20 ms server, consumer of 20 ms a page: how much faster with Prefetch", "≥ 1.60x", fmt.Sprintf("%.2fx", median(prefetch)), median(prefetch) >= 1.6, nil},
	}, nil
}

// bound is a limit on a ratio.
type bound struct {
	text  string
	holds func(float64) bool
}

func atMost(most float64) bound {
	return bound{fmt.Sprintf("≤ %.2fx", most), func(v float64) bool { return v <= most }}
}

func atLeast(least float64) bound {
	return bound{fmt.Sprintf("≥ %.2fx", least), func(v float64) bool { return v >= least }}
}

// absolute is a row of counts.
func (m measured) absolute(number int, what, workload string, of func(result) float64, most float64) row {
	ours := median(m.values(job{"ours", workload}, of))
	r := row{Number: number, What: what, Bound: fmt.Sprintf("≤ %.0f", most), Ours: fmt.Sprintf("%.0f", ours), Reached: ours < most+0.5}
	for _, name := range rivals {
		r.Elsewhere = append(r.Elsewhere, fmt.Sprintf("%.0f", median(m.values(job{name, workload}, of))))
	}
	return r
}

// againstNaive is a row of ratios: their medians and, for ours, the range.
func (m measured) againstNaive(number int, what, workload string, of func(result) float64, b bound) row {
	against := func(name string) []float64 {
		return m.paired(job{name, workload}, job{"naive", workload}, of, ratio)
	}
	ours := against("ours")
	middle := median(ours)
	r := row{
		Number: number, What: what, Bound: b.text, Reached: b.holds(middle),
		Ours: fmt.Sprintf("%.2fx (%.2f to %.2f)", middle, slices.Min(ours), slices.Max(ours)),
	}
	for _, name := range rivals {
		r.Elsewhere = append(r.Elsewhere, fmt.Sprintf("%.2fx", median(against(name))))
	}
	return r
}

func (m measured) values(j job, of func(result) float64) []float64 {
	var values []float64
	for _, r := range m[j] {
		values = append(values, of(r))
	}
	return values
}

// paired compares what the two jobs measured in each round.
func (m measured) paired(a, b job, of func(result) float64, compare func(a, b float64) float64) []float64 {
	values := m.values(a, of)
	for i, v := range m.values(b, of) {
		values[i] = compare(values[i], v)
	}
	return values
}

func ratio(a, b float64) float64 { return a / b }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// virtualRows are those that the tests of this module measure in virtual time:
// they hand over each row as an attribute, and fail when it is not reached.
func virtualRows() ([]row, error) {
	test := exec.Command("go", "test", "-count=1", "-json", "-run", "^TestRow", ".")
	test.Stderr = os.Stderr
	out, err := test.Output()
	var rows []row
	for line := range bytes.Lines(out) {
		var event struct{ Action, Output, Key, Value string }
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("go test: %w", err)
		}
		switch {
		case event.Action == "attr" && event.Key == rowAttribute:
			var r row
			if err := json.Unmarshal([]byte(event.Value), &r); err != nil {
				return nil, fmt.Errorf("go test: attribute: %w", err)
			}
			rows = append(rows, r)
		case event.Action == "output" && err != nil:
			fmt.Fprint(os.Stderr, event.Output)
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("go test: no rows: %w", err)
	}
	return rows, nil // what failed is said in its row
}

const rowAttribute = "row"

func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	_, rest, _ := strings.Cut(string(info), "model name")
	name, _, _ := strings.Cut(strings.TrimLeft(rest, "\t :"), "\n")
	return name
}

// version is that of a module which this program was built with.
func version(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}
