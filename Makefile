.DEFAULT_GOAL := help
.PHONY: help demo test generate lint bench languages breaking docs fuzz

# The race detector needs a C compiler.
RACE := $(if $(shell command -v $$(go env CC)),-race)

# Tools that check the code and openapi.yaml, and build the page of openapi.yaml.
GOLANGCI := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
SPECTRAL := npx --yes @stoplight/spectral-cli@6.16.3
REDOCLY := REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npx --yes @redocly/cli@2.77.0

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## make all eight calls, against the emulator or with your EDGEGAP_API_KEY
	@go run ./examples/matchmaker

test: ## run the tests; SEEDS=3 adds the test of examples/replicas with real processes, 20 s a seed
	go test $(RACE) ./...
	cd examples/otel && go test $(RACE) ./... && cd ../replicas && go test $(RACE) ./matchmaker $(if $(SEEDS),&& go test -timeout 60m . -seeds $(SEEDS))

generate: ## generate package api from openapi.yaml
	go generate .

lint: ## check the Go code with golangci-lint, and openapi.yaml with Spectral and Redocly
	$(GOLANGCI) run ./...
	$(SPECTRAL) lint --quiet --fail-severity hint --ruleset internal/contract/spectral.yaml openapi.yaml && $(REDOCLY) lint --config internal/contract/redocly.yaml openapi.yaml internal/contract/arazzo.yaml

docs: ## build bin/openapi.html, one page that needs no network
	$(REDOCLY) build-docs --config internal/contract/redocly.yaml --template internal/contract/page.hbs --inlineBundle --output bin/openapi.html openapi.yaml

# The last tag, or before the first one the commit that openapi.yaml is compared with.
BASE := $(or $(shell git describe --tags --abbrev=0 2>/dev/null || git rev-parse -q --verify "4a622ae^{commit}"),HEAD)

breaking: ## report changes since the last tag that break users of openapi.yaml or of the Go packages
	go run github.com/oasdiff/oasdiff@v1.37.0 breaking --fail-on WARN --severity-levels internal/contract/oasdiff.txt $(BASE):openapi.yaml openapi.yaml
	@! git describe --tags >/dev/null 2>&1 || go run golang.org/x/exp/cmd/gorelease@v0.0.0-20261113113407-e3970619a1a4

# Two versions of Go are supported: that of go.mod and this one.
NEWEST := go1.27.3

bench: ## compare with a plain net/http and encoding/json client, with both versions of Go
	go test -run '^$$' -bench . -benchtime 5s ./sessions
	GOTOOLCHAIN=$(NEWEST) go test -run '^$$' -bench . -benchtime 5s ./sessions

languages: ## generate clients in eight languages and run them; LANGUAGES="rust cpp" runs some
	examples/languages/run.sh $(LANGUAGES)

fuzz: ## fuzz each target of package sessions for 20 seconds
	@for f in $$(grep -o 'Fuzz[A-Za-z]*' sessions/fuzz_test.go); do go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s ./sessions || exit 1; done
