# make demo        install and analyse a public clip of one face; needs Python 3.11 or newer, never root
# make test        install and run every test; what a machine lacks is said, and its tests are skipped
# make test-train  the tests of training, which need torch
# make export-tools  TensorFlow and its converter in an environment of their own, for mien export (Python up to 3.12)
# make peers       what users would pick instead, in an environment of its own: make bench measures it beside Mien (Node.js)
# make lint · make typecheck · make bench · make cards · make train · make clean

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
PYTEST_ARGS ?=
# One more than the cores that a small machine has: some tests wait for other programs.
WORKERS ?= 3
OUT ?= demo-report

# Python to make the environment with; the first of these that is 3.11 or newer unless PYTHON names one.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 python; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# Weights and clips that already lie beside the checkout.
ifeq ($(origin MIEN_MODELS),undefined)
ifneq ($(wildcard ../shared/models),)
export MIEN_MODELS := $(abspath ../shared/models)
endif
endif
SHARED_CLIP := $(wildcard ../shared/data/clips/WolfgangLanger_Pexels.mp4)

# pip compiles what it installs on one core; a minute goes by where two could do it. Most of what only the tests need is
# never imported, and is compiled where it is.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
# Some packages carry files of other versions of Python, which nobody imports.
COMPILE := { $(BIN)/python -m compileall -q -j 0 $(VENV)/lib > /dev/null 2>&1 || true; }

.PHONY: help demo test test-train lint typecheck bench cards train export-tools peers clean system-packages fetch

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

