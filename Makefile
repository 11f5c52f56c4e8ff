# Needs Python 3.11 or newer and make. Every target sets up what it lacks in $(VENV), once.
#   make test PYTHON=python3.12               another Python
#   make test ARGS="-k digits"                arguments for the program that the target runs

ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN = $(VENV)/Scripts
else
PYTHON ?= python3
BIN = $(VENV)/bin
endif
VENV ?= .venv
ARGS ?=
RUN = $(BIN)/python -m
PIP = $(RUN) pip install --quiet --disable-pip-version-check
DONE = $(VENV)/.done-
BENCHMARKS = $(wildcard tests/benchmarks/bench_*.py)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-peers lint format types docs pictures examples bench setup clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DONE)plots ## film a small network; train one on real digits, check it, draw it
	$(RUN) tinygrad_edu $(ARGS)

test: $(DONE)plots $(DONE)test ## run the tests
	$(RUN) pytest --numprocesses=auto --dist=worksteal $(ARGS)

test-peers: $(DONE)plots $(DONE)test $(DONE)peers ## run the tests against other frameworks
	$(RUN) pytest -m peers $(ARGS)

lint: $(DONE)lint ## look for mistakes and untidy format
	$(RUN) ruff check
	$(RUN) ruff format --check

format: $(DONE)lint ## tidy the format, correct what can be corrected
	$(RUN) ruff check --fix
	$(RUN) ruff format

types: $(DONE)lint $(DONE)test $(DONE)plots ## check the types
	$(RUN) mypy $(ARGS)

docs: $(DONE)docs $(DONE)plots ## build the pages, running their code, into docs/_build/html
	$(RUN) sphinx -M html docs docs/_build --fail-on-warning --keep-going --fresh-env --quiet $(ARGS)

pictures: $(DONE)plots ## make the pictures in docs/images anew
	$(BIN)/python docs/make_pictures.py $(ARGS)

examples: $(DONE)plots $(DONE)examples ## run all examples, some of which take a minute (ARGS=--quick: seconds)
	@set -e; for file in examples/*.py; do echo "== $$file"; $(BIN)/python $$file $(ARGS); done

bench: $(DONE)plots $(DONE)bench ## measure speed, in ten minutes, for docs/benchmarks.md (ARGS=--quick: in seconds)
	@set -e; for file in $(BENCHMARKS); do echo "== $$file"; $(BIN)/python $$file $(ARGS); done

setup: $(DONE)plots $(DONE)fast $(DONE)test $(DONE)lint $(DONE)docs $(DONE)peers ## install everything there is to install

clean: ## remove what was made here, except $(VENV)
	rm -rf build dist demo docs/_build .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +

# A file $(DONE)x says that x is installed; it is installed again when pyproject.toml changes.

$(DONE)venv:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("$(PYTHON) is Python %d.%d, but 3.11 \
	or newer is needed. Name another one, as in: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(PIP) "pip>=25.1"
	@touch $@

$(DONE)package: pyproject.toml $(DONE)venv
	$(PIP) --editable .
	@touch $@

$(DONE)plots $(DONE)fast: $(DONE)%: pyproject.toml $(DONE)package # an extra
	$(PIP) --editable ".[$*]"
	@touch $@

$(DONE)%: pyproject.toml $(DONE)package # a dependency group
	$(PIP) --group $*
	@touch $@
