.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Three workers for two cores, as they wait for browsers. A worker runs whole files, the longest first
# (tests/support/parallel.py).
SPREAD := -n auto --no-loadscope-reorder
# Tests that need no engine and no service: together they take seconds.
QUICK := tests/unit
IN_MEMORY := -m memory tests/component
DEMOS := env -u HARDLINK_SOURCES -u HARDLINK_STAGES
export PYTHONPATH := functions
export PYTHONHASHSEED := 0
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1

.PHONY: help run walk test check format coverage measure bench cost load synth openapi sdk clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.local ## serve everything on this machine; your page: make run ORIGIN=http://localhost:5173
	@$(BIN)/python -m infra.local

walk: $(VENV)/.local ## go through a visitor's life, against `make run`
	@$(BIN)/python -m infra.local.walk

test: $(VENV)/.dev ## run all tests on all cores; one folder: make test ARGS="tests/http -x"
	$(DEMOS) $(BIN)/python -m pytest $(SPREAD) $(ARGS)

check: $(VENV)/.dev ## format, lint, types, and the tests that need no engine: in a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy functions infra tests
	$(DEMOS) $(BIN)/python -m pytest -q $(QUICK)
	$(DEMOS) $(BIN)/python -m pytest -q $(IN_MEMORY)

format: $(VENV)/.dev ## format the code, and repair what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

coverage: $(VENV)/.dev ## measure which branches of the decisions the tests of `make check` take
	@mkdir -p .cache
	$(DEMOS) $(BIN)/python -m coverage run -m pytest -q $(QUICK)
	$(DEMOS) $(BIN)/python -m coverage run --append -m pytest -q $(IN_MEMORY)
	$(BIN)/python -m coverage report

measure: $(VENV)/.dev ## count how the code reads, against goals
	@$(BIN)/python -m tests.support.readability

bench: $(VENV)/.dev ## measure what calls and functions take
	$(BIN)/python -m tests.bench

cost: $(VENV)/.dev ## measure what a month costs
	@$(BIN)/python -m tests.bench.cost

load: $(VENV)/.dev ## put the tables under load
	$(BIN)/python -m tests.bench.load $(ARGS)

synth: $(VENV)/.dev ## write the CloudFormation templates to cdk.out
	$(BIN)/python -m infra.app

openapi: $(VENV)/.dev ## write the OpenAPI document of the native calls
	@$(BIN)/python -m infra.operations.openapi

sdk: $(VENV)/.dev ## build the SDK's served files of its sources
	@$(BIN)/python -m tests.browser.sdk.build

clean: ## remove all that was fetched and built
	rm -rf $(VENV) .cache cdk.out

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hardlink needs Python 3.11 or newer: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.local: requirements-local.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements-local.txt
	$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	$(BIN)/python -m pip install -q --no-deps -e .
	@touch $@ $(VENV)/.local
