package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// A scenario gives the same whoever plays it: Go, or a shell script with curl.
func TestTheScenario(t *testing.T) {
	scenario, err := os.ReadFile("testdata/scenario.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name, play := range map[string]func(t *testing.T, base, scenario string) string{"Go": playInGo, "curl": playWithCurl} {
		t.Run(name, func(t *testing.T) {
			got := play(t, start(t, "-config", "testdata/scenario.yaml", "-key", "k3y"), string(scenario))
			if got == string(scenario) {
				return
			}
			lines, wanted := strings.Split(got, "\n"), strings.Split(string(scenario), "\n")
			for i := range max(len(lines), len(wanted)) {
				if i >= len(lines) || i >= len(wanted) || lines[i] != wanted[i] {
					t.Fatalf("from line %d on, it went\n%s", i+1, strings.Join(lines[min(i, len(lines)):], "\n"))
				}
			}
		})
	}
}

func playWithCurl(t *testing.T, base, scenario string) string {
	for _, program := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s", program)
		}
	}
	var transcript, stderr bytes.Buffer
	c := exec.CommandContext(t.Context(), "sh", "testdata/scenario.sh", base)
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(scenario), &transcript, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return transcript.String()
}

func playInGo(t *testing.T, base, scenario string) string {
	// No connection is used twice, or the transport would try again by itself.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	times := regexp.MustCompile(`"(create_time|created|time|elapsed)":("[^"]*"|[0-9]+)`)
	var transcript strings.Builder
	key, values := "any", map[string]string{}
	lines := strings.SplitAfter(scenario, "\n")
	for i := 0; i < len(lines); i++ {
		transcript.WriteString(lines[i])
		step := strings.TrimSuffix(lines[i], "\n")
		if given, ok := strings.CutPrefix(step, "key "); ok {
			key = given
			continue
		}
		if step == "" || step[0] == '#' {
			continue
		}
		for name, value := range values {
			step = strings.ReplaceAll(step, name, value)
		}
		answer := ask(t, client, key, base, step)
		i++
		for _, found := range regexp.MustCompile(`"([a-z_]+)":"(\$[a-z]+)"`).FindAllStringSubmatch(lines[i], -1) {
			if values[found[2]] == "" {
				values[found[2]] = first(`"`+found[1]+`":"([^"]*)"`, answer)
			}
		}
		for name, value := range values {
			answer = strings.ReplaceAll(answer, value, name)
		}
		fmt.Fprintln(&transcript, times.ReplaceAllString(answer, `"$1":"*"`))
	}
	return transcript.String()
}

func first(pattern, text string) string {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return "?"
	}
	return found[1]
}

// ask sends "METHOD /path body", and gives "STATUS body".
func ask(t *testing.T, client *http.Client, key, base, step string) string {
	t.Helper()
	method, rest, _ := strings.Cut(step, " ")
	path, body, _ := strings.Cut(rest, " ")
	request, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "token "+key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(request)
	if err != nil {
		return "no answer"
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "no answer"
	}
	return strings.TrimSpace(fmt.Sprint(response.StatusCode) + " " + strings.TrimRight(string(text), "\n"))
}
