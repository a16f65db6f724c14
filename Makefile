# The one place where a check is written. Each target sets up what it needs in .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
BENCH := .envs/bench
ROUNDS ?= 15

.DEFAULT_GOAL := help
# What the copy of the core is tested by, too.
CORE = $$(grep -l 'from .subject import' tests/test_*.py)

.PHONY: help demo test coverage strict soak bench typetests messages lint format check types vendor build clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"bgtasks needs Python 3.11 or newer, got {v.major}.{v.minor}: run make PYTHON=python3.13")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group dev --editable .
	touch $@

demo: $(READY) ## Sign somebody up over HTTP, and see what runs when
	$(BIN)/python -m examples.demo

test: $(READY) ## Run the run-time tests and the typetests
	$(BIN)/python -m pytest

coverage: $(READY) ## Run all tests, and check that they take every branch of the core
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage report

strict: $(READY) ## Run the core's tests in the debug modes of Python and asyncio
	PYTHONASYNCIODEBUG=1 $(BIN)/python -X dev -W error -m pytest \
		--hypothesis-profile=strict $(CORE)

soak: $(READY) ## Look longer for what breaks it: a few minutes, other cases each time
	$(BIN)/python -X dev -m pytest --hypothesis-profile=soak --durations=10 \
		tests/test_properties.py tests/test_refusals.py tests/test_load.py tests/test_faults.py

$(BENCH)/ready: $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(BENCH)
	$(BIN)/uv pip install --quiet --python $(BENCH)/bin/python --group bench --editable .
	touch $@

bench: $(BENCH)/ready ## Measure it beside its peers, for docs/performance: ROUNDS=15
	$(BENCH)/bin/python -m benchmarks --rounds $(ROUNDS) --folder docs/performance

typetests: $(READY) ## Ask every type checker what it accepts and rejects
	$(BIN)/python -m pytest typetests

messages: $(READY) ## Write the checkers' messages beside the typetests anew
	$(BIN)/python -m typetests.messages

lint: $(READY) ## Check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(READY) ## Format the code, and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

check: lint types coverage strict ## All of it: what a change must pass

types: $(READY) ## Check the types of the code under every checker
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/ty check
	$(BIN)/pyrefly check

vendor: ## Copy the core into another package: DEST=path/to/package/_vendor/bgtasks
	@test -n "$(DEST)" || { echo "vendor copies the core to DEST: write make vendor DEST=path/to/your/package/_vendor/bgtasks" >&2; exit 2; }
	mkdir -p "$(DEST)"
	cp bgtasks/_*.py bgtasks/py.typed LICENSE "$(DEST)/"
	@sed -n 's/^__version__ = "\(.*\)"/bgtasks \1, copied by its make vendor, unchanged/p' bgtasks/__init__.py > "$(DEST)/ORIGIN"

build: $(READY) ## Make the source distribution and the wheel, in dist
	$(BIN)/hatchling build

clean: ## Remove what make has made
	rm -rf .venv .envs build dist site .coverage .*_cache
