.DEFAULT_GOAL := help
.PHONY: help figures figures-smoke test check bench notebooks clean

PYTHON ?= $(shell command -v python3.11 || command -v python3)
STAMP := .venv/.installed
RUN := .venv/bin/python
NOTEBOOKS := $(wildcard notebooks/*.py)

help:  ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

figures: $(STAMP)  ## Draw every figure into figures/gallery, from records computed where needed
	$(RUN) -m figures

figures-smoke: $(STAMP)  ## Draw every figure from the smallest preset, into build/smoke-gallery
	$(RUN) -m figures --preset smoke --out build/smoke-gallery

test: $(STAMP)  ## Run all tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2

check: $(STAMP)  ## Lint, format, types and the direction of imports
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy theory
	.venv/bin/lint-imports

bench: $(STAMP)  ## Measure the speed ratios and compare them with their targets
	$(RUN) -m benchmarks

notebooks: $(STAMP)  ## Write each notebook's .ipynb from its .py, and execute it
ifeq ($(NOTEBOOKS),)
	@echo "no notebooks/*.py"
else
	.venv/bin/jupytext --to ipynb $(NOTEBOOKS)
	.venv/bin/jupyter-execute --inplace $(NOTEBOOKS:.py=.ipynb)
endif

clean:  ## Remove the environment, the records and everything built
	rm -rf .venv records build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
		.benchmarks .hypothesis

# A stamp that is still there means that the last install was completed: bring it up to date.
# Without one, start from an empty environment.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no python3 found; install Python 3.11 or newer" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("error: Python 3.11 or newer is needed, %s is %d.%d; name another with make PYTHON=..." % (sys.executable, v[0], v[1]))'
	@if [ -e $@ ]; then rm $@; else $(PYTHON) -m venv --clear .venv; fi
	$(RUN) -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev,notebooks,cluster]'
	@touch $@
