package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"testing"

	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/edgegap-community/edgegap/examples/otel"
	"github.com/edgegap-community/edgegap/sessions"
	"github.com/edgegap-community/edgegap/sessions/sessionstest"
)

// TestDashboardQueriesExportedMetrics compares the names in the queries of the Grafana dashboard
// with what the Prometheus exporter makes of the metrics.
func TestDashboardQueriesExportedMetrics(t *testing.T) {
	registry := promclient.NewRegistry()
	exporter, err := prometheus.New(prometheus.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	telemetry, err := otel.New(noop.NewTracerProvider(), sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)))
	if err != nil {
		t.Fatal(err)
	}
	srv := sessionstest.NewServer(t, sessionstest.WithReadyAfter(0))
	client := telemetry.Client(srv.Client(sessions.WithTransport(telemetry.Transport(srv.Transport()))))
	hooks, err := client.Webhooks("https://match.example.com/hook", "secret")
	if err != nil {
		t.Fatal(err)
	}
	// One of everything that is counted.
	s, err := client.CreateAndWait(t.Context(), sessions.CreateRequest{AppName: "arena", WebhookURL: hooks.URL("1")})
	if err != nil {
		t.Fatal(err)
	}
	srv.FailNext(sessionstest.Status(http.StatusServiceUnavailable))
	if _, err := client.Get(t.Context(), s.SessionID); err != nil {
		t.Fatal(err)
	}
	srv.SetStatus(s.SessionID, sessions.StatusError)
	if _, err := client.WaitReady(t.Context(), s.SessionID); err == nil {
		t.Fatal("the session has not failed")
	}
	if _, err := hooks.Reclaim(t.Context(), func(context.Context, string) (bool, error) { return false, nil }); err != nil {
		t.Fatal(err)
	}

	exported := map[string]bool{} // metrics, and their labels
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		exported[family.GetName()] = true
		if family.GetMetric()[0].GetHistogram() != nil {
			exported[family.GetName()+"_bucket"], exported[family.GetName()+"_count"] = true, true
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				exported[label.GetName()] = true
			}
		}
	}
	content, err := os.ReadFile("../../../docs/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil || len(dashboard.Panels) == 0 {
		t.Fatal("no panels", err)
	}
	names := regexp.MustCompile(`\b(edgegap|http|sessions|error)_[a-z_]+`)
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			found := names.FindAllString(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("panel %q: no metric in %q", panel.Title, target.Expr)
			}
			for _, name := range found {
				if !exported[name] {
					t.Errorf("panel %q: %s is not exported", panel.Title, name)
				}
			}
		}
	}
}
