# make sdk: the SDK's served files, of its sources
# make run: the local service   make walk: a visitor's life, against it   make test: all tests   make check: the quick ones
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One worker a core; a worker runs whole files, the longest first (tests/support/parallel.py).
SPREAD := -n auto --no-loadscope-reorder
DEMOS := env -u HARDLINK_SOURCES -u HARDLINK_STAGES
export PYTHONPATH := functions
export PYTHONHASHSEED := 0
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 1

.PHONY: run walk test check measure bench cost load synth sdk clean

run: $(VENV)/.local
	@$(BIN)/python -m infra.local

walk: $(VENV)/.local
	@$(BIN)/python -m infra.local.walk

test: $(VENV)/.dev
	$(DEMOS) $(BIN)/python -m pytest $(SPREAD) $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy functions infra tests
	$(DEMOS) $(BIN)/python -m pytest -q tests/unit

measure: $(VENV)/.dev
	@$(BIN)/python -m tests.support.readability

bench: $(VENV)/.dev
	$(BIN)/python -m tests.bench

cost: $(VENV)/.dev
	@$(BIN)/python -m tests.bench.cost

load: $(VENV)/.dev
	$(BIN)/python -m tests.bench.load $(ARGS)

synth: $(VENV)/.dev
	$(BIN)/python -m infra.app

sdk: $(VENV)/.dev
	@$(BIN)/python -m tests.browser.sdk.build

clean:
	rm -rf $(VENV) .cache cdk.out

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Hardlink needs Python 3.11 or newer: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.local: requirements-local.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements-local.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -r requirements-dev.txt
	@touch $@ $(VENV)/.local
