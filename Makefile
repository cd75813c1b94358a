# Everything that this project does on a machine. Needs Python 3.11 or newer and make, nothing else.

SHELL := /bin/sh
ifndef PYTHON
PYTHON := $(shell for p in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
endif
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-warn-script-location
TEST_PROCESSES ?= 2

.PHONY: help venv run test lint audit format bench faults

help:
	@echo "make run    start everything on http://127.0.0.1:8000/ (PORT, DATA_DIR, DATABASE_URL, REDIS_URL, DEMO=0)"
	@echo "make test   run the tests"
	@echo "make lint   check format, lint, types, layers, migrations and deployment settings"
	@echo "make audit  ask PyPI whether a pinned package has a known vulnerability (needs the internet)"
	@echo "make format put the code into its format"
	@echo "make bench  measure; one JSON object a line (BENCH_ARGS='--quick intake')"
	@echo "make faults break a real instance in every way under load (FAULTS_ARGS='--only Valkey,disk')"

venv: $(VENV)/.installed

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found. Name one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

# What runs needs only the first part of the file, which halves the first start.
$(VENV)/.product: requirements.txt | $(VENV)/bin/python
	@echo "Installing the pinned packages into $(VENV) ..."
	@sed '/^# Development/,$$d' requirements.txt > $(VENV)/product.txt
	@$(PIP_INSTALL) -r $(VENV)/product.txt
	@touch $@

$(VENV)/.installed: requirements.txt | $(VENV)/bin/python
	@echo "Installing the pinned packages into $(VENV), development included ..."
	@$(PIP_INSTALL) -r requirements.txt
	@touch $(VENV)/.product $@

run: $(VENV)/.product
	@exec $(BIN)/python manage.py up --end-with-parent

test: venv
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) $(PYTEST_ARGS)

# The settings of a real deployment, which `check --deploy` judges.
DEPLOYED = env SECRET_KEY=$$(od -An -N40 -tx1 /dev/urandom | tr -d ' \n') HTTPS=1 HSTS_SECONDS=31536000 \
	ALLOWED_HOSTS=profiles.example.com DATA_DIR=$(VENV)

lint: venv
	@$(BIN)/ruff format --check . || { echo "Not in format; run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@git ls-files -z '*.py' | xargs -0 $(BIN)/django-upgrade --target-version 5.2
	@if [ -n "$$(git ls-files 'templates/*.html')" ]; then \
		git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --check --target-version 5.2; fi
	@$(BIN)/mypy .
	@$(BIN)/lint-imports --no-logo
	@$(DEPLOYED) $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	@$(DEPLOYED) $(BIN)/python manage.py check --deploy --fail-level WARNING

# Apart from what the project needs: the auditor brings thirty packages of its own.
audit: $(BIN)/python
	@test -x $(VENV)/audit/bin/pip-audit || { $(BIN)/python -m venv $(VENV)/audit && \
		$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit==2.10.1; }
	@$(VENV)/audit/bin/pip-audit --requirement requirements.txt --no-deps --disable-pip --progress-spinner off

bench: $(VENV)/.product
	@$(BIN)/python manage.py run_bench $(BENCH_ARGS)

faults: $(VENV)/.product
	@$(BIN)/python manage.py run_faults $(FAULTS_ARGS)

format: venv
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@if [ -n "$$(git ls-files 'templates/*.html')" ]; then \
		git ls-files -z 'templates/*.html' | xargs -0 $(BIN)/djade --target-version 5.2; fi
