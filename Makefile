# The one place where a check is written. A target sets up what it needs in .venv and .envs.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
PYTEST := $(BIN)/python -m pytest
# These cannot be installed beside the rest: their groups in pyproject.toml include "apart".
APART := $(shell sed -n 's/^\([a-z-]*\) = .*"apart".*/\1/p' pyproject.toml)
APART_FRAMEWORKS := $(filter-out arq celery-types,$(APART))
unexport PYTHONDONTWRITEBYTECODE # container images set it: each process would compile what it imports anew

.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' Makefile)

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## /  make \1\t/p' Makefile | expand -t 26

# Environments

$(READY): pyproject.toml
	@$(PYTHON) tools/supported.py
	rm -rf .venv && $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group dev --editable .
	touch $@

# The package itself is linked as in .venv: to install it each time would take longer.
.envs/%/ready: pyproject.toml | $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .envs/$*
	$(BIN)/uv pip install --quiet --python .envs/$*/bin/python --group $* --requirements pyproject.toml
	cp .venv/lib/*/site-packages/*typed_bgtasks.pth .envs/$*/lib/*/site-packages
	touch $@

packages: ## Install the browser and the server that tests need, on Debian and Ubuntu
	@sh tools/packages.sh
clean: ## Remove what make has made
	rm -rf .venv .envs build dist site .coverage .hypothesis .*cache examples/esmerald_*.py tests/*/test_esmerald.py
	find . -name __pycache__ -prune -exec rm -r {} +

# Checks: several run at once, so the longest come first

PARTS := test-frameworks build test-docs test-engines test-pages test types strict test-editors lint
check: $(READY) .envs/docs/ready ## All of it: what a change must pass
	@$(BIN)/python -m tools.check $(PARTS)

lint: $(READY) ## Check style, format, and the workflows' safety
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/zizmor --quiet --offline --persona=pedantic .github
format: $(READY) ## Format the code, and mend what can be mended
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format
types: $(READY) ## Check the types of the code, and of the samples on the pages, under every checker
	$(BIN)/python -m tools.types .venv
typetests: $(READY) ## Ask every type checker what it accepts and rejects
	$(PYTEST) typetests
test: $(READY) ## Run the run-time tests and the typetests, and see that they take every branch
	$(PYTEST) --numprocesses=2 --dist=loadfile --no-loadscope-reorder --cov=bgtasks typetests tests/test_*.py
strict: $(READY) ## Run the core's tests on a copy of it, in the debug modes of Python and asyncio
	sh tools/vendor.sh build/host/copied
	PYTHONPATH=build BGTASKS_UNDER_TEST=host.copied PYTHONASYNCIODEBUG=1 \
		$(BIN)/python -X dev -W error -m pytest --hypothesis-profile=strict tests

test-frameworks: $(READY) $(APART_FRAMEWORKS:%=test-%) ## Run the integrations' tests, each in its environment
	$(PYTEST) tests/integrations --ignore=tests/integrations/engines
test-engines: $(READY) test-arq test-celery-types ## Run the engines' tests: workers killed, brokers stopped
	$(PYTEST) tests/integrations/engines
$(APART:%=test-%): test-%: .envs/%/ready
	@sh tools/apart.sh $*

test-pages: $(READY) ## Test demo, benchmarks, copies, and what README, CONTRIBUTING and the pages say
	$(PYTEST) tests/pages
test-editors: $(READY) ## Test what editors show, through the checkers' language servers
	$(PYTEST) tests/editors
test-docs: site ## Test the site, in a browser too
	$(PYTEST) tests/site

soak: $(READY) ## Search longer for failures, with more load and new random cases: a few minutes
	$(BIN)/python -X dev -m pytest --hypothesis-profile=soak --durations=10 \
		tests/test_properties.py tests/test_refusals.py tests/test_load.py tests/test_faults.py
interleavings: $(READY) ## Try every order of event loop and thread, with up to two switches: some minutes
	$(BIN)/python -m tests.test_interleavings

# What is generated and committed

messages: $(READY) $(APART_FRAMEWORKS:%=.envs/%/ready) ## Write the checkers' messages beside the typetests anew
	for env in .venv $(APART_FRAMEWORKS:%=.envs/%); do $$env/bin/python -m typetests.harness.messages || exit; done
api: $(READY) ## Write the description of the public API anew
	$(BIN)/python -m tests.public_api
bench: $(READY) ## Measure bgtasks beside its peers, and write docs/performance anew [ROUNDS=15]
	$(BIN)/python -m benchmarks $(ROUNDS:%=--rounds %) --folder docs/performance --page docs/performance.md

# What others see, and get

demo: ## Sign somebody up over HTTP, and see what runs when
demo-deploy: ## Restart servers under load, and count the tasks that are lost
demo-celery: ## Sign somebody up, with a Celery worker that runs the tasks [REDIS_URL=redis://...]
demo demo-deploy demo-celery: $(READY)
	$(BIN)/python -m examples.$(subst -,_,$@)

docs: site typetests ## Build the site, in site, and check its links and typed examples; no network is needed
site: $(READY) .envs/docs/ready ## Build the site, and check its links
	$(BIN)/python -m typetests.harness.messages --only-new
	$(BIN)/python -m tools.mistakes
	.envs/docs/bin/python -m zensical build --clean --strict
	.envs/docs/bin/python -m tools.links site
docs-serve: $(READY) .envs/docs/ready ## Show the site at http://127.0.0.1:8000, as you write it
	$(BIN)/python -m tools.mistakes
	.envs/docs/bin/python -m zensical serve --dev-addr 127.0.0.1:8000

vendor: ## Copy the core into another package: DEST=path/to/package/_vendor/bgtasks [WITH=starlette,fastapi]
	@sh tools/vendor.sh "$(DEST)" "$(WITH)"
dist: $(READY) ## Make the source distribution and the wheel, in dist, and check them [TAG=v1.2.3]
	@$(BIN)/python -m tools.release "$(TAG)"
	rm -rf dist
	$(BIN)/hatchling build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
build: dist ## Make both, and test the wheel under every Python there is
	$(PYTEST) tests/wheel
