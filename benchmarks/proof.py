"""The whole trip on one small model: `python -m benchmarks.proof` (or `make proof`).

A base model that has read letters but never a conversation goes through everything the project
does: dataengine.build, train.sft, on-policy candidates from a served checkpoint, pairs by
verifier, train.dpo, an rlvr build, train.rlvr, and eval.run on held-out words after each stage.
A second arm leaks half of the held-out words into the demonstrations with decontamination off.
Nothing is downloaded. Each seed is a process of one thread: models this small gain little from a
second, and lose much where cores are shared, so the seeds share the cores instead. A seed that is
finished in --out is not run again: a run that was stopped goes on, and `--seeds 1` first and
`--seeds 1 2 3` after is one of three.
"""

import argparse
import contextlib
import json
import os
import random
import runpy
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import torch
import yaml

from benchmarks import proof_policy, proof_task
from benchmarks.proof_task import CHAT, Question
from eval.verifiers import verify

RECIPES = Path(__file__).parent / "proof_recipes"
SUITES = ("letters", "letters_sampled")
SAMPLES = 8
CANDIDATES = 4
GUARD = {"decontaminate": {"against": ["suites"]}}


@dataclass(frozen=True)
class Size:
    """How much of everything; questions are per task."""

    pretraining: int = 700
    width: int = 160
    depth: int = 4
    demonstrations: int = 350
    pair_prompts: int = 1000
    rlvr_prompts: int = 2000
    held_out: int = 200
    rlvr_steps: int = 150


@dataclass(frozen=True)
class Score:
    """A model on the held-out words: greedy accuracy, mean over 8 samples, any of 8 samples."""

    greedy: float
    mean: float
    any: float

    def __str__(self) -> str:
        return f"{self.greedy:.3f} greedy, {self.mean:.3f} mean, {self.any:.3f} any"


def main() -> None:
    """Run the proof and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/proof"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--no-vllm", action="store_true", help="serve by transformers")
    given = parser.parse_args()
    started, size = time.monotonic(), Size()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes that start here
    torch.set_num_threads(1)
    base = given.out / "base"
    about = once(base / "about.json", partial(pretrained, base, size))
    told(started, f"base model: {about}")
    with ProcessPoolExecutor(len(given.seeds), get_context("spawn")) as pool:
        seeded = partial(finished, given.out, base, size, not given.no_vllm)
        found = list(pool.map(seeded, given.seeds))
    report(found)
    spent = sum(os.times()[:4])  # of this process and of those that it waited for
    print(f"the whole run: {time.monotonic() - started:.0f} s, {spent:.0f} s of CPU")


def finished(out: Path, base: Path, size: Size, vllm: bool, seed: int) -> dict[str, Any]:
    home = out / f"seed{seed}"
    return once(home / "figures.json", partial(trip, home, base, size, seed, vllm))


def once(path: Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What the file holds, or what the work gives, which is then in the file."""
    if not path.is_file():
        started = time.monotonic()
        result = work() | {"seconds": round(time.monotonic() - started)}
        path.write_text(json.dumps(result))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def pretrained(base: Path, size: Size) -> dict[str, Any]:
    return proof_task.pretrain(base, size.pretraining, size.width, size.depth)


def trip(home: Path, base: Path, size: Size, seed: int, vllm: bool) -> dict[str, Any]:
    """All stages for one seed; returns every figure that the tables are made of."""
    started = time.monotonic()
    shutil.rmtree(home, ignore_errors=True)
    held_out = write_questions(home, size, seed)
    sft = stage(home, "sft", base, seed)
    scores = {"base": measure(home, base), "SFT": measure(home, sft)}
    told(started, f"seed {seed}: SFT {scores['SFT']}")

    with proof_policy.served(sft, vllm) as (policy, by):
        write_preferences(home, seed, policy)
        dpo = stage(home, "dpo", sft, seed)
    pairs = manifest(home / "build-dpo")["splits"]
    told(started, f"seed {seed}: pairs {pairs['train']['rows']}, answered by {by}")
    scores["DPO"] = measure(home, dpo)
    unseen = pl.read_parquet(home / "build-dpo" / "data" / "validation-*.parquet").to_dicts()
    ranked = [proof_policy.ranked(model, unseen) for model in (sft, dpo)]
    told(started, f"seed {seed}: DPO {scores['DPO']}; held-out pairs ranked rightly {ranked}")

    more = ("--max_steps", str(size.rlvr_steps))
    rlvr = stage(home, "rlvr", dpo, seed, *more)
    scores["RLVR"] = measure(home, rlvr)
    told(started, f"seed {seed}: RLVR {scores['RLVR']}")

    leaks = leak(home, base, seed, held_out, {q["id"] for q in held_out[::2]})
    told(started, f"seed {seed}: leak {leaks}")
    told_scores = {name: asdict(score) for name, score in scores.items()}
    return {"scores": told_scores, "ranked": ranked, "leak": leaks, "by": by}


