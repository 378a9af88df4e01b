# Every target sets up what it needs; a fresh machine wants Python 3.11 or later and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
PROTO := $(wildcard proto/bridge/v1/*.proto)

.DEFAULT_GOAL := help
.PHONY: help demo test conformance bench check format lint types imports proto-lint proto check-stale check-readme \
  check-conformance-page clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV) ..."
	@$(PIP_INSTALL) --editable '.[speed]'
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV) with the development tools ..."
	@$(PIP_INSTALL) --editable '.[speed,postgres,dev]'
	@touch $@ $(VENV)/run.stamp

demo: $(VENV)/run.stamp ## Run the main job: two ledgers, two relayers, records both ways
	@$(BIN)/cargobridge demo $(DEMO_ARGS)

test: $(VENV)/dev.stamp ## Run the test suite
	@$(BIN)/pytest -q -n 2 --dist loadfile

conformance: $(VENV)/run.stamp ## Run the whole conformance kit against a test ledger of each adapter
	@PATH="$(CURDIR)/$(BIN):$$PATH" .ci/conformance $(CONFORMANCE_ARGS)

bench: $(VENV)/dev.stamp ## Measure the shipped programs; a table and bench-results/*.json
	@$(BIN)/cargobridge bench $(BENCH_ARGS)

check: format lint types imports proto-lint check-stale check-readme check-conformance-page ## Everything CI holds besides the tests

format: $(VENV)/dev.stamp
	@$(BIN)/ruff format --check --quiet .

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check --quiet .

types: $(VENV)/dev.stamp
	@$(BIN)/mypy

imports: $(VENV)/dev.stamp
	@$(BIN)/lint-imports

proto-lint: $(VENV)/dev.stamp
	@$(BIN)/buf lint proto

proto: $(VENV)/dev.stamp ## Regenerate bridge/v1 from proto/
	@$(BIN)/python -m grpc_tools.protoc -I proto --python_out=. \
	  --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --mypy_out=quiet:. $(PROTO)
	@$(BIN)/python -m grpc_tools.protoc -I proto --grpc_python_out=. \
	  --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc --mypy_grpc_out=quiet:. \
	  $(filter %_service.proto,$(PROTO))

check-stale: proto
	@git diff --exit-code --stat -- bridge/v1 || (echo "bridge/v1 is stale: run make proto and commit"; exit 1)

check-readme: $(VENV)/dev.stamp
	@$(BIN)/python docs/check_readme.py

check-conformance-page: $(VENV)/dev.stamp
	@$(BIN)/python docs/make_conformance_page.py --check

clean: ## Remove what the targets made
	@rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis bench-results
