# `make` lists what there is. Everything runs from the project's own .venv, set up on first use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test rings ring-kannel lint types bench docs crash wheel clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: $(VENV)/.runtime ## a real .docx in, an SMS out, its delivery back: the whole story in one minute
	@$(BIN)/ringback demo

test: $(VENV)/.dev ## the tests
	@$(BIN)/python -m pytest -n $(JOBS) -q

rings: $(VENV)/.rings ## what the gateways' own programs and SDKs say: Kannel, Twilio, Plivo, MessageBird, Vonage, SMSGate
	@$(BIN)/python -m pytest -q -m ring

ring-kannel: $(VENV)/.dev ## a real Kannel: install it, start it, text out and in through it, stop it
	@.ci/kannel
	@RINGBACK_RINGS=required $(BIN)/python -m pytest -q -s tests/rings/test_kannel.py

lint: $(VENV)/.dev ## ruff: mistakes and format
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy, strict
	@$(BIN)/mypy
	@cd connectors && MYPYPATH=../runner:. ../$(BIN)/mypy --config-file ../pyproject.toml $(addprefix -p ,$(sort $(foreach file,$(wildcard connectors/*/*.py),$(notdir $(patsubst %/,%,$(dir $(file)))))))

docs: $(VENV)/.dev ## write the reference pages again from schemas and manifests
	@$(BIN)/ringback docs --write

bench: $(VENV)/.dev ## the figures of docs/performance.md, measured here
	@$(BIN)/python -m bench.runs && $(BIN)/python -m bench.documents

crash: $(VENV)/.dev ## kill -9 the runner over and over while webhooks arrive, then count
	@$(BIN)/python -m bench.crash

wheel: $(VENV)/.dev ## build the wheel into dist/
	@$(BIN)/python -m build --wheel --outdir dist .

clean: ## take away what was made here
	@rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis bench/out

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Ringback needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Setting up (once) …"
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@echo "Setting up the tools (once) …"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(VENV)/.rings: $(VENV)/.dev
	@echo "Setting up the SDKs of the rings (once) …"
	@$(PIP) install --constraint constraints.txt --editable '.[dev,rings]'
	@touch $@
