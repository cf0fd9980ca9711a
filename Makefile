# Each target sets up what it needs: Python 3.11 or later, make and the package index are enough.
.DELETE_ON_ERROR:
.PHONY: demo test test-commands test-rooms lint generated docs prove bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BESIDE := tests/cli tests/flows tests/golden

demo: $(READY)  ## the main job on the sample city, end to end
	$(BIN)/drukte demo

test: lint generated  ## everything that must hold, properties with small counts
	$(MAKE) --no-print-directory -j2 --output-sync=target test-commands test-rooms

# Two at a time, of about the same length: the commands mostly wait for servers to start, golden days make up for it.
test-commands: $(READY)
	$(BIN)/python -m pytest $(BESIDE)

test-rooms: $(READY)
	$(BIN)/python -m pytest $(addprefix --ignore ,$(BESIDE))

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
