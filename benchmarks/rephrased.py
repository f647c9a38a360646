"""Rephrasings and translations: how many reach a judge, and how many clean rows do.

    python -m benchmarks.rephrased --data DIR --rephrased DIR [--half test]
        [--embeddings URL MODEL FLOOR ACROSS] [--few N] [--items N] [--ledger FILE]

`--rephrased` is `data/rephrase` of `lm-sys/llm-decontaminator@931834a` (Apache-2.0): MMLU questions
reworded by GPT-4 and translated to Chinese, HumanEval reworded and translated to C and JavaScript,
GSM8K reworded. Left out is US history in English, whose rewordings lack the passages they are
about. Beside them stand the rephrasings by hand of `benchmarks.paraphrases`. A hash of an item's id
puts its rephrasing, and every clean row, in one of two halves: floors are set on `development`.
`--embeddings` names an OpenAI-compatible endpoint, with floors as in a mixture; else the packaged
model is used. `--few` rows of each kind and `--items` others of each suite in the index, those of
the lowest hashes, are for endpoints that take long.

A row is `dropped` by the rules alone; `reached` where a line in doubt, or a drop, names the right
item; `judged` where it is gone after a judge that always answers truly. `asked` counts the judge's
calls for 1,000 rows: one for each row in doubt.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from hashlib import blake2b
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import polars as pl

from benchmarks.paraphrases import BY_HAND, by_hand, by_hash, half, items, questions, read
from dataengine.models.model_config import OpenAIModel
from dataengine.models.session import session
from decontam.check import Checker, as_suite
from decontam.index.index import load_or_build
from decontam.io.batches import Columns, read_batches
from decontam.paraphrase.embedding import Model, packaged
from decontam.paraphrase.semantic import JUDGED, Second, with_paraphrases

SUBJECTS = ("abstract_algebra", "sociology", "high_school_us_history")
SUITES = ("mmlu", "humaneval", "gsm8k", "mbpp", "truthfulqa", "arc")
HAND = {"mmlu": "MMLU", "mbpp": "MBPP", "arc": "ARC", "truthfulqa": "TruthfulQA", "de": "in German"}
CLEAN = ("lima", "alpaca", "codealpaca_gpt4", "openbookqa_train", "arc_easy_train",
         "boolq_train", "math_train", "gsm8k_train")  # fmt: skip
CHINESE = "agieval"


class Rows(NamedTuple):
    """Rows of one kind: (the item that it rephrases, or its own id; text)."""

    kind: str
    leak: bool
    texts: list[tuple[str, str]]


def rephrasings(data: Path, folder: Path) -> Iterator[Rows]:
    """Each file's lines stand in the order of the items that they rephrase."""
    mmlu = read(data / "evals/mmlu.jsonl")
    named = {"rephrase_english": "MMLU reworded", "chinese": "MMLU in Chinese"}
    for language, kind in named.items():
        made = []
        for subject in SUBJECTS[:2] if language != "chinese" else SUBJECTS:
            items = [item["id"] for item in mmlu if item["subset"] == subject]
            lines = read(folder / f"{subject}_test_{language}_filtered_question.jsonl")
            made += [(i, line["text"]) for i, line in zip(items, lines, strict=True)]
        yield Rows(kind, True, made)
    coded = [item["id"] for item in read(data / "evals/humaneval.jsonl")]
    for language, kind in (("python", "reworded"), ("c", "in C"), ("js", "in JavaScript")):
        lines = read(folder / f"humaneval_{language}.jsonl")
        made = [(i, line["text"]) for i, line in zip(coded, lines, strict=True)]
        yield Rows(f"HumanEval {kind}", True, made)
    gsm8k = [item["id"] for item in read(data / "evals/gsm8k.jsonl")]
    texts = [line["text"] for line in read(folder / "rephrase_gsm8k.jsonl")]
    asked = [text.removeprefix("Question: ").split("\nAnswer:")[0] for text in texts]
    yield Rows("GSM8K reworded", True, list(zip(gsm8k, asked, strict=True)))
    for name, kind in HAND.items():
        yield Rows(f"by hand, {kind}", True, by_hand(read(BY_HAND), name))


def clean(data: Path, most: int, of: str) -> Iterator[Rows]:
    """Rows of public training sets, those of one half."""
    for name in CLEAN:
        rows = questions(data / f"train/{name}.jsonl", 2 * most + 100)
        yield Rows(name, False, [(i, text) for i, text in rows if half(i) == of][:most])
    asked = questions(data / f"evals/{CHINESE}.jsonl", 10**6)
    chinese = [(i, text) for i, text in asked if sum("一" <= c <= "鿿" for c in text) > 20]
    of_half = [(i, text) for i, text in chinese if half(i) == of]
    yield Rows("AGIEval in Chinese", False, of_half[:most])


