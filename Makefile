# The commands of this repository. `make up` and `make test` are all that a newcomer needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

HOST := $(shell rustc -vV | sed -n 's/^host: //p')
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
RELEASE := $(CARGO_TARGET_DIR)/$(HOST)/release
TOOL := dist/spinkube-dev

# Built apart: what one group asks of a shared crate must not rebuild the wasm engine for the other.
HEAVY := -p containerd-shim-spin-v2 -p spin-host
LIGHT := -p spinkube-dev -p spin-operator -p spinkube-port-forwarder -p spin-app -p spinkube-api

SCRIPTS := scripts/* tests/run node-image/build node-image/verify builder-image/build builder-image/run \
	builder-image/wasm-component-ld demos/*/container/build .ci/run

.PHONY: help up down test unit e2e lint dist engine programs generated bench-up twins clean

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

up: engine dist ## a cluster with a Spin app that answers; ends with its URL
	@$(TOOL) up

down: dist ## removes that cluster
	@$(TOOL) down

test: engine dist unit e2e ## unit tests, then end-to-end tests on a real cluster

unit: ## tests that need no cluster
	cd node-image/programs && go test ./cni-routes
	cargo test --release $(LIGHT)
	cargo test --release $(HEAVY)

e2e: engine dist twins ## tests on a real cluster of their own, removed at the end
	tests/run

lint: ## rustfmt, clippy, shellcheck
	scripts/install-build-tools lint
	cargo fmt --all --check
	cargo clippy --release --all-targets $(LIGHT) -- -D warnings
	cargo clippy --release --all-targets $(HEAVY) -- -D warnings
	shellcheck -x -P SCRIPTDIR $(SCRIPTS)

generated: ## the files in this repository that programs write: CRDs and the events' schema (unit tests compare them)
	cargo run --release $(LIGHT) --bin spin-operator -- crds operator/config/crd
	cargo run --release $(LIGHT) --bin spinkube-dev -- schema > docs/events.schema.json.new
	mv docs/events.schema.json.new docs/events.schema.json

bench-up: engine dist ## how long up, stop, start and down take, beside plain kind (docs/performance.md)
	scripts/bench-up

engine: ## a Docker engine, where none answers
	@scripts/ensure-engine

programs: engine
	scripts/install-build-tools
	cargo build --release --bins $(LIGHT)
	cargo build --release --bins $(HEAVY)

dist: programs ## the one file that a user downloads: dist/spinkube-dev
	@scripts/dist "$(RELEASE)" "$(TOOL)"

twins: engine ## the demos' container twins
	for build in demos/*/container/build; do "$$build" >/dev/null; done

clean: ## what was built here (not the caches in ~/.cache)
	rm -rf dist "$(CARGO_TARGET_DIR)"
