# The single entry for people and CI. Nothing but Python 3.11+ and make need be there beforehand.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
QUICK   = not slow and not etcd and not zookeeper and not namespaces and not docker and not ssh
# Two at a time. Whoever is done takes over from the other: what takes longest comes last.
TWO     = -n 2 --dist worksteal

.PHONY: help demo test slow check fix scenarios containers fuzz sanitize wheels bench docs clean

help:  ## Show these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: $(VENV)/.demo  ## Run the first scenario on the simulated cluster
	$(BIN)/dsm-jepsen run isolated-events

test: $(VENV)/.dev  ## Run the whole test suite; what cannot run here skips and says why
	$(BIN)/python -m pytest $(TWO) -m "$(QUICK)"
	$(MAKE) slow

# Tests of clusters kill runs, and look who cleans up after them: one at a time. The others mostly wait.
slow: $(VENV)/.dev  ## Run the tests that take long or need real components
	$(BIN)/python -m pytest -m "not ($(QUICK))" --durations=20 tests/cluster
	$(BIN)/python -m pytest -n 2 -m "not ($(QUICK))" --durations=20 --ignore=tests/cluster

check: $(VENV)/.dev  ## Format, lint, types, layers and the fast tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q $(TWO) -m "$(QUICK)"

fix: $(VENV)/.dev  ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

scenarios: $(VENV)/.dev  ## Run every scenario on five real etcd members and on five ZooKeeper servers
	scripts/every-scenario $(BIN)/dsm-jepsen

containers: $(VENV)/.dev  ## Run the paper's scenarios in five containers, on etcd and on ZooKeeper, and one over SSH
	scripts/containers $(BIN)/dsm-jepsen

fuzz: $(VENV)/.dev  ## Try 20,000 histories per model: kernel, twin, and all orders must agree
	DSM_JEPSEN_FUZZ=20000 $(BIN)/python -m pytest -q $(TWO) --timeout 3600 \
	  tests/checkers/linearizability/test_agreement.py \
	  tests/checkers/linearizability/test_generated_histories.py \
	  tests/checkers/linearizability/test_special_cases.py

sanitize: $(VENV)/.dev  ## Run the kernel's tests with ASan and UBSan
	scripts/sanitize $(BIN)/python

wheels: $(VENV)/.dev  ## Build a wheel for this machine, and try it; cibuildwheel builds those of others
	scripts/wheels $(PYTHON)

bench: $(VENV)/.dev  ## Measure speed; prints figures, asserts nothing
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python -P $$file || exit 1; done

docs: $(VENV)/.dev  ## Build the documentation into docs/_build
	$(BIN)/sphinx-build -q -E -W -b html docs docs/_build

clean:  ## Remove what these targets made
	rm -rf $(VENV) docs/_build docs/reference/api .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist src/dsm_jepsen/_native.*.so

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "dsm-jepsen needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"  # dependency groups

$(VENV)/.demo: pyproject.toml setup.py $(wildcard native/*) | $(VENV)/bin/python
	rm -f src/dsm_jepsen/_native.*.so
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# Nobody shall test a kernel that was made of other sources: it goes before the next is built.
$(VENV)/.dev: pyproject.toml setup.py $(wildcard native/*) | $(VENV)/bin/python
	rm -f src/dsm_jepsen/_native.*.so
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@$(BIN)/python -c 'from dsm_jepsen import _native' || echo "no native kernel: is there a compiler of C++20? The twin in Python does its work."
	@touch $@

