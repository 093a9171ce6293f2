#!/bin/sh
# The great numbers: ten thousand creates and two thousand waits under faults,
# then five minutes of each fuzz target. Arguments are flags for the first, such
# as -race. A find is written to sessions/testdata/fuzz: keep it with its mend.
set -eu
go test "$@" -count=1 -v ./internal/soak -soak
for target in $(go test ./sessions -list '^Fuzz' | grep '^Fuzz'); do
	# Without a bound, minimizing eats the time: goroutines make the coverage vary.
	go test ./sessions -run '^$' -fuzz "^$target\$" -fuzztime 5m -fuzzminimizetime 100x
done
