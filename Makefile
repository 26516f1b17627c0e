# make explore   environment, install, and the reaction network of one molecule (SMILES=... for another)
# make test      environment, install, tests
# make lint      formatting, types, import contract
# make install   environment only: .venv with the `cairn` command
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install install-dev explore test test-slow lint format clean

SMILES ?= O=CCCOO
VENV := .venv
BIN := $(VENV)/bin
# The newest xtb-python wheel is for Python 3.11; on later versions tblite takes its place.
FIND_PYTHON := for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null && { echo $$p; break; }; done
PYTHON ?= $(shell $(FIND_PYTHON))

help:
	@sed -n '1,4s/^# //p' Makefile

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Cairn needs Python 3.11 to 3.14 as python3 (or PYTHON=/path/to/python)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

explore: $(VENV)/.installed
	$(BIN)/cairn explore '$(SMILES)'

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test-slow: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
