// Command matchmaker is one replica of a small matchmaker. The replicas share the records of
// their matches in NATS JetStream, and one webhook URL. docs/replicas.md in the root of the
// repository describes what can happen to a match.
//
// A replica reads the environment: EDGEGAP_API_KEY (see sessions.NewFromEnv), NATS_URL,
// WEBHOOK_URL (of POST /hook at the load balancer), WEBHOOK_SECRET, APP, and optionally
// APP_VERSION, PORT (the name of a port, if the app has several), LISTEN (":8080"),
// REPLICA (its name, by default that of the host), NATS_REPLICAS (of the data, 1) and
// TAKEOVER_AFTER (10s, see replica.setTimes).
//
// It exits with an error if NATS has lost the queue; start it again, and it creates the queue.
//
// main.go starts the replica, http.go has its routes, and match.go makes the matches.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	otelapi "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"golang.org/x/sync/errgroup"

	"github.com/edgegap-community/edgegap/examples/otel"
	"github.com/edgegap-community/edgegap/sessions"
)

// Subjects of NATS messages.
const (
	queueSubject   = "match.queue"    // ids of matches; each is delivered to one replica
	changedSubject = "match.changed." // followed by the id of a match whose record has changed
	notifySubject  = "session.notify" // ids of sessions, from webhooks; delivered to all replicas
)

// replica is one process of the matchmaker.
type replica struct {
	name string
	game sessions.CreateRequest // has the app and version
	port string

	takeoverAfter, handOutWithin, reclaimEvery time.Duration // see setTimes

	client  *otel.Client
	hooks   *otel.Webhooks
	nc      *nats.Conn
	js      jetstream.JetStream
	queue   jetstream.Consumer
	matches jetstream.KeyValue // records, by the id of the match
	lease   jetstream.KeyValue // see reclaim
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("the replica exits", "error", err)
		os.Exit(1)
	}
}

// run runs the replica until ctx is done. Then its matches go back to the queue, and waiting
// players get a 503, so that they repeat their requests to another replica.
func run(ctx context.Context) error {
	host, hostErr := os.Hostname()
	r := &replica{name: cmp.Or(os.Getenv("REPLICA"), host), port: os.Getenv("PORT")}
	r.game = sessions.CreateRequest{AppName: os.Getenv("APP"), VersionName: os.Getenv("APP_VERSION")}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)).With("replica", r.name))
	if err := errors.Join(hostErr, r.setTimes(os.Getenv("TAKEOVER_AFTER")), r.newClient()); err != nil {
		return err
	}
	if err := r.connect(ctx); err != nil {
		return err
	}
	defer r.nc.Close()
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("LISTEN"), ":8080"))
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())

	running, ctx := errgroup.WithContext(ctx) // whose first error ends the others
	server := &http.Server{Handler: r.routes(), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	running.Go(func() error { return r.consume(ctx) })
	running.Go(func() error { return r.reclaim(ctx) })
	running.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	running.Go(func() error {
		<-ctx.Done()
		slog.Info("shutting down")
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return server.Shutdown(timeout)
	})
	return errors.Join(running.Wait(), r.nc.Flush())
}

// setTimes sets the times of the replica, which follow from one setting: how long the replica
// that makes a match may show no sign of life before another one continues the match.
func (r *replica) setTimes(takeoverAfter string) (err error) {
	r.takeoverAfter, err = time.ParseDuration(cmp.Or(takeoverAfter, "10s"))
	r.handOutWithin = 3 * r.takeoverAfter // how long a match stays ready if nobody asks for the address
	r.reclaimEvery = 6 * r.takeoverAfter  // how often the unused sessions are deleted
	return err
}

// newClient creates the client, whose metrics are at /metrics.
func (r *replica) newClient() error {
	exporter, err := prometheus.New()
	if err != nil {
		return err
	}
	telemetry, err := otel.New(otelapi.GetTracerProvider(), sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)))
	if err != nil {
		return err
	}
	client, err := sessions.NewFromEnv(sessions.WithTransport(telemetry.Transport(sessions.NewTransport())))
	if err != nil {
		return err
	}
	r.client = telemetry.Client(client)
	r.hooks, err = r.client.Webhooks(os.Getenv("WEBHOOK_URL"), os.Getenv("WEBHOOK_SECRET"))
	return err
}

// matchTTL is how long a match lasts at most. Then its record expires, and its session is
// reclaimed.
const matchTTL = 24 * time.Hour

// connect connects to NATS, and creates the buckets and the queue unless they exist.
func (r *replica) connect(ctx context.Context) error {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("NATS_REPLICAS"), "1"))
	if err != nil {
		return err
	}
	r.nc, err = nats.Connect(os.Getenv("NATS_URL"), nats.MaxReconnects(-1), nats.ReconnectWait(500*time.Millisecond))
	if err != nil {
		return err
	}
	if _, err := r.nc.Subscribe(notifySubject, func(msg *nats.Msg) { r.client.Notify(string(msg.Data)) }); err != nil {
		return err
	}
	if r.js, err = jetstream.New(r.nc); err != nil {
		return err
	}
	r.matches, err = r.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "matches", TTL: matchTTL, Replicas: n})
	if err != nil {
		return err
	}
	r.lease, err = r.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "lease", TTL: r.reclaimEvery, Replicas: n})
	if err != nil {
		return err
	}
	_, err = r.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "QUEUE", Subjects: []string{queueSubject}, Retention: jetstream.WorkQueuePolicy, Replicas: n,
		MaxAge: matchTTL, Duplicates: matchTTL, // a match is queued once, however often its players repeat the request
	})
	if err != nil {
		return err
	}
	r.queue, err = r.js.CreateOrUpdateConsumer(ctx, "QUEUE", jetstream.ConsumerConfig{
		Durable: "replicas", AckWait: r.takeoverAfter, MaxAckPending: -1, // unlimited, because each replica limits its own; see consume
	})
	return err
}
