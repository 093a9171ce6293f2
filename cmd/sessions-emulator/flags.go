package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// options are what the program is started with.
type options struct {
	addr   string
	quiet  bool
	config emulator.Config
}

const about = `sessions-emulator imitates the Edgegap Sessions API on this machine. Its state is
in memory. It prints one line with its address when it listens, and a line for
each call on stderr.

  sessions-emulator [flags]
  curl -H 'authorization: token any' localhost:8080/v1/sessions

Flags:
`

const more = `
The file of -config is YAML (or JSON), for example

` + example + `
with all the settings that "curl localhost:8080` + prefix + `config" shows and
"curl localhost:8080" explains. A flag that is given wins over the file; -kind,
-sockets and -autodeploy can't be given if the file has apps.

Controls for tests are beside the API: what was asked, statuses, faults,
settings, webhooks. "curl localhost:8080" tells them, and
"curl localhost:8080` + prefix + `openapi.yaml" is their OpenAPI document.

Exit codes: 0 after an interrupt, a SIGTERM or -help; 2 for a mistake in the
flags or the file; 1 for everything else, such as a port that is taken.
`

const example = `  apps:
    - name: arena
      version: 1.4.0
      kind: Seat
      sockets: 4
    - name: broken
      fails_to_start: true
  ready_after: 500ms
  rate_limit:
    per_second: 10
    retry_after: 1
  unknown:
    nulls: true
`

// parse reads the flags, and the file that they name.
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	var app emulator.App
	var autodeploy bool
	var file, key string
	s := settings{}
	flags := flag.NewFlagSet("sessions-emulator", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	flags.StringVar(&o.addr, "addr", "localhost:8080", "`host:port` to listen on; port 0 takes a free one")
	flags.StringVar(&file, "config", "", "read settings from this YAML `file`")
	flags.StringVar(&key, "key", "", "take only this API `key`, with or without the word token before it; by default every key is taken")
	flags.Uint64Var(&s.Seed, "seed", 0, "ids, drawn times and shares of faults come from this `number`")
	flags.Float64Var(&s.Speed, "speed", 1, "the `factor` by which its time passes faster than the clock, 0.001 to 1e6")
	flags.DurationVar(&s.ReadyAfter, "ready-after", 2*time.Second, "how long after its creation a session is Ready; 0s is at once")
	flags.StringVar(&app.Kind, "kind", emulator.KindSeat, "the `kind` of every app: Seat (a socket for each user), Match (one for each session) or Default (no sessions)")
	flags.IntVar(&app.Sockets, "sockets", 10, "the `number` of sockets of each deployment")
	flags.BoolVar(&autodeploy, "autodeploy", true, "start a deployment when none fits")
	flags.BoolVar(&o.quiet, "quiet", false, "write no line for each call")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, about)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		fmt.Fprint(stdout, more)
		return o, err
	case err != nil:
		return o, err
	case flags.NArg() > 0:
		return o, fmt.Errorf("word %d: there are no arguments, only flags", len(args)-flags.NArg()+1) // it may be a key
	case !isAddress(o.addr):
		return o, errors.New("-addr must be host:port, such as localhost:8080")
	case !(s.Speed >= 0.001 && s.Speed <= 1e6):
		return o, errors.New("-speed must be 0.001 to 1e6")
	case s.ReadyAfter < 0:
		return o, errors.New("-ready-after must not be negative")
	case key != "" && !isKey(bare(key)):
		return o, errors.New("-key must be one word of visible ASCII, and not the word token")
	}
	if file != "" {
		if s, err = s.withFile(file); err != nil {
			return o, err
		}
		flags.Visit(func(f *flag.Flag) {
			if len(s.Apps) > 0 && slices.Contains([]string{"kind", "sockets", "autodeploy"}, f.Name) {
				err = fmt.Errorf("-%s: the apps are those of %s, so say it there", f.Name, file)
			}
		})
		if err != nil {
			return o, err
		}
		flags.Parse(args) // once more, as a flag wins over the file
	}
	if len(s.Apps) == 0 {
		app.NoAutodeploy = !autodeploy
		s.Apps = []emulator.App{app}
	}
	o.config = s.config()
	o.config.Key = bare(key)
	if err := o.config.Valid(); err != nil {
		return o, blame(err, flags, file)
	}
	return o, nil
}

// blame has an error say -ready-after for ready_after if the flag was given. One
// in which no flag has a part is the file's.
func blame(err error, flags *flag.FlagSet, file string) error {
	settings := plain(err).Error()
	text := settings
	flags.Visit(func(f *flag.Flag) {
		setting := regexp.MustCompile(`(apps\[0\]\.)?\b` + strings.ReplaceAll(f.Name, "-", "_") + `\b`)
		text = setting.ReplaceAllString(text, "-"+f.Name)
	})
	if text == settings {
		text = file + ": " + text
	}
	return errors.New(text)
}

// bare is a key without the white space and the word token around it, with which
// people paste it.
func bare(key string) string {
	const word = "token "
	key = strings.TrimSpace(key)
	if len(key) > len(word) && strings.EqualFold(key[:len(word)], word) {
		key = strings.TrimSpace(key[len(word):])
	}
	return key
}

func isKey(key string) bool {
	return key != "" && !strings.EqualFold(key, "token") && !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isAddress(addr string) bool {
	_, _, err := net.SplitHostPort(addr)
	return err == nil
}
