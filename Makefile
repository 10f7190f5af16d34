# Every target works on a fresh machine with Python >= 3.11: it makes .venv first if it has to.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TIER ?= S
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: run test check audit bench bench-peers faults load format lock clean

run: $(VENV)/.run-ready
	@exec $(BIN)/showdrop dev

# Three processes, for most tests wait for something rather than compute. In the order of the folders, whole programs
# before rules: by itself xdist begins with the files of the most tests, and at the end one process waits while the
# others run slow files of few.
test: $(VENV)/.dev-ready
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q --no-header tests/structure

# Known holes in what is locked; 3 when the index of holes cannot be asked from here.
audit: $(VENV)/.dev-ready
	$(BIN)/python -m tests.structure.dependency_audit requirements.lock requirements-dev.lock

bench: $(VENV)/.dev-ready
	$(BIN)/showdrop bench all

bench-peers: $(VENV)/.dev-ready
	$(BIN)/python -m loadtests.bench.peers $(ARGS)

# Both tables are always shown: what faults cost under load, and which errors in the code a test would notice.
faults: $(VENV)/.dev-ready
	@status=0; \
	$(BIN)/python -m tests.faults $(ARGS) || status=1; \
	$(BIN)/python -m tests.faults.run_mutants || status=1; \
	exit $$status

load: $(VENV)/.dev-ready
	$(BIN)/python -m loadtests.load --tier $(TIER) $(ARGS)

format: $(VENV)/.dev-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Needs uv on the PATH; the lock files carry a hash for every platform's wheel. Every extra is in them: what is installed
# from them takes every variable of docs/settings.md.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --all-extras \
		--group pyproject.toml:build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --all-extras \
		--group pyproject.toml:build --group pyproject.toml:dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) *.egg-info build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Showdrop needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run-ready: $(VENV)/.made requirements.lock pyproject.toml
	@echo "Installing the locked dependencies ..."
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	PYTHONWARNINGS=ignore $(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev-ready: $(VENV)/.run-ready requirements-dev.lock
	@echo "Installing the locked development tools ..."
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
