"""Trainers, thin over TRL: a finished dataset in, a model and its card out.

`python -m train.sft`, `train.dpo`, `train.rm`, `train.rlvr` and `train.distill` hold no data logic:
if a trainer needs a column, the engine writes it. `train.merge` adds an adapter to its base.
"""

import os
from importlib.util import find_spec

if find_spec("trl") is None:
    raise SystemExit("train needs TRL and torch: pip install -e '.[train]' in a checkout")

# TRL reports each trainer that is made to the Hub. It must be told before it is imported.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
