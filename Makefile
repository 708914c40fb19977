# make demo    a year of real flights through a real Apache Kafka, and three incidents caught
# make test    everything that is checked
# make bench   speed beside others, cost, memory, delay, and what is found; writes build/bench.json
# make faults  kills, pauses, outages and bad input at full scale (hours); writes build/faults.json
# make soak    fifty days of events in half an hour: nothing grows; writes build/soak.json
# make check   format, lint, types, layers
# make lock    pin the dependencies of pyproject.toml anew
# make clean   remove all that make has made
#
# Needs Python 3.11 or newer: make PYTHON=python3.12 demo uses that one. ARGS goes to the command.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The last resort; every test has its own limit, and pytest one for all of them (pyproject.toml).
BOUND := $(shell command -v timeout >/dev/null 2>&1 && echo timeout --kill-after=30 1800)

.PHONY: demo test bench faults soak check lock clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	@$(BIN)/watchkeeper demo $(ARGS)

test: check
	$(BOUND) $(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.test
	$(BIN)/python -m tests.bench $(ARGS)

faults: $(VENV)/.test
	$(BIN)/python -m tests.faults $(ARGS)

soak: $(VENV)/.test
	$(BIN)/python -m tests.faults --only soak --out build/soak-verdict.json $(ARGS)

check: $(VENV)/.test
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Watchkeeper needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1);" \
	    "name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv" >&2; \
	  exit 1; }
	@touch $@

$(VENV)/.demo: requirements-demo.lock pyproject.toml | $(VENV)/.made
	@echo "Installing what the demo needs into $(VENV), once: 175 MB, about a minute ..."
	@$(PIP) install --require-hashes --requirement requirements-demo.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

$(VENV)/.test: requirements.lock pyproject.toml | $(VENV)/.made
	@echo "Installing what the tests need into $(VENV), once: 215 MB, about a minute ..."
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-deps --editable .
	@touch $@ $(VENV)/.demo

# Universal: for every platform, and every Python from 3.11 on.
COMPILE = $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
  --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
  --custom-compile-command "make lock"

lock: | $(VENV)/.made
	@$(PIP) install uv
	$(COMPILE) --extra test --output-file requirements.lock
	$(COMPILE) --extra demo --constraints requirements.lock --output-file requirements-demo.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
