# `make demo`: the main job end to end; `make test`: the tests. Each makes its own environment in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
export DS_ACCELERATOR := cpu

.PHONY: demo test bench lint types check clean

demo: $(VENV)/.base
	$(BIN)/talkie demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

check: lint types test

bench: $(VENV)/.dev
	$(BIN)/python tests/bench/all.py

# OpenCV, which MediaPipe imports, links these two even where no display is used.
define SYSTEM_LIBRARIES
ldconfig -p | grep -q 'libGL\.so\.1' && ldconfig -p | grep -q 'libglib-2\.0\.so\.0' || { \
  echo "installing libgl1 and libglib2.0-0, which OpenCV needs"; \
  apt-get update -qq && apt-get install -qq -y libgl1 libglib2.0-0; } || { \
  echo "talkie needs libGL.so.1 and libglib-2.0.so.0 (Debian: apt-get install libgl1 libglib2.0-0)"; exit 1; }
endef

# A real server for the tests of records in PostgreSQL; they are skipped, and say so, where it cannot be had.
define POSTGRES
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
  echo "installing postgresql, for the tests of records"; apt-get update -qq && apt-get install -qq -y postgresql; } || \
  echo "no PostgreSQL server here: its tests will be skipped (Debian: apt-get install postgresql)"
endef

# torch comes first and exactly pinned: a range could bring gigabytes of CUDA packages, and deepspeed's build looks for
# an installed torch, which an isolated build would not see. DS_BUILD_OPS=0: no compiler is needed.
$(VENV)/.base: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 13) else "talkie needs Python 3.11 or 3.12, this is %d.%d: set PYTHON=" % v)'
	@$(SYSTEM_LIBRARIES)
	@echo "installing 1/2: making $(VENV) and installing torch"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install -qq --constraint constraints.txt pip setuptools wheel ninja torch==2.13.0
	@echo "installing 2/2: Ray, DeepSpeed, MLflow, MediaPipe and the rest (2 to 5 minutes)"
	@DS_BUILD_OPS=0 $(BIN)/pip install -qq --constraint constraints.txt --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo "installing: the test tools"
	@$(BIN)/pip install -qq --constraint constraints.txt --no-build-isolation --editable '.[dev]'
	@$(POSTGRES)
	@touch $@

clean:
	rm -rf $(VENV) demo
