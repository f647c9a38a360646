"""Merging a LoRA adapter into its base: `python -m train.merge --model runs/lora --out runs/whole`.

The manifest and the card go along: the merged model has seen the same data.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

from dataengine.errors import UserError
from train.lineage import MANIFEST
from train.start import adapter_base


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command. Bad input is one line on stderr and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m train.merge", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the folder with the adapter")
    parser.add_argument("--out", type=Path, required=True, help="where the whole model goes")
    given = parser.parse_args(argv)
    try:
        merge(given.model, given.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


def merge(model: Path, out: Path) -> None:
    """Write the base with the adapter's weights added, its tokenizer, manifest and card."""
    if adapter_base(str(model)) is None:
        raise UserError(f"--model {model}: no adapter_config.json there; nothing to merge")
    if (out / "config.json").exists():
        raise UserError(f"--out {out}: already holds a model; choose another")
    try:
        whole = AutoPeftModelForCausalLM.from_pretrained(str(model), dtype="auto")
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"--model {model}: its base cannot be loaded: {first}") from None
    whole.merge_and_unload().save_pretrained(out)
    AutoTokenizer.from_pretrained(model).save_pretrained(out)
    for name in (MANIFEST, "README.md", "curves.png", "recipe.yaml"):
        if (model / name).is_file():
            shutil.copyfile(model / name, out / name)
    print(f"model and manifest: {out}")


if __name__ == "__main__":
    main()
