# The one list of commands. On a fresh machine: Python 3.11+, git and make are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEEDS ?= 200
YEARS ?= 20
JOBS ?= 1
RUN_READY := $(VENV)/.ready-run
DEV_READY := $(VENV)/.ready-dev
PRISM := tests/contract/node_modules/.package-lock.json
GENERATOR := $(VENV)/generator/.ready
SITE := $(VENV)/docs/.ready
CALLS := $(VENV)/calls/.ready
KAMAILIO := kamailio kamailio-extra-modules kamailio-json-modules kamailio-utils-modules sip-tester
CLUSTER := $(VENV)/ha/.ready

# The tests start hundreds of processes: without compiled modules each of them compiles every library anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-long call-tools cluster-tools contract check format docs simulate simulate-year mutate bench package lock clean

help: ## List the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(RUN_READY) ## Serve a demo on http://127.0.0.1:8000 and print a curl line to try
	@exec $(BIN)/numberdesk serve --demo

test: $(DEV_READY) ## Run all tests
	$(BIN)/python -m pytest -q -n 4 --dist worksteal  # on two cores, too: much of it waits

test-long: $(DEV_READY) ## Kill hundreds of times, fail over again and again, try new examples, simulate 12,000 seeds (an hour)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m long
	$(BIN)/python -m pytest -q -n 2 --dist worksteal --hypothesis-profile fresh -m hypothesis
	$(BIN)/python -m simulation --seeds 2000 --jobs 2
	$(BIN)/python -m simulation --fresh --seeds 10000 --jobs 2
	$(BIN)/python -m simulation --months --fresh --seeds 200 --jobs 2

call-tools: $(CALLS) ## Fetch Kamailio and SIPp from Debian, into a folder, for the tests that place real calls

$(CALLS): testbed/debian_packages.sh | $(BIN)/python
	@timeout 300 testbed/debian_packages.sh $(VENV)/calls $(KAMAILIO) || echo "Debian's packages could not be fetched: the tests that place real calls will be skipped"

cluster-tools: $(CLUSTER) ## Fetch Patroni, etcd, PgBouncer and Prometheus from Debian, into a folder, for long tests

$(CLUSTER): testbed/debian_packages.sh | $(BIN)/python
	@timeout 300 testbed/debian_packages.sh $(VENV)/ha patroni etcd-server prometheus pgbouncer || echo "Debian's packages could not be fetched: the tests with Patroni, PgBouncer and Prometheus will be skipped"

contract: $(DEV_READY) $(PRISM) $(GENERATOR) ## Hold adapters and the mock of carriers against carriers' documents (needs npm and the documents)
	$(BIN)/python -m pytest -q -m contract tests/contract tests/api/test_generated_client.py

$(PRISM): tests/contract/package-lock.json
	@cd tests/contract && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules/.package-lock.json || \
	echo "npm could not install what the contract tests need: they will be skipped"

# In an environment of its own, because it wants an older typer than we do.
$(GENERATOR): tests/contract/generator.lock | $(BIN)/python
	@$(PYTHON) -m venv $(VENV)/generator && \
	$(VENV)/generator/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r tests/contract/generator.lock && touch $@ || \
	echo "pip could not install the generator of clients: its test will be skipped"

check: $(DEV_READY) ## Run all checks: format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV_READY) ## Format the code and apply safe fixes
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

docs: $(SITE) ## Build the documentation as a site, into site/; fails on a dead link
	NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --strict
	@echo "site/index.html"

$(SITE): docs/_site/requirements.lock | $(BIN)/python
	$(PYTHON) -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r docs/_site/requirements.lock
	@touch $@

simulate-year: $(DEV_READY) ## Run YEARS simulated years of 1,000 numbers, 20 unless told otherwise (minutes each)
	$(BIN)/python -m simulation --year --seeds $(YEARS) --jobs $(JOBS)

simulate: $(DEV_READY) ## Run SEEDS simulated histories, 200 unless told otherwise
	$(BIN)/python -m simulation --seeds $(SEEDS) --jobs $(JOBS)

mutate: $(DEV_READY) ## Change core in every small way and run its tests; fail if one is left unexplained (some minutes)
	rm -rf mutants
	$(BIN)/mutmut run --max-children $(JOBS)
	$(BIN)/mutmut results > mutants/left
	@cat mutants/left
	NUMBERDESK_MUTANTS_LEFT=mutants/left $(BIN)/python -m pytest -q tests/house/test_mutants.py

bench: $(DEV_READY) ## Measure against floors taken in the same run (about a quarter of an hour)
	$(BIN)/python -m bench

package: $(DEV_READY) ## Build the wheel, twice to the same bytes, with a list of what it needs (SBOM) and sums, into dist
	rm -rf dist build/again
	$(BIN)/uv build -q --wheel -o dist .
	$(BIN)/uv build -q --wheel -o build/again .
	cmp dist/*.whl build/again/*.whl
	$(BIN)/uv tool run -q --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.lock \
	  --pyproject pyproject.toml --output-reproducible --of JSON -o dist/numberdesk.cdx.json
	cd dist && rm -f .gitignore && sha256sum * > SHA256SUMS && cat SHA256SUMS

lock: $(DEV_READY) ## Resolve the dependencies anew into the lock files
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header --group dev pyproject.toml -o requirements-dev.lock

clean: ## Delete what the commands above made, the demo database included
	rm -rf $(VENV) var dist build tests/contract/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache mutants site
	find src tests bench simulation -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN_READY): requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(DEV_READY): requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@ $(RUN_READY)
