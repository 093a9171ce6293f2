//go:build race

package main

import "os"

// The replicas are built with the race detector, too.
func init() { os.Setenv("GOFLAGS", os.Getenv("GOFLAGS")+" -race") }
