#!/bin/sh
# Installs what the lock files in tools/ name, unless that was done before.
set -eu
cd "$(dirname "$0")/tools"
if ! cmp -s package-lock.json node_modules/installed.lock; then
	npm ci --silent
	cp package-lock.json node_modules/installed.lock
fi
if ! cmp -s requirements.txt .venv/installed.lock; then
	python3 -m venv .venv
	.venv/bin/pip install --quiet --require-hashes --requirement requirements.txt
	cp requirements.txt .venv/installed.lock
fi
