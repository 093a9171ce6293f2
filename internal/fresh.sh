#!/bin/sh
# Generates into a copy and compares, so that a stale file is told of, and not
# mended in passing.
set -eu
copy=bin/fresh
rm -rf "$copy"
mkdir -p "$copy/internal/bench"
cp -r gen.go go.mod go.sum openapi.yaml api "$copy"
cp -r internal/emulator "$copy/internal"
cp -r internal/bench/generated "$copy/internal/bench"
(cd "$copy" && go generate .)
for file in $(find api internal/emulator internal/bench/generated -name '*.gen.go'); do
	cmp "$file" "$copy/$file" || {
		echo "$file is not what openapi.yaml gives: run make generate" >&2
		exit 1
	}
done
rm -rf "$copy"
