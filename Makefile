# Every target builds what it needs: `make demo` and `make test` work on a fresh clone.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# CPU PyTorch first: any package that pulls torch by itself takes the CUDA build and gigabytes with it.
# On a machine with a GPU: make install TORCH=torch
TORCH ?= torch==2.13.0
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
STAMP := $(VENV)/.installed

.PHONY: install demo test lint format bench bench-merge bench-search zoo zoo-many paper-tables clean

install: $(STAMP)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install "$(TORCH)"
	$(PIP) install --editable ".[dev]"
	touch $@

demo: $(STAMP)
	$(BIN)/adamms demo --out adamms-demo

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 2

lint: $(STAMP)
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

bench: $(STAMP) bench-search
	$(BIN)/python benchmarks/bench_merge.py --size S

bench-search: $(STAMP)
	$(BIN)/python benchmarks/bench_search.py

# mergekit pins other versions than ours, so it has an environment of its own.
MERGEKIT := .bench/mergekit

$(MERGEKIT)/.installed:
	$(PYTHON) -m venv $(MERGEKIT)
	$(MERGEKIT)/bin/pip install --quiet "$(TORCH)"
	$(MERGEKIT)/bin/pip install --quiet "mergekit==0.1.5"
	touch $@

bench-merge: $(STAMP) $(MERGEKIT)/.installed
	$(BIN)/python benchmarks/bench_against_mergekit.py --mergekit $(MERGEKIT)/bin/python --size S
	$(BIN)/python benchmarks/bench_floor.py --size S
	$(BIN)/python benchmarks/bench_merge.py --size S

zoo: $(STAMP)
	$(PIP) install --editable ".[zoo]"
	$(PIP) install --no-deps easy-vqa==1.0
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m adamms.zoo --out .zoo/retrained

# Pairs of several kinds and three seeds, what they answer, and what each label-free signal loses on them.
zoo-many: $(STAMP)
	$(PIP) install --editable ".[zoo]"
	$(PIP) install --no-deps easy-vqa==1.0
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m adamms.zoo.many --out .zoo/many --shipped
	$(BIN)/python -m adamms.zoo.regret --answers .zoo/many/answers

# The paper's experiments, in form, on the shipped pairs; ends in docs/results.md. Goes on where it was stopped.
paper-tables: $(STAMP)
	$(PIP) install --editable ".[zoo]"
	$(PIP) install --no-deps easy-vqa==1.0
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m adamms.zoo.paper --out .zoo/paper

clean:
	rm -rf $(VENV) adamms-demo .mypy_cache .ruff_cache .pytest_cache
