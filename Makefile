# `make` lists what there is. Everything runs from the project's own .venv, set up on first use.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
JOBS ?= auto
ON_POSTGRES := tests/engine tests/journal tests/sms tests/web tests/cli/test_migrate.py tests/cli/test_transfer.py tests/test_schedule.py tests/test_worker.py

.DEFAULT_GOAL := help
.PHONY: help demo test ring-postgres rings ring-celery ring-faults bench-cluster ring-kannel ring-gammu ring-prometheus ring-fuzz lint types bench docs crash wheel clean

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

ring-gammu: $(VENV)/.dev ## a real Gammu SMSD with its dummy phone: install it, start it, text out and in through the bridge, stop it
	@.ci/gammu
	@RINGBACK_RINGS=required $(BIN)/python -m pytest -q tests/rings/test_gammu.py

ring-prometheus: $(VENV)/.dev ## a real Prometheus: install it, let it check the alerts, scrape a busy Ringback and ask it every question
	@.ci/prometheus
	@RINGBACK_RINGS=required $(BIN)/python -m pytest -q tests/rings/test_prometheus.py

ring-fuzz: $(VENV)/.fuzz ## hostile input: the API by schemathesis, documents, callbacks, bodies, YAML and templates by atheris (SECONDS=120 each)
	@RINGBACK_FUZZ_SECONDS=$(or $(SECONDS),120) $(BIN)/python -m pytest -q -s tests/rings/fuzz

ring-celery: $(VENV)/.dev ## web, workers and clocks on PostgreSQL, over Redis and RabbitMQ, killed in the middle
	@RINGBACK_RINGS=required $(BIN)/python -m pytest -q tests/rings/test_celery.py

ring-faults: $(VENV)/.dev ## faults brought about on purpose and counted: killed, frozen, poisoned, servers stopped, disks full, moody gateways (TRIES=1, ONLY=names)
	@.ci/faults
	@RINGBACK_RINGS=required $(BIN)/python -m bench.faults --tries $(or $(TRIES),1) $(if $(ONLY),--only $(ONLY))

bench-cluster: $(VENV)/.dev ## 20,000 runs over two hosts' worth of processes, each worker killed once
	@$(BIN)/python -m bench.cluster

ring-postgres: $(VENV)/.dev ## the tests once more, with every journal in PostgreSQL (RINGBACK_TEST_JOURNAL names the server)
	@RINGBACK_TEST_JOURNAL=$${RINGBACK_TEST_JOURNAL:-postgresql://postgres@127.0.0.1/postgres} $(BIN)/python -m pytest -n $(JOBS) -q $(ON_POSTGRES)

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

$(VENV)/.fuzz: $(VENV)/.dev
	@echo "Setting up the fuzzers (once) …"
	@$(PIP) install --constraint constraints.txt --editable '.[dev,fuzz]'
	@touch $@

$(VENV)/.rings: $(VENV)/.dev
	@echo "Setting up the SDKs of the rings (once) …"
	@$(PIP) install --constraint constraints.txt --editable '.[dev,rings]'
	@touch $@
