# From a fresh clone, with only Python (3.11 or newer) and make:
#   make quickstart    install, run the main job on the embedded sample, show the board
#   make test          install if needed, run the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help quickstart install lint test acceptance acceptance-long check-zoo check-wheel check-slurm check-gpu bench docs leaderboards sample-records clean

help:
	@sed -n 's/^#  *\(make .*\)/\1/p' Makefile

quickstart: install
	$(BIN)/tta-bench run protocol=ucf101_ft

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt
	@echo "Installing into $(VENV): about 6 GB of packages, once, a few minutes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[dev]'
	touch $@

#   make lint          ruff and mypy
lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Tests share the cores by files, one thread each; those that hold a time run alone.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n $(JOBS) --dist loadfile

test: install
	$(PYTEST) -m 'not acceptance and not zoo'

#   make acceptance    the short form of what the suite promises, end to end (JOBS=2 at once; about 12 minutes)
acceptance: install
	$(BIN)/pytest -m 'acceptance and alone and not long' -rP
	$(PYTEST) -m 'acceptance and not alone and not long' -rP

#   make acceptance-long  what takes longer, in full: whole trainings, 50 kills, 10,000 damaged inputs (hours)
acceptance-long: install
	$(BIN)/pytest -m 'acceptance and long' -rP

#   make check-zoo     every backbone against the contract (long)
check-zoo: install
	$(BIN)/pytest -m zoo

#   make check-wheel   the README's ten lines in a fresh virtual environment with the built wheel (6 GB, minutes)
check-wheel:
	PYTHON=$(PYTHON) .ci/check-wheel

#   make check-slurm   an array of two on a one-node SLURM, one told to save: equal to one process (Debian, as root)
check-slurm: install
	.ci/check-slurm

#   make check-gpu     on a CUDA device its tests, and steps as one table: deterministic or not, and how fast (else nothing)
check-gpu: install
	$(BIN)/pytest -m gpu
	$(BIN)/python .ci/check_gpu.py

#   make bench         this suite and its peers, side by side in one run
bench: install
	$(BIN)/pytest -s benchmarks

#   make docs          the pages and the reference, into site/
docs: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

#   make leaderboards  render leaderboards/*.md from the records
leaderboards: install
	$(BIN)/tta-bench leaderboard

#   make sample-records  measure the embedded samples and put them on the boards (from a clean commit; 15 minutes)
SAMPLE := $(BIN)/tta-bench run tier=sample --work-dir runs/sample
SAMPLE_BACKBONES := resnet18 resnet50 timm/mobilenetv3_small_050 timm/regnetx_002 timm/resnet10t
sample-records: install
	$(SAMPLE) protocol=ucf101_ft seed=0,1,2
	for control in frozen reversed shuffled; do $(SAMPLE) protocol=ucf101_ft eval.control=$$control || exit 1; done
	for backbone in $(SAMPLE_BACKBONES); do $(SAMPLE) protocol=ucf101_ft backbone=$$backbone || exit 1; done
	$(SAMPLE) protocol=hmdb51_ft split=1,2,3
	for backbone in resnet50 egemaps resnet50+egemaps; do $(SAMPLE) protocol=abaw_eri backbone=$$backbone || exit 1; done
	for head in knn linear probe; do $(SAMPLE) protocol=ucf101_$$head || exit 1; $(SAMPLE) protocol=hmdb51_$$head split=1,2,3 || exit 1; done
	$(BIN)/tta-bench submit runs/sample/records/*.json

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
