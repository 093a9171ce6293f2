#!/bin/sh
# Plays a scenario with curl, and prints it with the answers that came:
#
#	sh scenario.sh http://localhost:8080 <scenario.txt
set -eu
base=$1
key=any
forth='' # sed commands that put values for names
back=''  # and names for values
body=$(mktemp)
trap 'rm -f "$body"' EXIT

while IFS= read -r step; do
	printf '%s\n' "$step"
	case $step in
	'' | '#'*) continue ;;
	'key '*)
		key=${step#key }
		continue
		;;
	esac
	IFS= read -r expected
	request=$(printf '%s\n' "$step" | sed "$forth")
	method=${request%% *}
	request=${request#* }
	path=${request%% *}
	payload=${request#"$path"}

	set -- -q -s -g --noproxy '*' --max-time 20 -X "$method" -H "authorization: token $key" -o "$body" -w '%{http_code}'
	if [ -n "$payload" ]; then
		set -- "$@" -H 'content-type: application/json' --data-binary "${payload# }"
	fi
	: >"$body"
	status=$(curl "$@" "$base$path") || {
		status='no answer'
		: >"$body"
	}

	# Each "field":"$name" of the expected answer; a new name takes the value.
	for pair in $(printf '%s\n' "$expected" | tr ',{' '\n\n' | sed -n 's/.*"\([a-z_]*\)":"$\([a-z]*\)".*/\1=\2/p'); do
		field=${pair%=*}
		name=${pair#*=}
		case $forth in *"\$$name/"*) continue ;; esac
		value=$(tr ',{' '\n\n' <"$body" | sed -n "s/.*\"$field\":\"\([^\"]*\)\".*/\1/p" | head -n 1)
		forth="$forth
s/\$$name/$value/g"
		back="$back
s/$value/\$$name/g"
	done
	answer=$(sed -e 's/"\([a-z_]*time\)":"[^"]*"/"\1":"*"/g' -e 's/"created":"[^"]*"/"created":"*"/g' \
		-e 's/"elapsed":[0-9]*/"elapsed":"*"/g' -e "$back" "$body")
	printf '%s\n' "$status${answer:+ $answer}"
done
