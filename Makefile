# Everything runs from .venv, made from the hash-locked requirements; make itself, Python >= 3.11 with venv
# and a POSIX shell are all that a machine must have.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
           --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
ARGS ?=
# Two more than there are processors: many tests wait for a process or a socket.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
# The tests make thousands of small databases: in memory where it has room, as a disk makes them wait for each.
MEMORY = $(shell awk '$$2 == "/dev/shm" && $$4 !~ /noexec/' /proc/mounts 2>/dev/null | grep -q . \
           && test "$$(df -Pk /dev/shm | awk 'END { print $$4 }')" -gt 2000000 && echo TMPDIR=/dev/shm)
SCRATCH = $(if $(TMPDIR),,$(MEMORY))
# The extensions of the extras exist for the locked DuckDB alone.
DUCKDB2 := not extras and not lake and not soak and not mutants and not systemd
# What has nothing to do with DuckDB.
NO_DATABASE := tests/unit/settings tests/unit/simulator tests/unit/alerts tests/unit/test_benchmarks.py \
               tests/e2e/browser tests/e2e/test_cli_service.py tests/e2e/test_prometheus.py

.DEFAULT_GOAL := help
.PHONY: help demo run test test-duckdb2 test-lake test-systemd soak mutants lint format bench bench-lake screenshots lock dlt duckdb1 clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.base  ## simulator and daemon on a scratch database (ARGS=--once ends after both jobs)
	$(BIN)/klk-daemon demo $(ARGS)

run: $(VENV)/.base  ## the daemon in the foreground, on config/klk.toml
	$(BIN)/klk-daemon run $(ARGS)

test: lint  ## linters, type check and the tests
	$(SCRATCH) $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-duckdb2: $(VENV)-duckdb2/.done  ## the tests of the file on DuckDB 2, in an environment of its own
	$(SCRATCH) $(VENV)-duckdb2/bin/python -m pytest -n $(WORKERS) -m '$(DUCKDB2)' $(addprefix --ignore ,$(NO_DATABASE)) $(ARGS)

test-systemd: $(VENV)/.dev  ## the service in a container with a real systemd (root; debootstrap, systemd-nspawn)
	$(BIN)/python -m pytest -m systemd -n 0 --timeout 0 $(ARGS)

test-lake: $(VENV)/.dev  ## a day of three daemons on a lake, and more seeds (PostgreSQL)
	$(BIN)/python -m pytest -m lake --timeout 0 $(ARGS)

soak: $(VENV)/.dev  ## long simulations and crash tests (SEEDS=…, KILLS=…)
	SEEDS=$(or $(SEEDS),1-50) KILLS=$(or $(KILLS),500) $(BIN)/python -m pytest -m soak --timeout 0 $(ARGS)

mutants: $(VENV)/.dev  ## plants the classic mistakes: the simulation must catch each
	$(BIN)/python -m pytest -m mutants --timeout 0 $(ARGS)

lint: $(VENV)/.dev  ## ruff, mypy and the layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## lays the code out
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## measures, 25 minutes (ARGS="--only ventas,week", --quick); writes benchmarks/RESULTS.md
	-@$(MAKE) --no-print-directory dlt
	$(BIN)/python -m benchmarks $(ARGS)

screenshots: $(VENV)/.dev  ## the pictures of the dashboard in docs/ (Chromium)
	PYTHONPATH=tests $(BIN)/python -m e2e.browser.screenshots $(ARGS)

bench-lake: $(VENV)/.dev  ## measures a lake beside a file (PostgreSQL; ARGS='HALF_HOURS STORES')
	$(BIN)/python -m benchmarks.lake $(ARGS)

lock: $(VENV)/.dev  ## makes the lock files anew from pyproject.toml (DuckDB stays on its LTS line)
	$(COMPILE) pyproject.toml --constraint requirements-constraints.txt -o requirements.lock
	$(COMPILE) --group build --constraint requirements.lock -o requirements-build.lock
	$(COMPILE) benchmarks/peers/dlt/requirements.in -o benchmarks/peers/dlt/requirements.lock
	$(COMPILE) pyproject.toml --all-extras --group dev --group build --constraint requirements.lock -o requirements-dev.lock
	sed -n '/^duckdb/d; s/ *\\$$//; /^[a-z]/p' requirements-dev.lock > $(VENV)/but-duckdb.txt
	$(COMPILE) pyproject.toml --group dev --group build --constraint $(VENV)/but-duckdb.txt \
	    --override tests/duckdb2/override.txt --no-annotate -o tests/duckdb2/requirements.lock

dlt: $(VENV)-dlt/.done  ## the peer that the benchmarks compare with, in an environment of its own

duckdb1: $(VENV)-duckdb1/.done  ## the oldest DuckDB that must read our files, for its tests

clean:  ## removes what make has made
	rm -rf $(VENV) $(VENV)-duckdb1 $(VENV)-dlt $(VENV)-duckdb2 .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Wheels only: the install must work without a compiler, and must not run a package's own build code.
$(VENV)/.base: requirements.lock requirements-build.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --require-hashes --only-binary :all: -r requirements.lock -r requirements-build.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@# A service may not write here: without this it would compile every module at each start.
	$(BIN)/python -m compileall -q klk_daemon
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.base
	$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

$(VENV)-duckdb1/.done: tests/duckdb1/requirements.lock
	$(PYTHON) -m venv $(VENV)-duckdb1
	$(VENV)-duckdb1/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all: -r $<
	@touch $@

$(VENV)-dlt/.done: benchmarks/peers/dlt/requirements.lock
	$(PYTHON) -m venv $(VENV)-dlt
	$(VENV)-dlt/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all: -r $<

$(VENV)-duckdb2/.done: tests/duckdb2/requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)-duckdb2
	$(VENV)-duckdb2/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary :all: -r $<
	$(VENV)-duckdb2/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@