$(STAMPS)/venv:
	@test -n '$(PYTHON)' || { echo 'Mien needs Python 3.11 or newer, and none was found. Install it, or name it: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@echo 'making $(VENV) with $(PYTHON)'
	@$(PYTHON) -m venv $(VENV) || { echo '$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@# Releases that come with older Pythons take three times as long to find out what to install.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip==26.3' || echo 'going on with the pip that came with $(PYTHON)'
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/base: $(STAMPS)/venv pyproject.toml constraints.txt
	@echo 'installing mien'
	@$(INSTALL) -e .
	@$(COMPILE)
	@touch $@

$(STAMPS)/dev: $(STAMPS)/base
	@echo 'installing what the tests need'
	@$(INSTALL) -e '.[dev]'
	@touch $@

$(STAMPS)/train: $(STAMPS)/dev
	@echo 'installing torch'
	@$(INSTALL) -e '.[dev,train]'
	@touch $@

demo: $(STAMPS)/base
	@$(BIN)/mien demo --out '$(OUT)'

system-packages:
	@scripts/install_system_packages.sh

fetch: $(STAMPS)/base
	@$(BIN)/mien models pull --all || echo 'some weights are out of reach; the tests that need them are skipped'

test: $(STAMPS)/dev system-packages fetch
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

test-train: $(STAMPS)/train
	@$(BIN)/pytest tests/training $(PYTEST_ARGS)

lint: $(STAMPS)/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# With torch installed, so that the training code is checked against its types.
typecheck: $(STAMPS)/train
	@$(BIN)/mypy

bench: $(STAMPS)/dev fetch
	$(BIN)/python -m benchmarks.pipeline '$(or $(CLIP),$(SHARED_CLIP),$(shell $(BIN)/python -c 'from mien import weights; print(weights.resolve("demo-clip"))' 2>/dev/null))'
	$(BIN)/python -m benchmarks.store
	$(BIN)/python -m benchmarks.service
	@if test -d ../shared/data; then set -x; \
	  $(BIN)/python -m benchmarks.detectors ../shared/data/crowd; \
	  $(BIN)/python -m benchmarks.halls ../shared/data/ferplus/valid.npz; \
	  $(BIN)/python -m benchmarks.skew; \
	  $(BIN)/python -m benchmarks.live ../shared/data; \
	  $(BIN)/python -m benchmarks.classifier; \
	else echo 'the benchmarks of detectors, halls, skew, live measuring and classifier need the shared data beside this checkout'; fi

# Measures the shipped classifiers and writes their cards, the claims and the picture in the README.
cards: $(STAMPS)/dev fetch
	$(BIN)/python -m benchmarks.classifier --write

# Broken off, training on faces goes on where it was; that on texts keeps the seeds that are done and begins the next anew.
# Model folders are left in runs/, where runs of other recipes stop it: move these away.
FERPLUS := ../shared/data/ferplus/train.npz
train: $(STAMPS)/train fetch
	$(BIN)/mien train training/recipes/mien-votes.yaml --out runs/mien-votes --resume
	$(BIN)/mien train training/recipes/mien-votes-finish.yaml --out runs/mien-votes-finish --resume
	$(BIN)/mien train training/recipes/mien-wide.yaml --out runs/mien-wide --resume
	$(BIN)/mien data teach $(FERPLUS) --teacher runs/mien-votes-finish/mien-votes --teacher runs/mien-wide/mien-wide --out runs/soft-labels-first.npz
	$(BIN)/mien train training/recipes/mien-taught.yaml --out runs/mien-taught --resume
	$(BIN)/mien train training/recipes/mobilenetv1-faces.yaml --out runs/mobilenetv1-faces --resume
	$(BIN)/mien train training/recipes/mobilenetv1-faces-finish.yaml --out runs/mobilenetv1-faces-finish --resume
	$(BIN)/mien data teach $(FERPLUS) --teacher runs/mobilenetv1-faces-finish/mobilenetv1-faces --teacher runs/mien-votes-finish/mien-votes --out runs/soft-labels-second.npz
	$(BIN)/mien train training/recipes/mien-long.yaml --out runs/mien-long --resume
	$(BIN)/mien data teach $(FERPLUS) --teacher runs/mobilenetv1-faces-finish/mobilenetv1-faces --teacher runs/mien-long/mien-long --out training/soft-labels.npz
	$(BIN)/mien train training/recipes/mien-m.yaml --out runs/mien-m --resume
	rm -rf runs/one-look runs/joined
	$(BIN)/mien export runs/mien-m/checkpoint.pt --no-mirror --out runs/one-look/mien-s
	$(BIN)/mien models join runs/mobilenetv1-faces-finish/mobilenetv1-faces runs/mien-m/mien-m --data $(dir $(FERPLUS))valid.npz --out runs/joined/mien-l
	cp src/mien/models/mien-l/NOTICE runs/joined/mien-l/
	for model in runs/mien-m/mien-m runs/one-look/mien-s runs/joined/mien-l; do \
	  $(BIN)/mien evaluate $$model $(FERPLUS) --fit-balanced || exit 1; done
	$(BIN)/mien text train training/recipes/mien-text.yaml --out runs/mien-text-start
	$(BIN)/mien text train training/recipes/mien-text-finish.yaml --out runs/mien-text

# Apart from Mien's environment: they want other versions of what Mien stands on.
TOOLS_VENV := .venv-export
TOOLS_PINS := src/mien/conversion/tensorflow_tool.txt

export-tools: $(TOOLS_VENV)/.stamp

$(TOOLS_VENV)/.stamp: $(TOOLS_PINS)
	@test -n '$(PYTHON)' || { echo 'the export tools need Python 3.11 or 3.12, and none was found' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || { echo 'the export tools need Python 3.11 or 3.12: make export-tools PYTHON=/path/to/python3.12' >&2; exit 1; }
	@echo 'making $(TOOLS_VENV): about 3 GB'
	@$(PYTHON) -m venv $(TOOLS_VENV)
	@$(TOOLS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c $(TOOLS_PINS) onnx2tf
	@touch $@

# Apart from Mien's environment, as the export tools are. fer without what it does not run on: 2 GB of torch.
PEERS := .venv-peers

peers: $(PEERS)/.stamp

$(PEERS)/.stamp: benchmarks/peers/requirements.txt benchmarks/peers/package.json
	@test -n '$(PYTHON)' || { echo 'the peers need Python 3.11 or newer, and none was found' >&2; exit 1; }
	@echo 'making $(PEERS): about 3 GB'
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers/requirements.txt
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps fer==25.10.3
	@cp benchmarks/peers/package.json $(PEERS)/
	@npm install --prefix $(PEERS) --silent --no-audit --no-fund --ignore-scripts --no-package-lock
	@touch $@

clean:
	rm -rf $(VENV) $(TOOLS_VENV) $(PEERS) '$(OUT)' build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
