#!/bin/sh
# Builds one HTML page from openapi.yaml that needs no network to be read.
set -eu
cd "$(dirname "$0")"
./install.sh
mkdir -p generated
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
tools/node_modules/.bin/redocly build-docs ../../openapi.yaml --config tools/redocly.yaml --inlineBundle --output generated/index.html
