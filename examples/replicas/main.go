// Command replicas is a small matchmaker that runs on several replicas. They share the records
// of their matches in NATS JetStream, and one webhook URL. docs/replicas.md in the root of the
// repository describes what can happen to a match.
//
//	go run .         # plays three replicas against the emulator, and kills one
//	go run . serve   # runs one replica
//
// A replica reads the environment: EDGEGAP_API_KEY (see sessions.NewFromEnv), NATS_URL,
// WEBHOOK_URL (of POST /hook at the load balancer), WEBHOOK_SECRET, APP, and optionally
// APP_VERSION, PORT (the name of a port, if the app has several), LISTEN (":8080"),
// REPLICA (its name), NATS_REPLICAS (of the data, 1) and RECLAIM_EVERY (1m).
//
// main.go starts a replica, http.go has its routes, match.go makes the matches, and demo.go is
// not needed in production.
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
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	otelapi "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

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
	name          string
	game          sessions.CreateRequest // has the app and version
	port          string
	reclaimEvery  time.Duration
	handOutWithin time.Duration // half of it: the time from ready until somebody must have asked for the address
	takeoverAfter time.Duration // a sixth of it: the time without a sign of life of the replica that makes a match

	client  *otel.Client
	hooks   *sessions.Webhooks
	nc      *nats.Conn
	js      jetstream.JetStream
	matches jetstream.KeyValue // records, by the id of the match
	lease   jetstream.KeyValue // see reclaim
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := demo
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		run = serve
	}
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "replicas:", err)
		os.Exit(1)
	}
}

// serve runs a replica until ctx is done. Then its matches go back to the queue, and waiting
// players get a 503, so that they repeat their requests to another replica.
func serve(ctx context.Context) error {
	r := &replica{name: os.Getenv("REPLICA"), port: os.Getenv("PORT")}
	r.game = sessions.CreateRequest{AppName: os.Getenv("APP"), VersionName: os.Getenv("APP_VERSION")}
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, nil)).With("replica", r.name))
	if err := r.newClient(); err != nil {
		return err
	}
	queue, err := r.connect(ctx)
	if err != nil {
		return err
	}
	defer r.nc.Close()
	listener, err := net.Listen("tcp", cmp.Or(os.Getenv("LISTEN"), ":8080"))
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())

	var running sync.WaitGroup
	consuming, err := queue.Consume(func(msg jetstream.Msg) { running.Go(func() { r.handle(ctx, msg) }) }, jetstream.PullMaxMessages(10))
	if err != nil {
		return err
	}
	running.Go(func() { r.reclaim(ctx) })
	server := &http.Server{Handler: r.routes(), ReadHeaderTimeout: 10 * time.Second}
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	running.Go(func() {
		<-ctx.Done()
		slog.Info("shutting down")
		consuming.Stop()
		<-consuming.Closed()
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		server.Shutdown(timeout)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	running.Wait()
	return r.nc.Flush()
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
	r.hooks, err = client.Webhooks(os.Getenv("WEBHOOK_URL"), os.Getenv("WEBHOOK_SECRET"))
	return err
}

// connect connects to NATS, and creates the buckets and the queue unless they exist.
func (r *replica) connect(ctx context.Context) (queue jetstream.Consumer, err error) {
	var errs [6]error
	n, err := strconv.Atoi(cmp.Or(os.Getenv("NATS_REPLICAS"), "1"))
	r.reclaimEvery, errs[0] = time.ParseDuration(cmp.Or(os.Getenv("RECLAIM_EVERY"), "1m"))
	r.nc, errs[1] = nats.Connect(os.Getenv("NATS_URL"), nats.MaxReconnects(-1), nats.ReconnectWait(500*time.Millisecond))
	if err := errors.Join(err, errs[0], errs[1]); err != nil {
		return nil, err
	}
	r.handOutWithin, r.takeoverAfter = r.reclaimEvery/2, r.reclaimEvery/6
	r.js, errs[0] = jetstream.New(r.nc)
	_, errs[1] = r.nc.Subscribe(notifySubject, func(msg *nats.Msg) { r.client.Notify(string(msg.Data)) })
	// A match lasts at most a day. Then its record expires, and its session is reclaimed.
	const day = 24 * time.Hour
	r.matches, errs[2] = r.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "matches", TTL: day, Replicas: n})
	r.lease, errs[3] = r.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "lease", TTL: r.reclaimEvery, Replicas: n})
	_, errs[4] = r.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "QUEUE", Subjects: []string{queueSubject}, Retention: jetstream.WorkQueuePolicy, MaxAge: day, Replicas: n,
	})
	queue, errs[5] = r.js.CreateOrUpdateConsumer(ctx, "QUEUE", jetstream.ConsumerConfig{
		Durable: "replicas", AckWait: r.takeoverAfter, MaxAckPending: -1, // unlimited
	})
	return queue, errors.Join(errs[:]...)
}
