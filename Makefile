# The one place where a check is written. Each target sets up what it needs in .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
DOCS := .envs/docs

.DEFAULT_GOAL := help
.PHONY: help demo test test-docs typetests messages lint format check types docs docs-serve vendor build clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"bgtasks needs Python 3.11 or newer, got {v.major}.{v.minor}: run make PYTHON=python3.13")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group dev --editable .
	touch $@

$(DOCS)/ready: pyproject.toml | $(READY)
	$(PYTHON) -m venv $(DOCS)
	$(BIN)/uv pip install --quiet --python $(DOCS)/bin/python --group docs
	touch $@

demo: $(READY) ## Sign somebody up over HTTP, and see what runs when
	$(BIN)/python -m examples.demo

test: $(READY) ## Run the run-time tests and the typetests
	$(BIN)/python -m pytest --ignore=tests/site

test-docs: $(READY) $(DOCS)/ready ## Test the site in a browser, and what editors show
	$(BIN)/python -m pytest tests/site

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

check: lint types test test-docs ## All of it: what a change must pass

types: $(READY) ## Check the types of the code under every checker
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/ty check
	$(BIN)/pyrefly check

docs: $(READY) $(DOCS)/ready ## Build the site, in site; no network is needed
	$(BIN)/python -m pytest --quiet typetests/messages.json
	$(DOCS)/bin/python -m zensical build --clean --strict
	$(BIN)/python -m tests.site.links site

docs-serve: $(DOCS)/ready ## Show the site at http://127.0.0.1:8000, as you write it
	$(DOCS)/bin/python -m zensical serve --dev-addr 127.0.0.1:8000

vendor: ## Copy the core into another package: DEST=path/to/package/_vendor/bgtasks
	@test -n "$(DEST)" || { echo "vendor copies the core to DEST: write make vendor DEST=path/to/your/package/_vendor/bgtasks" >&2; exit 2; }
	mkdir -p "$(DEST)"
	cp bgtasks/_*.py bgtasks/py.typed LICENSE "$(DEST)/"
	@sed -n 's/^__version__ = "\(.*\)"/bgtasks \1, copied by its make vendor, unchanged/p' bgtasks/__init__.py > "$(DEST)/ORIGIN"

build: $(READY) ## Make the source distribution and the wheel, in dist
	$(BIN)/hatchling build

clean: ## Remove what make has made
	rm -rf .venv .envs build dist site .coverage .*_cache
