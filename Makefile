# `make demo` and `make test` need Python >= 3.11 with its venv module (Debian, Ubuntu: apt-get install python3-venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where pytest finds its work: `make test TESTS=tests/core ARGS=-x`
TESTS ?= tests
ARGS ?=

.PHONY: demo test lint perf test-vllm screenshots docs clean
.DEFAULT_GOAL := demo

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "nemotui needs Python >= 3.11 with venv. Debian or Ubuntu: apt-get install python3-venv; or: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed  ## the whole loop on a pretend 2×H100: no GPU, no Docker
	$(BIN)/nemotui --demo

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports

test: lint  ## everything but timings; real parts that are absent are skipped, see .ci/run
	$(BIN)/pytest -n auto --dist worksteal -m 'not perf and not vllm' $(ARGS) $(TESTS)

test-vllm: $(VENV)/.installed  ## the journey on a real vLLM (CPU): docs/real-vllm.md
	$(BIN)/pytest -m vllm -s $(ARGS) tests/real

perf: $(VENV)/.installed  ## timings, by hand; nvitop is what watching the GPUs is compared with
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,perf]'
	$(BIN)/pytest -m perf -s $(ARGS) tests/perf

screenshots: $(VENV)/.installed  ## the README's pictures, from the pretend machine; PNG where rsvg-convert is installed
	$(BIN)/python -m tests.ui.screenshots

docs: $(VENV)/.installed  ## the parts of README and docs/ that are made from the code
	$(BIN)/python -m tests.docs.generated

clean:
	rm -rf $(VENV) build dist *.egg-info
