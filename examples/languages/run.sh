#!/usr/bin/env bash
# Runs the programs of all languages, or of those named, against the emulator, and Schemathesis. For
# each language it runs the commands in its README: those of the first block once, that of the last
# block in each mode. A program must print expected.txt, make the requests in requests.txt and leave
# no session. With CI=true it installs what a fresh Debian or Ubuntu machine lacks.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
all=(go javascript typescript python rust java kotlin cpp schemathesis)

# The emulator's assumptions about what is not known of the API, or may change.
declare -A modes=(
	[defaults]=""
	[nulls]="nulls: true, null_version: true, session_enum_names: true, deployment_enum_names: true"
	[extra]="extra_fields: true"
)

install() {
	local missing=()
	need() { "${@:2}" &>/dev/null || missing+=("$1"); } # PACKAGE TEST...
	need curl which curl
	need nodejs which node
	need npm which npm
	need python3-venv python3 -c 'import venv, ensurepip'
	need default-jdk-headless which javac
	need maven which mvn
	need cargo which cargo
	need pkg-config which pkg-config
	need libssl-dev pkg-config --exists openssl
	need g++ which g++
	need cmake which cmake
	need libcpprest-dev test -e /usr/include/cpprest/http_client.h
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "installing ${missing[*]}"
	local sudo=()
	[ "$(id -u)" = 0 ] || sudo=(sudo)
	"${sudo[@]}" apt-get update -qq
	DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq "${missing[@]}" >/dev/null
}

block() { # README NUMBER: a code block of shell commands
	awk -v n="$2" '/^```sh$/ { i++; on = 1; next } /^```$/ { on = 0 } on && i == n' "$1"
}

quietly() { # COMMAND...: shows the output only of a failure
	local log=$tmp/log
	"$@" &>"$log" || { tail -n 50 "$log"; return 1; }
}

play() { # COMMAND MODE: runs a program against an emulator of its own
	{ cat ../emulator.yaml; echo "assumptions: {${modes[$2]}}"; } >"$tmp/emulator.yaml"
	timeout 60 "$tmp/edgegap-sessions" emulator exec --config "$tmp/emulator.yaml" -- bash -euo pipefail -c \
		"$1"'; curl -fsS "$EDGEGAP_BASE_URL/_emulator/state?limit=1000" >"$0"' "$tmp/state" >"$tmp/printed" &&
		diff ../expected.txt "$tmp/printed" &&
		diff ../requests.txt <(requests "$tmp/state") &&
		grep -q '"sessions":\[\]' "$tmp/state"
}

requests() { # STATE: the operations and status codes of all requests
	grep -oE '"operation":"[a-z-]+"|"status":[0-9]{3}' "$1" | sed -E 's/.*:"?//; s/"//' | paste -d ' ' - - | sort -u
}

# schemathesis sends random requests. What is excluded does not hold: openapi.yaml has plain strings
# for IP addresses, a read after DELETE .../users is no use after free, and 405 is not promised.
schemathesis() {
	python3 -m venv "$tmp/venv" && "$tmp/venv/bin/pip" install --quiet schemathesis==4.32.5 &&
		cd "$tmp" && "$tmp/edgegap-sessions" emulator exec --ready-after 0s -- sh -c 'venv/bin/st run "$0" --url "$EDGEGAP_BASE_URL" \
			-H "authorization: token $EDGEGAP_API_KEY" --exclude-checks positive_data_acceptance,use_after_free,unsupported_method' "$root/openapi.yaml"
}

run() ( # LANGUAGE
	started=$SECONDS
	if [ "$1" = schemathesis ]; then
		quietly schemathesis
		echo "$1 ok, $((SECONDS - started)) s"
		return
	fi
	cd "$1"
	first=$(block README.md 1) last=$(block README.md 2)
	[ -n "$last" ] || last=$first first=: # nothing to generate
	quietly timeout 900 bash -euo pipefail -c "$first"
	generated=$((SECONDS - started))
	for mode in "${!modes[@]}"; do
		play "${last#* -- }" "$mode" || { echo "$1 failed: $mode"; return 1; }
	done
	printf '%-12s ok, %3d s to generate and build, %2d s to run %d times\n' "$1" "$generated" $((SECONDS - started - generated)) ${#modes[@]}
)

[ -z "${CI:-}" ] || install
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
go build -C "$root" -o "$tmp/edgegap-sessions" ./cmd/edgegap-sessions
[ $# -gt 0 ] || set -- "${all[@]}"
for language; do run "$language"; done
