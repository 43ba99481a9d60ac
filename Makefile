# `make demo` runs the whole study of the demo city, `make test` passes the tests; both install first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Compiled modules are kept, whatever the machine says: the tests start many processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check lint types architecture pytest fuzz docs bench clean

# Installed once for each state of the project files.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("kcity_geo needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[tests,docs]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/kcity demo --out out/hanbit --timings

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

# What CI runs, in the same order.
check: lint types architecture docs pytest

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

architecture: $(VENV)/.installed
	$(BIN)/lint-imports

pytest: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

# 200 mutated files for each reader, and 200 examples for each property; the test suite takes a few of them.
fuzz: $(VENV)/.installed
	KCITY_FUZZ_FILES=$${KCITY_FUZZ_FILES:-200} $(BIN)/python -m pytest -n 2 --dist loadfile --timeout 3600 tests/fuzz
	KCITY_EXAMPLES=$${KCITY_EXAMPLES:-200} $(BIN)/python -m pytest -n 2 --dist loadfile --timeout 3600 $$(grep -rlE '^@given' tests)

docs: $(VENV)/.installed
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python benchmarks/network.py

# The lowest versions that pyproject.toml declares, in a venv of their own, with a part of the tests.
# Warnings of old libraries are no errors here; json2html has no wheel.
LOWEST := .venv-lowest
lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet packaging
	$(LOWEST)/bin/python .ci/lowest.py gazetteer office online > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --only-binary :all: --no-binary json2html,kcity-geo \
		--constraint $(LOWEST)/constraints.txt '.[gazetteer,office,online]' pytest pytest-socket pytest-timeout pytest-xdist hypothesis exactextract pyrosm
	$(LOWEST)/bin/python -m pytest -n 2 --dist loadfile -o filterwarnings=default tests/test_docstrings.py tests/test_study.py tests/analysis tests/sources/local

clean:
	rm -rf $(VENV) $(LOWEST) out docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
