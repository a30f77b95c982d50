# make demo, make test: everything they need is installed into .venv first (Python 3.11 or newer and make are enough).

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOG := $(VENV)/setup.log
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo test lint readme classes conformance bench wheel clean
.DEFAULT_GOAL := help

help:
	@echo "make demo     train two networks, bring them to Loihi's integers, compare every engine (build/demo)"
	@echo "make test     ruff, mypy and all tests"
	@echo "make lint     ruff and mypy"
	@echo "make readme   write the tables of README.md again"
	@echo "make classes  measure every neuron class on every engine again (minutes), for the README"
	@echo "make conformance"
	@echo "              run every backend on the conformance suite again (minutes), for the README"
	@echo "make bench    measure how fast the engines are (minutes; build/bench.json), for the README"
	@echo "make wheel    build the wheel into dist/"
	@echo "make clean    remove what was built; .venv stays"

setup: $(READY)

# The stamp is touched last: an interrupted set-up runs again. The log is shown when a step fails.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "snndeploy needs Python 3.11 or newer; '$(PYTHON)' is older or missing. Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "Setting up $(VENV) (once, some minutes)"
	@test -x $(BIN)/python && $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || $(PYTHON) -m venv --clear $(VENV)
	@{ $(PIP) --constraint constraints.txt --editable '.[test,lava,onnx,cluster,tensorboard,events,sanafe,search,backends]' asteval \
	  && $(PIP) --no-deps --ignore-requires-python lava-nc==0.10.0; } > $(LOG) 2>&1 \
	  || { cat $(LOG); echo "Set-up failed; the log above is $(LOG)"; exit 1; }
	@touch $@

demo: $(READY)
	@$(BIN)/snndeploy demo --out build/demo

lint: $(READY)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy snndeploy models

test: lint
	@$(BIN)/python -m pytest -q -n $(WORKERS)

readme: $(READY)
	@$(BIN)/python -m snndeploy.report.readme README.md

classes: $(READY)
	@$(BIN)/python -W ignore -m snndeploy.report.classes docs/classes.json
	@$(BIN)/python -m snndeploy.report.readme README.md

conformance: $(READY)
	@$(BIN)/python -W ignore -m snndeploy.report.conformance_table
	@$(BIN)/python -m snndeploy.report.readme README.md

bench: $(READY)
	@$(BIN)/python benchmarks/bench.py --output build/bench.json
	@$(BIN)/python -m snndeploy.report.bench_tables build/bench.json
	@$(BIN)/python -m snndeploy.report.readme README.md

wheel: $(READY)
	@$(BIN)/python -m build --wheel

clean:
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find snndeploy models tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
