#!/bin/sh
# Holds openapi.yaml to the rules of Spectral, Redocly and kin-openapi, and each
# of our own rules to catching what it is there for.
set -eu
cd "$(dirname "$0")"
./install.sh
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
tools/node_modules/.bin/spectral lint --quiet --ruleset tools/spectral.yaml --fail-severity hint ../../openapi.yaml
tools/node_modules/.bin/redocly lint --config tools/redocly.yaml ../../openapi.yaml
(cd ../.. && go test -count=1 ./internal/contract)
go test -count=1 .