def stage(home: Path, name: str, model: Path, seed: int, *more: str) -> Path:
    """Build a stage's data and train on it, both by the project's own commands."""
    build, out = home / f"build-{name}", home / name
    command(home, "dataengine.build", f"{home}/{name}.yaml", "--out", build)
    arguments = ("--data", build, "--model", model, "--recipe", RECIPES / f"{name}.yaml")
    command(home, f"train.{name}", *arguments, "--out", out, "--seed", seed, *more)
    return out


def leak(
    home: Path, base: Path, seed: int, held_out: list[dict[str, Any]], leaked: set[str]
) -> dict[str, float]:
    """Train on half of the held-out questions too; the same build with decontamination, counted."""
    rows = [chat(q["prompt"], q["answer"]) for q in held_out if q["id"] in leaked]
    write(home / "leaked.jsonl", rows)
    build, out = home / "build-leak", home / "leak"
    command(home, "dataengine.build", home / "leak.yaml", "--out", build)
    arguments = ("--data", build, "--model", base, "--recipe", RECIPES / "sft.yaml")
    command(home, "train.sft", *arguments, "--out", out, "--seed", seed, "--allow-undeclared")
    measure(home, out)
    scored = greedy(home, out)
    guarded = home / "build-guarded"
    command(home, "dataengine.build", home / "guarded.yaml", "--out", guarded)
    left = {s["name"]: s["rows"] for s in manifest(guarded)["sources"]}.get("leaked", 0)
    return {
        "leaked": statistics.mean(scored[i] for i in scored if i in leaked),
        "clean": statistics.mean(scored[i] for i in scored if i not in leaked),
        "dropped": (len(rows) - left) / len(rows),
    }


def command(home: Path, module: str, *arguments: object) -> None:
    """`python -m module arguments`, in this process: the commands share their imports."""
    words = [str(argument) for argument in arguments]
    with (home / "log.txt").open("a") as log:
        log.write(f"\n$ python -m {module} {' '.join(words)}\n")
        before, sys.argv = sys.argv, [module, *words]
        try:
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as end:
            if end.code:
                raise SystemExit(f"{module} failed ({end.code}); see {home}/log.txt") from None
        finally:
            sys.argv = before


def measure(home: Path, model: Path) -> Score:
    """A model on the held-out words, by eval.run."""
    out = home / "eval" / model.name
    suites = [word for name in SUITES for word in ("--suite", home / "suites" / f"{name}.yaml")]
    command(home, "eval.run", "--model", model, *suites, "--out", out, "--batch", 128)
    results = pl.read_parquet(next(out.glob("*.parquet")))
    sampled = results.filter(pl.col("suite") == "letters_sampled")
    truths = {q["id"]: q["answer"] for q in read(home / "suites" / "letters.jsonl")}
    reached = [
        any(answer and verify("exact", answer, truths[i]).passed for answer in answers)
        for i, answers in sampled.select("id", "answers").iter_rows()
    ]
    means = sampled["score"].drop_nulls().to_list()
    correct = greedy(home, model).values()
    return Score(statistics.mean(correct), statistics.mean(means), statistics.mean(reached))


def greedy(home: Path, model: Path) -> dict[str, float]:
    """The greedy answer's score to each held-out question, after `measure`."""
    results = pl.read_parquet(next((home / "eval" / model.name).glob("*.parquet")))
    found = results.filter(pl.col("suite") == "letters").select("id", "score")
    return dict(found.drop_nulls().iter_rows())


def write_questions(home: Path, size: Size, seed: int) -> list[dict[str, Any]]:
    """Words that nobody shares for every stage, the suites, and the mixtures; returns the suite."""
    rng, taken = random.Random(seed), set[str]()
    asked = {
        name: proof_task.questions(rng, count, taken)
        for name, count in (
            ("held_out", size.held_out),
            ("demonstrations", size.demonstrations),
            ("pair_prompts", size.pair_prompts),
            ("rlvr_prompts", size.rlvr_prompts),
        )
    }
    held_out = [
        {"id": f"{q.task}-{q.word}", "prompt": q.prompt, "answer": q.answer, "subset": q.task}
        for q in asked["held_out"]
    ]
    write(home / "suites" / "letters.jsonl", held_out)
    demonstrations = [chat(q.prompt, q.answer) for q in asked["demonstrations"]]
    write(home / "demonstrations.jsonl", demonstrations)
    write(home / "chat.jsonl", [chat(said, reply) for said, reply in CHAT.items()])
    for name in ("pair_prompts", "rlvr_prompts"):
        write(home / f"{name}.jsonl", [verifiable(q) for q in asked[name]])
    for name, score in zip(SUITES, ({}, {"samples": SAMPLES, "temperature": 1.0}), strict=True):
        told = {"verifier": "exact", "metric": "exact_match", "max_tokens": 8, **score}
        suite = {"name": name, "local": {"file": "letters.jsonl"}, "score": told}
        dump(home / "suites" / f"{name}.yaml", suite)
    write_mixtures(home, seed)
    return held_out


