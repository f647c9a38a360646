"""Pairs on real data and at size: `python -m benchmarks.preferences --data DIR`.

One table of AlpacaEval's published win rates (v1, annotator alpaca_eval_gpt4) beside those that
are recomputed from the annotations, then what the audit says of the pairs; one of the sets whose
pairs are given; one of the time that a million synthetic candidates take.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dataengine.build import execute as build
from dataengine.document import Document
from dataengine.mixture import load
from dataengine.plan import Plan, plan
from dataengine.progress import Progress
from dataengine.run import Run

LEADERBOARD = {"gpt4": 95.28, "claude-2": 91.36, "vicuna-13b": 70.43, "alpaca-7b": 26.46}
"""Win rates against text_davinci_003 as AlpacaEval 1 published them."""

REAL = """\
name: real-pairs
kind: preference
base: {base}
sources:
  - name: alpaca-eval
    candidates: {{path: alpaca_eval_outputs.jsonl, columns: {{text: output}}}}
    annotations:
      path: alpaca_eval_annotations.jsonl
      where: "annotator = 'alpaca_eval_gpt4'"
      columns: {{first: model_1, second: model_2, first_text: output_1, second_text: output_2}}
    pairs: {{rule: pairwise}}
  - {{name: llmbar, path: llmbar.jsonl, columns: {{prompt: prompt_messages}}}}
  - {{name: hh-harmless, path: hh_harmless_test.jsonl, columns: {{prompt: prompt_messages}}}}
"""

SYNTHETIC = """\
name: synthetic-pairs
kind: preference
sources:
  - name: synthetic
    candidates: {path: candidates.parquet}
    pairs: {rule: best_vs_lower, min_margin: 0.5}
"""

CANDIDATES, PER_PROMPT = 1_000_000, 4


def main(prefs: Path) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        real(prefs, Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        synthetic(Path(folder))


def real(prefs: Path, folder: Path) -> None:
    """Win rates, contradictions, length bias, and the given pairs."""
    made = _built(folder, REAL.format(base=prefs))
    audit = made["preferences"][0]
    print(f"{'model':<24}{'published':>10}{'recomputed':>12}")
    for model, published in LEADERBOARD.items():
        print(f"{model:<24}{published:>10.2f}{audit['win_rates'][model]:>12.2f}")
    pairs = _rows(folder).filter(pl.col("source") == "alpaca-eval")
    print(f"\npairs {pairs.height:,}, against their annotation {_contradictions(prefs, pairs)}")
    print(f"not paired: {audit['unpaired']}")
    length = audit["length"]
    print(
        f"longer wins {length['longer_wins']:.1%}; characters, chosen {length['chosen_chars']:,.0f}"
        f", rejected {length['rejected_chars']:,.0f}"
    )
    print(f"\n{'given pairs':<24}{'read':>10}{'kept':>10}{'many turns':>12}")
    for source in made["sources"][1:]:
        rows = _rows(folder).filter(pl.col("source") == source["name"])
        turns = rows.filter(pl.col("prompt").list.len() > 1).height
        print(f"{source['name']:<24}{source['rows_read']:>10,}{rows.height:>10,}{turns:>12,}")
    for stage in made["stages"][1:3]:
        print(f"  {stage['label']}: {stage['reasons'] or 'nothing lost'}")


def _contradictions(prefs: Path, pairs: pl.DataFrame) -> int:
    """Pairs whose sides are not what the annotation, read anew from its file, preferred."""
    wins = set()
    for line in (prefs / "alpaca_eval_annotations.jsonl").open(encoding="utf-8"):
        told = json.loads(line)
        if told["annotator"] == "alpaca_eval_gpt4" and told["preference"] != 1.5:
            sides = told["model_1"], told["model_2"]
            won, lost = sides if told["preference"] < 1.5 else sides[::-1]
            wins.add((told["prompt"], won, lost))
    made = pairs.select(
        pl.col("prompt").list.first().struct.field("content"), "chosen_model", "rejected_model"
    )
    return sum(row not in wins for row in made.iter_rows())


def synthetic(folder: Path) -> None:
    """A million candidates with a score each, from a file to rows, on two threads."""
    draw = np.random.default_rng(7)
    prompt = np.arange(CANDIDATES) // PER_PROMPT
    pl.DataFrame(
        {
            "prompt": [f"What follows from premise number {n}, and why does it?" for n in prompt],
            "model": [f"model-{n % PER_PROMPT}" for n in range(CANDIDATES)],
            "text": [
                f"It follows that {n}. " + "Because of that. " * 20 for n in range(CANDIDATES)
            ],
            "score": draw.integers(1, 21, CANDIDATES) / 4,
        }
    ).write_parquet(folder / "candidates.parquet")
    file = folder / "mixture.yaml"
    file.write_text(SYNTHETIC, encoding="utf-8")
    whole = plan(load(file))
    pairing = Run(Plan(whole.mixture, whole.steps[:1]), folder / "out", 2, Progress(quiet=True))
    cpu, wall = _cpu(), time.perf_counter()
    (done,) = pairing.execute()
    wall, cpu = time.perf_counter() - wall, _cpu() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
    print(
        f"\n{CANDIDATES:,} candidates -> {done.account.kept:,} pairs: {wall:.1f} s wall, "
        f"{cpu:.1f} s CPU, {peak:.2f} GiB peak"
    )


def _built(folder: Path, mixture: str) -> dict[str, Any]:
    file = folder / "mixture.yaml"
    file.write_text(mixture, encoding="utf-8")
    return build(Document(file), plan(load(file)), folder / "out", 2, Progress(quiet=True))


def _rows(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / "out" / "data" / "*.parquet")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, required=True, help="see benchmarks/README.md")
    main(arguments.parse_args().data / "prefs")
