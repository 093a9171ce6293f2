// Command bench measures package sessions against other ways to do the same
// job, prints a table, and says of each bound whether it was reached.
//
// Each measurement is a process of its own, with a server in another. The
// contestants take turns, for several rounds: a ratio is that of two processes
// that ran one after the other, and the table gives the median over the rounds.
// Nothing leaves the machine.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 9, "processes of each contestant and workload")
	flag.Parse()
	var err error
	switch flag.Arg(0) {
	case "":
		err = bench(*rounds)
	case "serve":
		var delay time.Duration
		if delay, err = time.ParseDuration(flag.Arg(1)); err == nil {
			err = serve(delay)
		}
	case "measure":
		err = measure(flag.Arg(1), flag.Arg(2), flag.Arg(3))
	default:
		err = errors.New("no arguments are taken: serve and measure are for the processes that this one starts")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// job is a contestant's workload.
type job struct{ contestant, workload string }

// measured holds the results of a job, by round.
type measured map[job][]result

// alternate runs the jobs in turn, rounds times. Every other round goes
// backwards, so that none is always first.
func (m measured) alternate(rounds int, jobs ...job) error {
	for round := range rounds {
		for i := range jobs {
			if round%2 == 1 {
				i = len(jobs) - 1 - i
			}
			r, err := jobs[i].run()
			if err != nil {
				return fmt.Errorf("%s: %s: %w", jobs[i].contestant, jobs[i].workload, err)
			}
			m[jobs[i]] = append(m[jobs[i]], r)
		}
		fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", jobs[0].workload, round+1, rounds)
	}
	return nil
}

// run measures the job in a new process, with a server in another.
func (j job) run() (r result, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	delay := time.Duration(0)
	if j.workload == "slow consumer" || j.workload == "prefetch" {
		delay = slowness
	}
	server := exec.Command(self, "serve", delay.String())
	server.Stderr = os.Stderr
	lifeline, err := server.StdinPipe()
	if err != nil {
		return r, err
	}
	said, err := server.StdoutPipe()
	if err != nil {
		return r, err
	}
	if err := server.Start(); err != nil {
		return r, err
	}
	defer func() {
		lifeline.Close()
		io.Copy(io.Discard, said)
		err = errors.Join(err, server.Wait())
	}()
	line := bufio.NewScanner(said)
	if !line.Scan() {
		return r, errors.New("the server did not start")
	}

	client := exec.Command(self, "measure", j.contestant, j.workload, line.Text())
	client.Stderr = os.Stderr
	out, err := client.Output()
	if err != nil {
		return r, err
	}
	err = json.Unmarshal(out, &r)
	if usage, ok := client.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.Peak = float64(usage.Maxrss) * 1024 // Linux counts in KiB
	}
	return r, err
}

// measure is the process of one job: it prints its result as JSON.
func measure(name, workload, url string) error {
	enter, known := contestants[name]
	work, can := workloads[workload]
	if !known || !can {
		return fmt.Errorf("no contestant %q with a workload %q", name, workload)
	}
	c, err := enter(url)
	if err != nil {
		return err
	}
	r, err := work(context.Background(), c, url)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}
