#!/bin/sh
# Runs the code samples, the workflow and Schemathesis against the emulator:
#
#	go run ./cmd/edgegap-sessions emulator exec -- sh internal/contract/run.sh
set -eu
cd "$(dirname "$0")"
: "${EDGEGAP_BASE_URL:?set by emulator exec}"
bin=../../bin
[ -x $bin/venv/bin/schemathesis ] || { python3 -m venv $bin/venv && $bin/venv/bin/pip install --quiet schemathesis==4.32.5; }

go run ./samples
npx --yes tsx@4.20.6 samples/sample.ts
$bin/venv/bin/python samples/sample.py # requests comes with Schemathesis
cargo run --quiet --manifest-path samples/Cargo.toml --target-dir $bin/target
sh samples/sample.sh
REDOCLY_TELEMETRY=off npx --yes @redocly/cli@2.77.0 respect arazzo.yaml --server sessions="$EDGEGAP_BASE_URL" --input api_key="$EDGEGAP_API_KEY"
# Excluded: not every string is an IP address; deleting users does not end a session; the emulator
# responds 404 to methods without an operation.
cd $bin # it keeps its cache in the current directory
venv/bin/schemathesis run ../openapi.yaml --url "$EDGEGAP_BASE_URL" --header "authorization: token $EDGEGAP_API_KEY" \
	--checks all --exclude-checks positive_data_acceptance,use_after_free,unsupported_method --seed 1 --continue-on-failure