def write_mixtures(home: Path, seed: int) -> None:
    """The mixtures that need no model, those of the leak arm among them."""
    taught = (source("demonstrations"), source("chat", repeat=10))
    mixture(home, seed, "sft", "sft", *taught, **GUARD)
    mixture(home, seed, "rlvr", "rlvr", source("rlvr_prompts"), **GUARD)
    mixture(home, seed, "leak", "sft", *taught, source("leaked"))
    mixture(home, seed, "guarded", "sft", *taught, source("leaked"), **GUARD)


def write_preferences(home: Path, seed: int, policy: dict[str, Any]) -> None:
    """The mixture of pairs: the policy answers, the verifier says which answer is which."""
    pairs = {
        "name": "pairs",
        "prompts": {"from": [{"path": "pair_prompts.jsonl"}]},
        "candidates": {
            "on_policy": {"model": "policy", "samples": CANDIDATES},
            "temperature": 1.0,
            "max_tokens": 8,
        },
        "pairs": {"rule": "verifier"},
        "licence": "CC0-1.0",
        "skill": "letters",
    }
    splits = {"train": 0.6, "validation": 0.4}
    told = {"models": {"policy": policy}, "splits": splits}
    mixture(home, seed, "dpo", "preference", pairs, **told, **GUARD)


def source(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "path": f"{name}.jsonl", "licence": "CC0-1.0", "skill": "letters", **more}


def mixture(
    home: Path, seed: int, name: str, kind: str, *sources: dict[str, Any], **more: Any
) -> None:
    told = {"name": f"proof-{name}", "kind": kind, "seed": seed, "sources": list(sources)}
    dump(home / f"{name}.yaml", told | more)


def chat(prompt: str, answer: str) -> dict[str, Any]:
    return {"messages": [turn("user", prompt), turn("assistant", answer)]}


def verifiable(asked: Question) -> dict[str, Any]:
    prompt = [turn("user", asked.prompt)]
    return {"prompt": prompt, "ground_truth": asked.answer, "verifier": "exact"}


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def manifest(build: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((build / "manifest.json").read_text())
    return found


def told(started: float, line: str) -> None:
    print(f"[{time.monotonic() - started:5.0f} s] {line}", flush=True)


def report(found: list[dict[str, Any]]) -> None:
    """The two tables, and whether the claims hold."""
    print(f"\n| stage | greedy | mean@{SAMPLES} | pass@{SAMPLES} |\n|---|---|---|---|")
    for name in ("base", "SFT", "DPO", "RLVR"):
        columns = [[f["scores"][name][key] for f in found] for key in ("greedy", "mean", "any")]
        print(f"| {name} | {' | '.join(map(spread, columns))} |")
    before, after = ([f["scores"][name]["mean"] for f in found] for name in ("SFT", "RLVR"))
    gain = statistics.mean(after) - statistics.mean(before)
    noise = max(deviation(before), deviation(after))
    claim = verdict(gain > 2 * noise) if len(found) > 1 else "one seed shows no spread"
    print(f"\nRLVR over SFT, mean@{SAMPLES}: {gain:+.3f}, spread over seeds {noise:.3f}: {claim}")
    ranked = [[f["ranked"][at] for f in found] for at in (0, 1)]
    raised = all(b > a for a, b in zip(*ranked, strict=True))
    print(f"held-out pairs ranked rightly: {spread(ranked[0])} before DPO, {spread(ranked[1])} "
          f"after: {verdict(raised)}")  # fmt: skip
    print("\n| held-out words | greedy after SFT |\n|---|---|")
    for name in ("leaked", "clean"):
        print(f"| {name} | {spread([f['leak'][name] for f in found])} |")
    dropped = spread([f["leak"]["dropped"] for f in found])
    print(f"\nleaked rows that decontamination drops where it is on: {dropped}")
    served = ", ".join(sorted({f["by"] for f in found}))
    print(f"candidates served by {served}; seconds by seed: {[f['seconds'] for f in found]}")


def spread(values: list[float]) -> str:
    """The mean, with the standard deviation over seeds where there are several."""
    many = f" ± {deviation(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{many}"


def deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


def verdict(holds: bool) -> str:
    return "holds" if holds else "DOES NOT HOLD"


if __name__ == "__main__":
    main()
