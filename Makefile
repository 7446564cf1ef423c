# SPDX-License-Identifier: GPL-2.0-or-later
# Everything below works from a fresh checkout with Python 3.11, pip and make: `make run` and `make test` set up .venv by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A file of your own for the guest to read: make run FILE=/path/to/it
FILE ?=

# A folder of yours for the guest's disk: make disk DIR=/path/to/it [IMAGE=build/disk.img]
DIR ?=
IMAGE ?= build/disk.img

.PHONY: run disk install test lint check tools baseline clean help

run: install            ## the main job: boot our kernel, read a file, replug, report
	@$(BIN)/replug cycles $(if $(FILE),--file "$(FILE)")

disk: install           ## pack a folder of yours: make disk DIR=FOLDER; then .venv/bin/replug boot --disk build/disk.img
	@test -n "$(DIR)" || { echo "replug: say which folder: make disk DIR=FOLDER"; exit 2; }
	@mkdir -p "$(dir $(IMAGE))"
	@$(BIN)/replug disk pack "$(IMAGE)" "$(DIR)"

install: $(VENV)/.installed   ## make .venv with .venv/bin/replug

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "replug: Python 3.11 or newer is needed: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,mcasm,plot,parquet,cluster]'
	@touch $@

test: $(VENV)/.test-installed  ## all tests; what needs a Debian tool that is missing is skipped with the reason
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGUMENTS)

lint: $(VENV)/.test-installed  ## formatting, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

tools:                  ## Debian packages that some tests compare with (needs root)
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends qemu-system-misc qemu-utils gdb-multiarch lldb gcc-riscv64-unknown-elf binutils-riscv64-unknown-elf device-tree-compiler valgrind chromium llvm opensbi u-boot-qemu

baseline: install       ## write tests/baselines/paper.json anew: the paper's paths, to the instruction
	$(BIN)/replug cycles --quiet --save tests/baselines/paper.json -o /dev/null

clean:                  ## remove everything that was made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:                   ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST)
