# Each target sets up what it needs: Python 3.11 or later, make and the package index are enough.
.DELETE_ON_ERROR:
.PHONY: demo test lint generated docs prove bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

demo: $(READY)  ## the main job on the sample city, end to end
	$(BIN)/drukte demo

# Three processes on two processors: some tests mostly wait for servers to start.
test: lint generated  ## everything that must hold, properties with small counts
	$(BIN)/python -m pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

lint: $(READY)  ## style, layout, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

generated: $(READY)  ## reference pages and JSON Schemas are what the contracts make
	$(BIN)/drukte docs --check

# NO_MKDOCS_2_WARNING: the theme's advertisement for another product, which is no fault of these pages.
docs: $(READY)  ## the documentation as a site in build/site/, strict: a broken link is a fault
	$(BIN)/drukte docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

prove: $(READY)  ## the properties with their full counts; writes docs/evidence/
	DRUKTE_PROVE=1 $(BIN)/python -m pytest

bench: $(READY)  ## benchmarks: ratios within one run
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build .demo

# The build tool comes first and pinned too; --no-build-isolation keeps pip from fetching another.
$(READY): constraints.txt pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation --editable '.[dev,docs]'
	touch $(READY)
