# Two commands for a new user: `make demo` and `make test`. Both set everything up by themselves.
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first interpreter that really runs and is new enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)

.PHONY: help setup demo test test-slow test-gpu test-browser lint docs clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## make .venv with the exact versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "openmolmo needs Python 3.11 or newer; none was found. Install one, or run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "setting up $(VENV) with $(PYTHON) (a few minutes the first time)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(STAMP) ## make data, train from scratch, judge, ask about pictures -> demo/report.html (under 12 minutes)
	@$(BIN)/openmolmo demo --out demo

# Tests start some hundred processes: with the setting left in, each would compile the whole package anew.
test: $(STAMP) ## the default tests (about 5 minutes on two cores)
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest

test-slow: $(STAMP) ## the tests that take minutes
	@$(BIN)/python -m pytest -m slow -n 0 --timeout=1800

test-gpu: $(STAMP) ## the tests that need an accelerator
	@$(BIN)/python -m pytest -m gpu -n 4

# RERUNS=1 tries a failed test once more: on a busy machine a page can be later than any wait. Both tries are shown.
RERUNS ?= 0
test-browser: $(STAMP) ## the studio in a real browser; needs Debian's chromium, and takes caddy, flite, npm and postgresql where they are
	@.ci/browser-packages
	@$(BIN)/python -m pytest -m "browser or postgresql" -n 0 --timeout=600 --reruns $(RERUNS) -rfER tests/engine/studio
	@$(BIN)/python -m pytest -m "browser or postgresql" -n 0 --timeout=600 --reruns $(RERUNS) -rfER --ignore tests/engine/studio # one Playwright a process

lint: $(STAMP) ## style, types, import contracts, and the generated reference
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python docs/generate.py --check

docs: $(STAMP) ## write the generated reference pages and run every code block of the docs
	@$(BIN)/python docs/generate.py
	@$(BIN)/python docs/data_model.py
	@$(BIN)/python -m pytest -n 0 tests/docs

clean: ## remove the environment and the demo's output
	@rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
