package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/edgegap-community/edgegap/sessions"
)

func TestTheProgram(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	output, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-addr", "localhost:0", "-key", "k3y", "-ready-after", "0s", "-sockets", "3", "-kind", "Match"}, stdout, io.Discard)
		stdout.Close()
	}()
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-ended)
	}
	base := regexp.MustCompile(`http://\S+`).FindString(line)
	client, err := sessions.New("k3y", sessions.WithBaseURL(base))
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	s, err := client.CreateAndWait(ctx, sessions.CreateRequest{AppName: "arena", IPList: []string{"203.0.113.7"}})
	if err != nil || s.Kind != "Match" || s.Deployment.Sockets != 3 {
		t.Errorf("%+v, %v", s, err)
	}
	// Only openapi.yaml knows that a longitude is required.
	request, err := http.NewRequestWithContext(ctx, "POST", base+"/v1/session",
		strings.NewReader(`{"app_name": "arena", "geo_ip_list": [{"ip": "203.0.113.7", "latitude": 1}]}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token k3y")
	request.Header.Set("Content-Type", "application/json")
	refused, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	refused.Body.Close()
	if refused.StatusCode != 400 {
		t.Errorf("what openapi.yaml forbids: %d", refused.StatusCode)
	}
	response, err := http.Get(base + prefix)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if !strings.Contains(string(text), prefix+"faults") {
		t.Errorf("GET %s: %s", prefix, text)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("after a stop: %v", err)
	}
}

func TestFlags(t *testing.T) {
	var help bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, io.Discard, &help); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
	for _, name := range []string{"-addr", "-key", "-seed", "-speed", "-ready-after", "-kind", "-sockets", "-autodeploy", prefix} {
		if !strings.Contains(help.String(), name) {
			t.Errorf("the help does not tell of %s:\n%s", name, help.String())
		}
	}
	for _, args := range [][]string{
		{"-kind", "seats"}, {"-sockets", "-1"}, {"-speed", "0"}, {"-ready-after", "-1s"}, {"-port", "1"}, {"serve"}, {"-addr", "localhost:http:1"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v: taken", args)
		}
	}
	_, config, err := parse([]string{"-autodeploy=false", "-seed", "7", "-speed", "2.5"}, io.Discard)
	if err != nil || !config.Apps[0].NoAutodeploy || config.Seed != 7 || config.Speed != 2.5 {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestAPortThatIsTaken(t *testing.T) {
	output, stdout := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-addr", "localhost:0"}, stdout, io.Discard) }()
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimPrefix(regexp.MustCompile(`http://\S+`).FindString(line), "http://")
	if err := run(ctx, []string{"-addr", addr}, io.Discard, io.Discard); err == nil {
		t.Error("two programs at one port")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
