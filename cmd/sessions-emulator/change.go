package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/edgegap-community/edgegap/internal/emulator"
)

// running is the error of a change to a deployment that perhaps does not run.
func running(err error) error {
	if err != nil {
		return refuse(http.StatusNotFound, "request_id: there is no such deployment, or it has ended")
	}
	return nil
}

func (c *controls) setStatus(o order) error {
	var wanted struct {
		Status string `json:"status"`
	}
	if err := decode(o.body, &wanted); err != nil {
		return err
	}
	if c.e.SetStatus(o.params["session_id"], wanted.Status) != nil {
		return refuse(http.StatusNotFound, "session_id: there is no such session, or it is deleted")
	}
	return nil
}

func (c *controls) setJoinable(o order) error {
	var wanted struct {
		Joinable bool `json:"joinable"`
	}
	if err := decode(o.body, &wanted); err != nil {
		return err
	}
	return running(c.e.SetJoinable(o.params["request_id"], wanted.Joinable))
}

func (c *controls) deploy(o order) (any, error) {
	var wanted struct {
		AppName     string   `json:"app_name"`
		VersionName string   `json:"version_name"`
		Tags        []string `json:"tags"`
	}
	if err := decode(o.body, &wanted); err != nil {
		return nil, err
	}
	id, err := c.e.Deploy(wanted.AppName, wanted.VersionName, wanted.Tags...)
	return map[string]string{"request_id": id}, err
}

// plan takes one fault, or a list of which all or none are planned.
func (c *controls) plan(o order) error {
	if bytes.HasPrefix(bytes.TrimSpace(o.body), []byte("[")) {
		var wanted []emulator.Fault
		if err := decode(o.body, &wanted); err != nil {
			return err
		}
		return c.e.FailNext(wanted...)
	}
	var wanted emulator.Fault
	if err := decode(o.body, &wanted); err != nil {
		return err
	}
	if err := c.e.FailNext(wanted); err != nil {
		return errors.New(strings.Replace(err.Error(), "faults[0].", "", 1))
	}
	return nil
}

func (c *controls) configure(o order) error {
	now := settingsOf(c.e.Config())
	wanted, err := c.start.with(o.body)
	switch {
	case err != nil:
		return err
	case wanted.Speed != now.Speed:
		return errors.New("speed: is settled at the start")
	case wanted.Seed != now.Seed:
		return errors.New("seed: is settled at the start")
	}
	return c.e.Configure(wanted.config())
}

// longestWait is how long a request for webhooks may take.
const longestWait = time.Minute

// webhooks are those that have ended, as soon as there are as many as asked for.
func (c *controls) webhooks(o order) (any, error) {
	n, _ := strconv.Atoi(o.query.Get("wait")) // an integer, by controls.yaml
	timeout := 10 * time.Second
	if o.query.Has("timeout") {
		var err error
		if timeout, err = time.ParseDuration(o.query.Get("timeout")); err != nil || timeout < 0 || timeout > longestWait {
			return nil, errors.New("timeout: must be a duration such as 1.5s, at most 60s")
		}
	}
	ctx, cancel := context.WithTimeout(o.Context(), timeout)
	defer cancel()
	ended, err := c.e.WaitWebhooks(ctx, n)
	if err != nil {
		return nil, &refusal{http.StatusGatewayTimeout, tooFew{
			message{fmt.Sprintf("%d of %d deliveries have ended", len(ended), n)}, ended}}
	}
	return ended, nil
}

type tooFew struct {
	message
	Webhooks []emulator.Webhook `json:"webhooks"`
}
