.DEFAULT_GOAL := help
.PHONY: help demo test generate lint bench languages breaking docs fuzz

# The race detector needs a C compiler.
RACE := $(if $(shell command -v $$(go env CC)),-race)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## make all eight calls, against the emulator or with your EDGEGAP_API_KEY
	@go run ./examples/matchmaker

test: ## run the tests
	go test $(RACE) ./...

generate: ## generate package api from openapi.yaml
	go generate .
