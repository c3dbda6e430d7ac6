.DEFAULT_GOAL := help
.PHONY: help figures figures-smoke reproduce gpu test check pins bench deep mutants notebooks clean

# The Pythons that the pinned torch has wheels for.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)
CORE := .venv/.core
DEV := .venv/.dev
RUN := .venv/bin/python
INSTALL := $(RUN) -m pip install --disable-pip-version-check -c constraints.txt
NOTEBOOKS := $(wildcard notebooks/*.py)

help:  ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

figures: $(CORE)  ## Draw every figure into figures/gallery, from records computed where needed
	$(RUN) -m unmasked figures --all

figures-smoke: $(CORE)  ## Draw every figure from the smallest preset, into build/smoke-gallery
	$(RUN) -m unmasked figures --all --preset smoke --out build/smoke-gallery

reproduce: $(CORE)  ## Compute everything from nothing, models included, and say what moved: 29 minutes on two cores
	$(RUN) -m unmasked reproduce

gpu: $(DEV)  ## On a GPU: its agreement with the CPU first, then the h100 preset; an interrupted run goes on
	$(RUN) -m pytest -q -rs tests/synthetic/test_parity.py
	$(INSTALL) -e '.[pretrained]'
	$(RUN) -m unmasked reproduce --preset h100 --out build/h100 --jobs 1

test: $(DEV)  ## Run all tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2

check: $(DEV)  ## Lint, format, types and the direction of imports
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	.venv/bin/lint-imports

pins:  ## Resolve constraints.txt on the default index without any pip configuration
	PYTHON="$(PYTHON)" .ci/pins

bench: $(DEV)  ## Measure the speed ratios and compare them with their targets
	$(RUN) -m benchmarks

deep: $(DEV)  ## Check every claim on 25 times as many inputs as usual: ten minutes on two cores
	OMP_NUM_THREADS=1 $(RUN) -m unmasked check --profile deep $(CLAIMS)

mutants: $(DEV)  ## Plant faults into the engines and report what notices them (hours with --each 0)
	OMP_NUM_THREADS=1 $(RUN) -m tests.mutants

notebooks: $(DEV)  ## Write each notebook's .ipynb from its .py, and execute it
ifeq ($(NOTEBOOKS),)
	@echo "no notebooks/*.py"
else
	.venv/bin/jupytext --to ipynb $(NOTEBOOKS)
	.venv/bin/jupyter-execute --inplace $(NOTEBOOKS:.py=.ipynb)
endif

clean:  ## Remove the environment, the records, the models and everything built
	rm -rf .venv records models build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
		.benchmarks .hypothesis

# .venv/.core is there as long as the last install, of either part, ran to its end: then bring the environment up to
# date, else start from an empty one, since a package cut off half-way may look whole to pip. What pip had downloaded
# is still in its cache.
# The pip that came with Python may be years old, so the pinned one replaces it first: old ones try versions for
# minutes where it says at once what conflicts, and know no --build-constraint. Pins that a resolver reads, rather
# than a list that it skips, let one file serve every platform and every build of torch.
# TORCH_INDEX=URL takes torch, and nothing else, from another package index: from PyTorch's own for CPUs, say, whose
# wheel is small and brings no CUDA packages.
$(CORE): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "error: no Python from 3.11 to 3.14 found; install one, or name it with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "error: Python 3.11 to 3.14 is needed, and $(PYTHON) is none; name another with make PYTHON=..." >&2; exit 1; }
	@if [ -e $@ ]; then rm $@; else $(PYTHON) -m venv --clear .venv; fi
	$(INSTALL) pip
ifneq ($(TORCH_INDEX),)
	$(INSTALL) --no-deps --index-url $(TORCH_INDEX) torch
endif
	$(INSTALL) --build-constraint constraints.txt -e .
	@touch $@

$(DEV): $(CORE)
	@rm $<
	$(INSTALL) --build-constraint constraints.txt -e '.[dev,notebooks,cluster]'
	@touch $< $@
