# Everything a developer needs, on a machine with Python 3.11 or newer, pip and make.
# A target sets up what it needs first, and only when something changed.

PYTHON ?= python3
ARGS ?=
BENCH ?= lifecycle following status

BIN := .venv/bin
INSTALLED := .venv/.installed
CODE := docs/fromcode libs services tests $(wildcard benchmarks/*.py)

.DEFAULT_GOAL := help
.PHONY: help install dev demo test simulate soak chaos check format docs bench lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  More for the command behind a target: make test ARGS="-k supervisor"'
	@echo '  Another interpreter:                  make install PYTHON=python3.12'

install: $(INSTALLED) ## Make .venv with everything in it, at the versions of requirements.lock

demo: $(INSTALLED) ## Watch three virtual machines come and go, on this machine alone (a minute)
	@$(BIN)/cloudkit demo $(ARGS)

dev: $(INSTALLED) ## Run everything here, for use with kubectl, until Ctrl-C
	@$(BIN)/cloudkit dev $(ARGS)

test: $(INSTALLED) ## Run all tests
	$(BIN)/pytest $(ARGS)

simulate: $(INSTALLED) ## Live through 300 seeded worlds of faults (SEED=17: tell the story of one)
	@PYTHONPATH=tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED)) $(ARGS)

soak: $(INSTALLED) ## Simulate one world after the other, for half an hour or SECONDS=
	@PYTHONPATH=tests $(BIN)/python -m simulation --seconds $(or $(SECONDS),1800) --first $(or $(SEED),0) $(ARGS)

chaos: $(INSTALLED) ## Kill and freeze real processes while 200 people use them (ARGS="--seconds 45 --lifecycles 40")
	@PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

check: $(INSTALLED) ## Lint, formatting, types and import rules, in seconds
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-logo

format: $(INSTALLED) ## Format the code, and mend what the linter can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(INSTALLED) ## Write into the reference pages what the code says
	PYTHONPATH=docs:tests $(BIN)/python -m fromcode

bench: $(INSTALLED) ## Measure how fast instances and jobs are, and what they cost (BENCH=lifecycle, following or status)
	@set -e; for name in $(BENCH); do $(BIN)/python -m benchmarks.$$name $(ARGS); done

lock: $(INSTALLED) ## Write requirements.lock anew from pyproject.toml (ARGS=--upgrade for newer versions)
	$(BIN)/uv --version >/dev/null 2>&1 || $(PYTHON) -m pip --python .venv install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--extra dev --extra otel pyproject.toml -o requirements.lock $(ARGS)

clean: ## Remove .venv and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment. Debian's Python comes without ensurepip unless python3-venv is installed, so pip
# works on .venv from outside. The build back-end is locked as well: building ourselves downloads nothing.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "cloudkit needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one: make $(or $(MAKECMDGOALS),install) PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up .venv ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	@$(PYTHON) -m pip --python .venv install --quiet --require-hashes -r requirements.lock
	@$(PYTHON) -m pip --python .venv install --quiet --no-deps --no-build-isolation -e .
	@touch $@
