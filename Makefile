# The one place where a check is written. Each target sets up what it needs in .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
ROUNDS ?= 15
DOCS := .envs/docs

.DEFAULT_GOAL := help
# What the copy of the core is tested by, too.
CORE = $$(grep -l '^from .subject import' tests/test_*.py)
# What other targets than `test` run, for want of more than .venv or of time.
ELSEWHERE := tests/editors tests/integrations tests/site tests/wheel

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*\#\#.*/\1/p' Makefile)

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"bgtasks needs Python 3.11 or newer, got {v.major}.{v.minor}: run make PYTHON=python3.13")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group dev --editable .
	touch $@

# An environment for each framework, with no other framework in it. Those of APART cannot
# be in .venv: they need other versions of what is there.
APART := ellar esmerald ravyn

.PRECIOUS: .envs/%/ready
.envs/%/ready: pyproject.toml | $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .envs/$*/.venv
	$(BIN)/uv pip install --quiet --python .envs/$*/.venv/bin/python --group test --group types --group $* --editable .
	touch $@

$(DOCS)/ready: pyproject.toml | $(READY)
	$(PYTHON) -m venv $(DOCS)
	$(BIN)/uv pip install --quiet --python $(DOCS)/bin/python --group docs
	touch $@

demo: $(READY) ## Sign somebody up over HTTP, and see what runs when
	$(BIN)/python -m examples.demo

demo-deploy: $(READY) ## Restart servers under load, and count the tasks that are lost
	$(BIN)/python -m examples.demo_deploy

demo-celery: $(READY) ## The same, with the tasks done by a Celery worker [REDIS_URL=redis://...]
	$(BIN)/python -m examples.demo_celery

test: $(READY) ## Run the run-time tests and the typetests, and see that they take every branch
	$(BIN)/coverage run -m pytest $(ELSEWHERE:%=--ignore=%)
	$(BIN)/coverage report

ENGINES := $(addprefix tests/integrations/test_,celery.py demo_celery.py engines.py taskiq.py)

test-frameworks: $(READY) $(APART:%=test-%) ## Run the integrations' tests, each in its environment
	$(BIN)/python -m pytest tests/integrations $(ENGINES:%=--ignore=%)

test-engines: $(READY) test-arq types-celery ## Run the engines' tests: workers killed, brokers stopped
	$(BIN)/python -m pytest $(ENGINES)

test-arq: .envs/arq/ready
	.envs/arq/.venv/bin/mypy tests/integrations/test_arq.py
	.envs/arq/.venv/bin/python -m pytest tests/integrations/test_arq.py

# With the types that .venv does not have.
types-celery: .envs/celery-types/ready
	.envs/celery-types/.venv/bin/mypy bgtasks/celery.py
	.envs/celery-types/.venv/bin/pyright --venvpath .envs/celery-types bgtasks/celery.py
	PATH="$$PWD/.envs/celery-types/.venv/bin:$$PATH" .envs/celery-types/.venv/bin/pyright --verifytypes bgtasks.celery --ignoreexternal > .envs/celery-types/completeness || { cat .envs/celery-types/completeness; exit 1; }
	.envs/celery-types/.venv/bin/ty check --python .envs/celery-types/.venv bgtasks/celery.py
	.envs/celery-types/.venv/bin/pyrefly check --python-interpreter-path .envs/celery-types/.venv/bin/python bgtasks/celery.py

test-editors: $(READY) ## Test what editors show, through the checkers' language servers
	$(BIN)/python -m pytest tests/editors

# Three rules are off for pyright: what Ellar and Esmerald decorate with is not all typed.
test-%: CODE = bgtasks/$*.py examples/$*_tasks.py tests/integrations/test_$*.py
test-%: .envs/%/ready
	.envs/$*/.venv/bin/mypy $(CODE)
	@echo '{"typeCheckingMode": "strict", "reportUnknownMemberType": false, "reportUnknownVariableType": false, "reportUntypedFunctionDecorator": false, "venvPath": ".", "venv": ".venv", "extraPaths": ["../.."], "include": [$(foreach file,$(CODE),"../../$(file)",) "."], "exclude": ["."]}' > .envs/$*/pyrightconfig.json
	.envs/$*/.venv/bin/pyright --project .envs/$*/pyrightconfig.json
	PATH="$$PWD/.envs/$*/.venv/bin:$$PATH" .envs/$*/.venv/bin/pyright --verifytypes bgtasks.$* --ignoreexternal > .envs/$*/completeness || { cat .envs/$*/completeness; exit 1; }
	.envs/$*/.venv/bin/ty check --python .envs/$*/.venv $(CODE)
	.envs/$*/.venv/bin/pyrefly check --python-interpreter-path .envs/$*/.venv/bin/python $(CODE)
	.envs/$*/.venv/bin/python -m pytest tests/integrations/test_$*.py typetests/test_examples.py -k $*

strict: $(READY) ## Run the core's tests in the debug modes of Python and asyncio
	PYTHONASYNCIODEBUG=1 $(BIN)/python -X dev -W error -m pytest \
		--hypothesis-profile=strict $(CORE)

