PYTHON ?= python3
VENV := .venv

.PHONY: help demo test quick lint docs

help:  ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/ready  ## install visae, and take a network with known features apart, into runs/demo/
	$(VENV)/bin/visae demo --out runs/demo

test: $(VENV)/ready-to-test lint  ## lint, and run all tests
	$(VENV)/bin/python -m pytest

quick: $(VENV)/ready-to-test  ## run all tests but those marked slow, for daily work
	$(VENV)/bin/python -m pytest -m "not slow"

lint: $(VENV)/ready-to-test  ## ruff and mypy
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

docs: $(VENV)/ready-for-docs  ## build the documentation into build/docs/; warnings are errors
	$(VENV)/bin/sphinx-build -W --keep-going -q -b html docs build/docs

$(VENV)/bin/python:
	$(PYTHON) -c "import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f'visae needs Python >= 3.11, $(PYTHON) is {v.major}.{v.minor}: make PYTHON=python3.11 ...')"
	$(PYTHON) -m venv $(VENV)

$(VENV)/ready: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --editable .
	touch $@

$(VENV)/ready-to-test: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --editable ".[dev,lucent]"
	touch $@

$(VENV)/ready-for-docs: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/python -m pip install --editable ".[docs]"
	touch $@
