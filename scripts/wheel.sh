#!/usr/bin/env bash
# The wheel as a stranger meets it: built, installed in an environment of its own, and used in a
# folder that holds nothing of ours but the examples, beside a user's own eval.py, train.py and
# personas.py.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip=(-m pip --quiet --disable-pip-version-check)
"${PYTHON:-python3}" -m venv "$work/venv"
python="$work/venv/bin/python"
mkdir "$work/checkout" # building leaves folders behind
cp -r "$root"/{dataengine,decontam,eval,personas,train,pyproject.toml,README.md,LICENSE} "$work/checkout"
"$python" "${pip[@]}" wheel --no-deps --wheel-dir "$work" "$work/checkout"
"$python" "${pip[@]}" install -c "$root/requirements.lock" "$work"/*.whl
mkdir "$work/a user's folder"
cd "$work/a user's folder"
for name in eval train personas; do echo 'raise SystemExit("a file of the user was run")' >"$name.py"; done
cp -r "$root/examples" mine
PATH="$work/venv/bin:$PATH"
dataengine validate mine/quickstart.yaml
dataengine build mine/quickstart.yaml
decontam check --rows mine/data/conversations.jsonl.gz --suites mine/evals --out found
"$python" -c 'import sys; from importlib.metadata import files
there = {str(f) for f in files("posttrain-dataengine")}
missing = {"dataengine/py.typed", "dataengine/cli.py", "eval/suites/gsm8k.yaml"} - there
sys.exit(f"not in the wheel: {missing}" if missing or not any("LICENSE" in f for f in there) else 0)'
echo "the wheel works: $(basename "$work"/*.whl)"
