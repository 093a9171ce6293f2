# What can be done here. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help demo test newest cover generate check lint modules commands consumer vulnerabilities mutants soak bench conformance lint-contract breaking docs

# The race detector needs a C compiler.
RACE := $(if $(shell command -v $$(go env CC)),-race)

# What users need not download has a module of its own.
MODULES := $(patsubst %/go.mod,%,$(shell git ls-files '*/go.mod'))

# Two versions of Go are supported: that of go.mod and this one.
NEWEST := go1.27.3

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## watch all eight calls happen, against the emulator or with your EDGEGAP_API_KEY
	@go run ./examples/matchmaker

test: ## run the tests
	@$(if $(RACE),,echo "no C compiler: the race detector is off")
	go test $(RACE) ./...

newest: ## run the tests with the newest Go that is supported
	GOTOOLCHAIN=$(NEWEST) go test ./...

cover: ## print the coverage of the hand-written packages; below 90 % is an error
	@go test -count=1 -coverpkg=./sessions/...,./internal/contract,./internal/emulator -coverprofile=cover.out ./sessions/... ./internal/contract ./internal/emulator ./internal/faults >/dev/null
	@sh internal/coverage.sh cover.out 90

generate: ## make the Go code again from openapi.yaml
	go generate .

check: ## is everything formatted, fresh and tidy?
	@files=$$(git ls-files -z '*.go' | xargs -0 gofmt -l); test -z "$$files" || { echo "not formatted: $$files" >&2; exit 1; }
	@sh internal/fresh.sh
	go vet ./...
	go mod tidy -diff
	@for module in $(MODULES); do (cd $$module && go vet ./... && go mod tidy -diff) || exit 1; done

modules: ## run the tests of the modules that stand for themselves
	@for module in $(filter-out internal/conformance,$(MODULES)); do (cd $$module && go test ./...) || exit 1; done

lint: ## static analysis
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 -shellcheck= -pyflakes=

commands: ## run the commands that the documents name, in a clone
	@go run ./internal/checks/commands -ran '$(RAN)' README.md CONTRIBUTING.md $(wildcard docs/*.md)

consumer: ## get, build and run this module as somebody who uses it does
	@go run ./internal/checks/consumer

vulnerabilities: ## look for known vulnerabilities in what is called; needs the network
	@for module in . $(MODULES); do (cd $$module && go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...) || exit 1; done

mutants: ## break the project on purpose, line by line: each break must be noticed
	go run ./internal/mutants

soak: ## the great numbers: long fuzzing, ten thousand creates under faults
	sh internal/soak/soak.sh $(RACE)

bench: ## measure against other clients; prints the table of BENCHMARKS.md
	cd internal/bench && go run .

conformance: ## the main job in every language, through clients generated from openapi.yaml
	cd internal/conformance && go run .

lint-contract: ## hold openapi.yaml to the rules of Spectral, Redocly and our own
	sh internal/conformance/lint.sh

breaking: ## fail on a change of openapi.yaml that breaks those who use it
	sh internal/conformance/breaking.sh

docs: ## build one HTML page from openapi.yaml
	sh internal/conformance/docs.sh
