PYTHON ?= python3
VENV := .venv

.PHONY: demo test quick lint docs

demo: $(VENV)/ready
	$(VENV)/bin/visae demo --out runs/demo

test: $(VENV)/ready-to-test lint
	$(VENV)/bin/python -m pytest

# For daily work: all but the tests marked slow.
quick: $(VENV)/ready-to-test
	$(VENV)/bin/python -m pytest -m "not slow"

lint: $(VENV)/ready-to-test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

# Into build/docs/. Warnings are errors.
docs: $(VENV)/ready-for-docs
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
