// Package browsertest tests the emulator's page in Chromium, which must be installed.
// Run it with -count=1: the test cache does not notice changes of the page.
package browsertest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

var program string          // path of the built program
var browser context.Context // that new tabs belong to

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, _ := os.MkdirTemp("", "")
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "edgegap-sessions")
	if output, err := exec.Command("go", "build", "-C", "..", "-o", program, ".").CombinedOutput(); err != nil {
		log.Fatalf("%v: %s", err, output)
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.WindowSize(1280, 800), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))...)
	defer stop()
	browser, _ = chromedp.NewContext(allocator)
	if err := chromedp.Do(browser); err != nil { // starts it
		log.Fatal(err)
	}
	return m.Run()
}

// emulator is a running emulator with its page in a tab.
type emulator struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
	tab context.Context
}

func open(t *testing.T) *emulator {
	t.Helper()
	e := &emulator{t: t}
	e.start("localhost:0")
	ctx, stop := context.WithTimeout(browser, 3*time.Minute)
	t.Cleanup(stop)
	e.tab, _ = chromedp.NewContext(ctx)
	if err := chromedp.Listen(e.tab, func(event any) {
		switch event := event.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("exception: %v", event.ExceptionDetails)
		case *cdplog.EventEntryAdded:
			if event.Entry.Source == cdplog.EntrySourceSecurity {
				t.Errorf("security: %s", event.Entry.Text)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	e.do(chromedp.Navigate(e.url))
	e.wait(`document.getElementById('live').textContent === 'live'`)
	return e
}

func (e *emulator) start(addr string) {
	e.t.Helper()
	e.cmd = exec.Command(program, "emulator", "--addr", addr, "--ready-after", "300ms", "--quiet")
	stdout, err := e.cmd.StdoutPipe()
	if err == nil {
		err = e.cmd.Start()
	}
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { e.cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		e.t.Fatal(err)
	}
	e.url = strings.TrimSpace(line[strings.Index(line, "http"):])
}

func (e *emulator) do(steps ...chromedp.Action[chromedp.Void]) {
	e.t.Helper()
	if err := chromedp.Do(e.tab, steps...); err != nil {
		e.t.Fatal(err)
	}
}

func (e *emulator) click(selector string) {
	e.t.Helper()
	e.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// eval returns the value of an expression in the page.
func (e *emulator) eval(js string) string {
	e.t.Helper()
	value, err := chromedp.Run(e.tab, chromedp.Evaluate[string](js))
	if err != nil {
		e.t.Fatal(err)
	}
	return value
}

// wait checks a condition in each frame of the page, for at most 20 s.
func (e *emulator) wait(condition string) {
	e.t.Helper()
	js := fmt.Sprintf(`new Promise((met, missed) => { const end = performance.now() + 20000; (function check() {
		if (%s) met(true); else if (performance.now() > end) missed(new Error(document.body.innerText)); else requestAnimationFrame(check) })() })`, condition)
	if _, err := chromedp.Run(e.tab, chromedp.Evaluate[bool](js, chromedp.EvalAwaitPromise)); err != nil {
		e.t.Fatalf("%s: %v", condition, err)
	}
}

// call makes a request to the API.
func (e *emulator) call(method, path, body string) (status int, response string) {
	e.t.Helper()
	req, _ := http.NewRequest(method, e.url+path, strings.NewReader(body))
	req.Header.Set("Authorization", "token any")
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	res.Body.Close()
	return res.StatusCode, string(text)
}

// create returns the id of a new session with two users.
func (e *emulator) create(webhookURL string) (id string) {
	_, body := e.call("POST", "/v1/session", fmt.Sprintf(`{"app_name": "arena", "ip_list": ["203.0.113.7", "203.0.113.8"], "webhook_url": %q}`, webhookURL))
	if id = regexp.MustCompile(`[0-9a-f]{12}-S`).FindString(body); id == "" {
		e.t.Fatalf("create: got %s, want a session", body)
	}
	return id
}

func ready(id string) string {
	return fmt.Sprintf(`document.querySelector('[data-key="%s"] .status')?.textContent.startsWith('Ready')`, id)
}

func TestSessionsAppear(t *testing.T) {
	e := open(t)
	e.wait(ready(e.create("http://localhost:1/hook")))
	e.wait(ready(e.create("")))
	e.wait(`document.querySelectorAll('#deployments .Ready').length === 2 && document.querySelectorAll('#deployments .free').length === 6`)
	e.wait(`document.querySelectorAll('#requests .line').length === 2 && document.getElementById('webhooks').textContent.includes('connection refused')`)
}

func TestFaultFailsTheNextCall(t *testing.T) {
	e := open(t)
	e.do(chromedp.SetValue(chromedp.CSS("#target"), "list-sessions"))
	e.click("#quick button")
	e.wait(`document.getElementById('faults').textContent === 'list: 500'`)
	for _, want := range []int{500, 200} {
		if status, body := e.call("GET", "/v1/sessions", ""); status != want {
			t.Errorf("list: got %d %s, want %d", status, body, want)
		}
	}
	e.wait(`document.getElementById('faults').textContent === '' && document.querySelectorAll('#requests .badge').length === 1`)
}

func TestResendSendsTheWebhook(t *testing.T) {
	received := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		received <- string(body)
	}))
	t.Cleanup(receiver.Close)
	e := open(t)
	id := e.create(receiver.URL)
	e.wait(`document.querySelectorAll('#webhooks .line').length === 2`) // linked, ready
	e.click("#webhooks button[aria-label^=Resend]")
	e.wait(`document.querySelectorAll('#webhooks .line').length === 3`)
	<-received
	<-received
	if body := <-received; !strings.Contains(body, id) {
		t.Errorf("got %s, want session %s", body, id)
	}
}

func TestControls(t *testing.T) {
	e := open(t)
	ended, failed := e.create(""), e.create("")
	e.wait(ready(ended) + "&&" + ready(failed))
	e.do(chromedp.Focus(chromedp.CSS(`[data-key="`+failed+`"] .more`)), chromedp.KeyEvent(kb.Enter+strings.Repeat(kb.ArrowDown, 5)+kb.Enter))
	e.wait(`document.querySelector('[data-key="` + failed + `"] .status').textContent.startsWith('Error')`)
	e.click("#deployments button")
	e.wait(`document.querySelector('[data-key="` + ended + `"] .track').ariaLabel.endsWith('the deployment failed')`)
	e.click(`[data-key="` + ended + `"] .plain`)
	output, err := exec.Command("sh", "-c", e.eval(`document.getElementById('details-curl').textContent`)).Output()
	if err != nil || !strings.Contains(string(output), ended) {
		t.Errorf("curl: got %s and %v, want session %s", output, err, ended)
	}
	e.click("#details .primary")
	e.click("#reset")
	e.click("#confirm .primary")
	e.wait(`document.querySelectorAll('.session').length === 0 && document.getElementById('copy-example').checkVisibility()`)
}

// TestManySessions also reloads the page, which gets a state instead of the events.
func TestManySessions(t *testing.T) {
	e := open(t)
	first := e.create("")
	for range 999 {
		e.create("")
	}
	e.call("DELETE", "/v1/session/"+e.create(""), "")
	const shown = `(['deployments-note', 'sessions-note', 'legend', 'requests-note', 'deployments', 'requests'].map(id => document.getElementById(id).innerText) +
		[...document.querySelectorAll('.session')].map(e => e.dataset.key + e.querySelector('.status').innerText)).replace(/, \d+ (s|min)/g, '')`
	e.wait(`document.getElementById('legend').textContent.includes('Ready1,000') && document.querySelectorAll('.session.ended').length === 1`)
	if rows := e.eval(`String(document.querySelectorAll('.session').length)`); len(rows) > 2 {
		t.Errorf("rows: got %s elements, want only those that can be seen", rows)
	}
	e.eval(`sessionStorage.before = ` + shown)
	e.do(chromedp.Reload())
	e.wait(`sessionStorage.before === ` + shown)
	e.eval(`String(document.getElementById('sessions').parentElement.scrollTop = 1e6)`)
	e.wait(ready(first))
}

func TestEmulatorGoneAndBack(t *testing.T) {
	e := open(t)
	id := e.create("")
	e.wait(ready(id))
	e.cmd.Process.Kill()
	e.cmd.Wait()
	e.wait(`document.getElementById('gone').checkVisibility() && document.querySelector('[data-key="` + id + `"]')`)
	e.start(strings.TrimPrefix(e.url, "http://"))
	e.wait(`!document.getElementById('gone').checkVisibility() && document.querySelectorAll('.session').length === 0`)
	e.wait(ready(e.create("")))
}