soak: $(READY) ## Look longer for what breaks it: a few minutes, other cases each time
	$(BIN)/python -X dev -m pytest --hypothesis-profile=soak --durations=10 \
		tests/test_properties.py tests/test_refusals.py tests/test_load.py tests/test_faults.py

bench: $(READY) ## Measure it beside its peers, and write docs/performance anew [ROUNDS=15]
	$(BIN)/python -m benchmarks --rounds $(ROUNDS) --folder docs/performance --page docs/performance.md

test-docs: docs ## Test the site, in a browser too
	$(BIN)/python -m pytest tests/site

typetests: $(READY) ## Ask every type checker what it accepts and rejects
	$(BIN)/python -m pytest typetests

messages: $(READY) $(APART:%=.envs/%/ready) ## Write the checkers' messages beside the typetests anew
	$(BIN)/python -m typetests.harness.messages
	$(foreach env,$(APART),.envs/$(env)/.venv/bin/python -m typetests.harness.messages &&) true

api: $(READY) ## Write the description of the public API anew
	$(BIN)/python -m tests.public_api

lint: $(READY) ## Check style, format, and which file imports which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo --no-cache

format: $(READY) ## Format the code, and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Other machines than Debian's and its kin have them by other names.
MISSING = $(strip $(if $(shell which chromium google-chrome),,chromium) \
	$(if $(shell which redis-server),,redis-server))

packages: ## Install the browser and the server that tests need, on Debian and its kin
	@test -z "$(MISSING)" || { \
		sudo=$$(test $$(id -u) = 0 || echo sudo); \
		$$sudo apt-get update --quiet=2 && $$sudo apt-get install --quiet=2 --yes --no-install-recommends $(MISSING); \
	}

check: lint types test strict test-frameworks test-engines test-editors test-docs build ## All of it: what a change must pass

types: $(READY) ## Check the types of the code under every checker
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/ty check
	$(BIN)/pyrefly check

docs: $(READY) $(DOCS)/ready ## Build the site, in site, and check it; no network is needed
	$(BIN)/python -m typetests.harness.messages --only-new
	$(DOCS)/bin/python -m zensical build --clean --strict
	$(DOCS)/bin/python -m tools.links site
	$(BIN)/python -m pytest --quiet typetests/test_examples.py

docs-serve: $(DOCS)/ready ## Show the site at http://127.0.0.1:8000, as you write it
	$(DOCS)/bin/python -m zensical serve --dev-addr 127.0.0.1:8000

# The files in bgtasks that are not the core.
COMMA := ,
INTEGRATIONS := $(patsubst bgtasks/%.py,%,$(wildcard bgtasks/[a-z]*.py))
WANTED := $(subst $(COMMA), ,$(WITH))
WANTED += $(if $(filter fastapi,$(WANTED)),$(filter-out $(WANTED),starlette)) # it stands on it
UNKNOWN := $(filter-out $(INTEGRATIONS),$(WANTED))
COPIED := $(notdir $(wildcard bgtasks/_*.py)) py.typed $(WANTED:=.py)

vendor: ## Copy the core into another package: DEST=path/to/package/_vendor/bgtasks [WITH=starlette,fastapi]
	@test -n "$(DEST)" || { echo "vendor copies the core to DEST: write make vendor DEST=path/to/your/package/_vendor/bgtasks" >&2; exit 2; }
	@test -z "$(UNKNOWN)" || { echo "there is no $(UNKNOWN) in bgtasks: write WITH= with some of $(INTEGRATIONS), or leave it out" >&2; exit 2; }
	@test -e "$(DEST)/ORIGIN" || test -z "$$(ls -A "$(DEST)" 2>/dev/null)" || { echo "$(DEST) is not a copy of bgtasks: write a DEST that is one, or is empty, or is not there yet" >&2; exit 2; }
	mkdir -p "$(DEST)"
	@cd "$(DEST)" && { test ! -e ORIGIN || sed 1d ORIGIN | xargs rm -f; } # an older copy's files
	cp $(COPIED:%=bgtasks/%) LICENSE "$(DEST)/"
	@version=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' bgtasks/__init__.py); \
	commit=$$(test ! -e .git || git describe --always --dirty --abbrev=40 --exclude='*'); \
	echo "bgtasks $$version$${commit:+, commit $$commit}: copied by its make vendor, unchanged" > "$(DEST)/ORIGIN"
	@printf '%s\n' $(COPIED) LICENSE >> "$(DEST)/ORIGIN"

dist: $(READY) ## Make the source distribution and the wheel, in dist, and check them
	@test -z "$$TAG" || test "$$TAG" = "v$$($(BIN)/hatchling version)" || { echo "the tag $$TAG is not the version: set __version__ in bgtasks/__init__.py, or tag v$$($(BIN)/hatchling version)" >&2; exit 2; }
	rm -rf dist
	$(BIN)/hatchling build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

test-wheel: dist ## Test the wheel: under every Python there is, with the lowest and newest dependencies
	$(BIN)/python -m pytest tests/wheel

build: test-wheel ## Make the source distribution and the wheel, in dist, and test them

clean: ## Remove what make has made
	rm -rf .venv .envs build dist site .coverage .*_cache
