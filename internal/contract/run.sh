#!/bin/sh
# Runs the code samples and the workflow against the emulator:
#
#	go run ./cmd/edgegap-sessions emulator exec -- sh internal/contract/run.sh
set -eu
cd "$(dirname "$0")"
: "${EDGEGAP_BASE_URL:?set by emulator exec}"
bin=../../bin
[ -d $bin/venv ] || { python3 -m venv $bin/venv && $bin/venv/bin/pip install --quiet requests==2.32.5; }

go run ./samples
npx --yes tsx@4.20.6 samples/sample.ts
$bin/venv/bin/python samples/sample.py
cargo run --quiet --manifest-path samples/Cargo.toml --target-dir $bin/target
sh samples/sample.sh
REDOCLY_TELEMETRY=off npx --yes @redocly/cli@2.77.0 respect arazzo.yaml --server sessions="$EDGEGAP_BASE_URL" --input api_key="$EDGEGAP_API_KEY"
