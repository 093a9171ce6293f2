// Command plain creates a session, waits until it is ready and deletes it, with
// the standard library alone.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

type session struct {
	SessionID  string `json:"session_id"`
	Ready      bool   `json:"ready"`
	Deployment struct {
		Ports map[string]struct {
			Link string `json:"link"`
		} `json:"ports"`
	} `json:"deployment"`
}

func run(ctx context.Context) error {
	var s session
	if err := call(ctx, "POST", "", map[string]any{"app_name": "arena", "ip_list": []string{"203.0.113.7"}}, &s); err != nil {
		return err
	}
	for !s.Ready {
		time.Sleep(time.Second)
		if err := call(ctx, "GET", "/"+s.SessionID, nil, &s); err != nil {
			return err
		}
	}
	for _, port := range s.Deployment.Ports {
		fmt.Println(port.Link)
	}
	return call(ctx, "DELETE", "/"+s.SessionID, nil, &s)
}

func call(ctx context.Context, method, path string, body, answer any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://api.edgegap.com/v1/session"+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "token "+os.Getenv("EDGEGAP_API_KEY"))
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", method, res.Status)
	}
	content, err = io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, answer)
}
