# `make demo` and `make test` do all the setup they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DATA ?= $(or $(GOLDILOCKS_DATA),../shared/data)

.PHONY: help install demo test check docs bench bank clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/'

install: $(STAMP) ## create .venv/ with everything that demo and tests need

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	# torch first and pinned: a loose range may bring gigabytes of GPU libraries to a machine without a GPU
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

demo: install ## search, fine-tune and bundle a classifier for the BBC News corpus
	$(BIN)/goldilocks demo --out demo-run

test: install ## run the tests (no network)
	$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0

check: install ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install ## build the documentation site in build/site
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	$(BIN)/mkdocs build --strict --quiet

bench: install ## the benchmarks of record (long; needs the data folder)
	$(BIN)/python benchmarks/run_all.py --data $(DATA)

bank: install ## record missing learning curves of the bank for MINUTES (default 180; resumable; needs the data folder)
	$(BIN)/python benchmarks/bank.py --data $(DATA) --minutes $(or $(MINUTES),180)

clean: ## remove all build products
	rm -rf $(VENV) build dist demo-run .pytest_cache .mypy_cache .ruff_cache
