#!/bin/sh
# Prints the coverage of each package in a profile, generated files left out, and
# fails when the whole is below a bound in percent.
set -eu
awk -v bound="$2" '
	/^mode:/ || /\.gen\.go:/ { next }
	{
		place = $1; statements[place] = $2
		if ($3 > 0) covered[place] = 1
	}
	END {
		for (place in statements) {
			package = place; sub(/\/[^\/]*$/, "", package)
			all[package] += statements[place]; total += statements[place]
			if (place in covered) { hit[package] += statements[place]; hits += statements[place] }
		}
		for (package in all) printf "%5.1f %%  %s\n", 100 * hit[package] / all[package], package | "sort -k3"
		close("sort -k3")
		printf "%5.1f %%  of the hand-written code\n", 100 * hits / total
		exit (100 * hits / total < bound)
	}' "$1"