def suites(data: Path, needed: set[str], most: int | None) -> list[Any]:
    found = []
    for name in SUITES:
        held = by_hash(items(data, name))
        if most is not None:
            others = [item for item in held if item["id"] not in needed][:most]
            held = [item for item in held if item["id"] in needed] + others
        found.append(as_suite((name, "development", held, None), {}))
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, required=True, help="see benchmarks/README.md")
    arguments.add_argument("--rephrased", type=Path, required=True)
    arguments.add_argument("--half", choices=["test", "development"], default="test")
    arguments.add_argument("--embeddings", nargs=4, metavar=("URL", "MODEL", "FLOOR", "ACROSS"))
    arguments.add_argument("--few", type=int, default=10**6, help="most rows of one kind")
    arguments.add_argument("--items", type=int, help="most items of a suite that nothing rephrases")
    arguments.add_argument("--ledger", type=Path, default=Path("rephrased.sqlite"))
    given = arguments.parse_args()
    leaks = [
        Rows(kind, leak, [(i, text) for i, text in texts if text.strip() and half(i) == given.half])
        for kind, leak, texts in rephrasings(given.data, given.rephrased)
    ]
    kinds = [*leaks, *clean(given.data, min(given.few, 1000), given.half)]
    kinds = [
        kind._replace(texts=sorted(kind.texts, key=lowest_hash)[: given.few]) for kind in kinds
    ]
    needed = {i for rows in kinds if rows.leak for i, _ in rows.texts}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if given.embeddings:
            url, name, floor, across = given.embeddings
            models = {name: OpenAIModel(model=name, base_url=url, max_concurrency=2)}
            opened = stack.enter_context(session(models, given.ledger, None))
            embed = partial(opened.embed, name, stage="rephrased")
            model = Model(name, lambda texts: embed(texts=texts), float(floor), float(across))
        else:
            model = packaged()
        print_table(kinds, evidence(kinds, suites(given.data, needed, given.items), model, folder))


def lowest_hash(row: tuple[str, str]) -> bytes:
    return blake2b(row[0].encode()).digest()


def evidence(kinds: list[Rows], protected: list[Any], model: Model, folder: Path) -> pl.DataFrame:
    """What both tiers say of the rows, each of which is called by its kind and number."""
    file = folder / "rows.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for rows in kinds:
            for number, (_, text) in enumerate(rows.texts):
                turn = {"role": "user", "content": text}
                row = {"id": f"{rows.kind}/{number}", "source": rows.kind, "messages": [turn]}
                out.write(json.dumps(row) + "\n")
    checker = Checker(load_or_build(protected, folder), protected)
    first = checker.run(read_batches([file], Columns(None)), 2)
    cpu = process_time()
    batches = read_batches([file], Columns(None))
    found = with_paraphrases(
        first, checker.index, protected, batches, folder, Second(model, asked=True)
    )
    n, items = sum(len(rows.texts) for rows in kinds), len(checker.index.item_ids)
    print(f"{n:,} rows, {items:,} items, {model.name}: {process_time() - cpu:.0f} CPU-s here\n")
    return found.evidence


def print_table(kinds: list[Rows], found: pl.DataFrame) -> None:
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in found.select("row_id", "eval_id", "decision", "rule").to_dicts():
        lines.setdefault(line["row_id"], []).append(line)
    print(f"{'rows':24} {'n':>5} {'dropped':>8} {'reached':>8} {'judged':>8} {'asked/1000':>11}")
    right = drops = 0
    for rows in kinds:
        dropped = reached = judged = asked = 0
        for number, (of, _) in enumerate(rows.texts):
            said = lines.get(f"{rows.kind}/{number}", [])
            gone = {line["eval_id"] for line in said if line["decision"] == "drop"}
            doubt = {line["eval_id"] for line in said if line["rule"] in JUDGED}
            asked += bool(doubt) and not gone
            dropped += bool(gone)
            reached += of in gone | doubt
            judged += bool(gone) or (rows.leak and of in doubt)
            drops += bool(gone) or (rows.leak and of in doubt)
            right += rows.leak and of in gone | doubt
        n = max(len(rows.texts), 1)
        held = f"{reached / n:8.3f} {judged / n:8.3f}" if rows.leak else f"{'':8} {'':8}"
        print(f"{rows.kind:24} {n:>5} {dropped / n:8.3f} {held} {1000 * asked / n:11.0f}")
    print(f"\nprecision of what is dropped, with a judge that answers truly: {right} of {drops}")


if __name__ == "__main__":
    main()
