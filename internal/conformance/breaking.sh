#!/bin/sh
# Compares openapi.yaml with the last tag's, or with the kept baseline as long as
# there is none, and fails when a change breaks those who use it.
set -eu
cd "$(dirname "$0")"
before=baseline.yaml
if tag=$(git describe --tags --abbrev=0 2>/dev/null) && git cat-file -e "$tag:openapi.yaml"; then
	before=$(mktemp)
	trap 'rm -f "$before"' EXIT
	git show "$tag:openapi.yaml" >"$before"
fi
echo "compared with ${tag:-the baseline}:"
go tool oasdiff breaking --fail-on WARN "$before" ../../openapi.yaml
