# make demo   installs what is missing, then trains a tiny model end to end
# make test   installs what is missing, then checks the code and runs every test
# PYTHON=/path/to/python chooses the interpreter that .venv is made with.

# Compiled once and kept, whatever the shell says: a command that compiles itself at each start is slow.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGES := agent recipes inventory controller tui
CODE := $(PACKAGES) tests benchmarks
# Tests mostly wait for processes, so two at a time also pay on two cores. PYTEST_ARGS="-k stop -x" narrows a run.
WORKERS ?= 2
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all unit e2e lint format matrix pictures bench bench-peers faults fuzz clean

help:  ## what there is to make
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1	/' | expand -t 12

$(READY): pyproject.toml scripts/setup.sh
	@scripts/setup.sh
	@touch $@

install: $(READY)  ## .venv with everything, and the system packages

demo: $(READY)  ## a tiny model trained for real, end to end, on this machine
	@$(BIN)/lt demo

test: lint  ## lint, then all tests but the long half
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS) tests

test-all: lint  ## the long half too: every method in full and with LoRA, every loss
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "slow or not slow" $(PYTEST_ARGS) tests

unit: $(READY)  ## the quick tests
	@$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS) tests/unit

e2e: $(READY)  ## the tests over a real sshd, with real training
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS) tests/e2e

lint: $(READY)  ## ruff, mypy, the arrows of the house, and Python 3.9 for the agent
	@$(BIN)/ruff check --quiet $(CODE)
	@$(BIN)/ruff format --check --quiet $(CODE)
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo > $(VENV)/lint-imports.log 2>&1 || { cat $(VENV)/lint-imports.log; exit 1; }
	@$(BIN)/vermin --quiet --no-tips --target=3.9- --violations --exclude-regex '/trainers/' agent/lt_agent
	@echo "lint: clean"

format: $(READY)  ## ruff puts the code in shape
	@$(BIN)/ruff check --fix --quiet $(CODE)
	@$(BIN)/ruff format --quiet $(CODE)

matrix:  ## the quick tests on each Python from 3.10 to 3.13 that is here, without torch
	@scripts/matrix.sh

pictures: $(READY)  ## takes the terminal UI's pictures anew: those that the tests compare, and those of the docs
	@LT_RENEW_PICTURES=1 $(BIN)/python -m pytest -n $(WORKERS) tests/unit/tui/test_pictures.py
	@$(BIN)/python -m benchmarks.pictures docs/pictures

bench: $(READY)  ## measures every speed goal beside its floor, writes benchmarks/results.md
	@$(BIN)/python -m benchmarks

faults: $(READY)  ## breaks things under real jobs and counts what is lost, writes benchmarks/faults.md (root for most)
	@PYTHONPATH=tests:. $(BIN)/python -m benchmarks.faults $(FAULTS_ARGS)

fuzz: $(READY)  ## feeds damaged bytes to what reads strangers' bytes, prints figures
	@$(BIN)/python -m benchmarks.faults.fuzz

bench-peers: $(READY)  ## a public peer beside lt, in an environment of its own; writes benchmarks/peers.md (PEERS_ARGS="--jobs 10")
	@test -x .venv-peers/bin/verdi || { python3 -m venv .venv-peers && .venv-peers/bin/pip install --quiet 'aiida-core~=2.9.0' asyncssh; }
	@$(BIN)/python -m benchmarks.peers .venv-peers/bin/python $(PEERS_ARGS)

clean:  ## takes away everything that was built here
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
