# Everything a fresh machine needs is Python 3.11 or later and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help demo test lint format messages golden bench bench-full venv clean

help: ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.installed ## Watch the whole story on the bundled example
	$(BIN)/newsletter demo

test: $(VENV)/.installed-test lint ## Run every check and every test
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: $(VENV)/.installed-test ## Format, lint, types and the law of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test ## Put the code into its one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

messages: $(VENV)/.installed-test ## Bring new interface texts into the catalogues (templates/locale), to be translated
	@$(BIN)/python tests/catalogues.py

golden: $(VENV)/.installed-test ## Renew the pictures of the themes that tests compare with (look at them first)
	@$(BIN)/python tests/golden

bench: $(VENV)/.installed-test ## Measure against named programs in a few minutes (needs Postfix's smtp-sink)
	@$(BIN)/python tests/bench

bench-full: $(VENV)/.installed-test ## Measure everything, with a million readers and the slow peers
	@$(BIN)/python tests/bench --full

venv: $(VENV)/.installed-test ## Make the virtual environment for working on the code

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; say make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

# The pip of older Pythons stumbles over the one extra that two libraries spell differently, lxml[html_clean].
$(VENV)/.installed-test: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@ $(VENV)/.installed
