"""How many rephrasings the second tier finds, and what it drops that is none; one table.

    python -m benchmarks.paraphrases --data DIR

Rephrasings by hand (`paraphrases.jsonl`: the wording is ours; what they rephrase is under MIT for
GSM8K and MMLU, Apache-2.0 for TruthfulQA, CC-BY-4.0 for MBPP, CC-BY-SA-4.0 for ARC, and is read
from the data; `de` are translations to German) and by the rules below. ARC's items are those of its
training split: no other is at hand in these data. A hash of each item's id puts it in one of two
halves: the thresholds were set on `development`, the table is about `test`. The suites hold the
items of that half alone, so that the other half of each suite are questions of its kind that are
none of its items.

Each kind of rows is checked by both tiers. `first` is dropped by the lexical tier, `paraphrase` by
the second; the rest is for review, by rule, or nothing. Recall is the share of rephrasings dropped
for the right item, precision the share of right ones among the second tier's drops in all kinds.
"""

import argparse
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.fetch import DATA
from decontam.check import check
from decontam.paraphrase.agreement import SMALL
from decontam.paraphrase.semantic import MAYBE, OTHER_NUMBERS, PARAPHRASE, SEVERAL

BY_HAND = Path(__file__).with_name("paraphrases.jsonl")
SUITES = ("gsm8k", "truthfulqa", "mbpp", "mmlu", "arc")
ARC = re.compile(r"question: (.+?)\s+Answer1: (.+?)\s+Answer format", re.DOTALL)
BY_RULE, NEGATIVES = 500, 1000
WORDS = {value: word for word, value in SMALL.items() if value > 2}
SYNONYMS = {
    "buys": "purchases", "bought": "purchased", "gets": "receives", "got": "received",
    "gave": "handed", "gives": "hands", "costs": "is priced at", "cost": "be priced at",
    "makes": "produces", "made": "produced", "friends": "pals", "friend": "pal",
    "money": "cash", "total": "overall", "altogether": "in all", "wants": "wishes",
    "decides": "chooses", "decided": "chose",
    "needs": "requires", "need": "require", "big": "large", "house": "home", "car": "vehicle",
    "cars": "vehicles", "kids": "children", "children": "kids", "twice": "double", "dad": "father",
    "mom": "mother", "spends": "lays out", "spend": "lay out", "starts": "begins",
    "if": "supposing", "left": "remaining", "also": "in addition", "then": "after that",
    "works": "labors", "and": "as well as", "now": "at present", "sells": "vends",
    "sold": "vended", "has": "owns",
    "had": "owned", "have": "own", "uses": "employs", "eats": "consumes", "ate": "consumed",
}  # fmt: skip
DOES = r"(?:does|do|did|will|can|would)"
ASKED = [
    (re.compile(rf"^How many (.+?) {DOES} (.+)\?$"), "State the number of {0} that {1}."),
    (re.compile(rf"^How much (.+?) {DOES} (.+)\?$"), "State the amount of {0} that {1}."),
    (re.compile(r"^How many (.+)\?$"), "We are looking for the number of {0}."),
    (re.compile(r"^How much (.+)\?$"), "We are looking for an amount: how much {0}?"),
    (re.compile(r"^What is (.+)\?$"), "Determine {0}."),
]


def half(id: str) -> str:
    even = blake2b(f"half {id}".encode(), digest_size=8).digest()[0] % 2 == 0
    return "development" if even else "test"


def read(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.open(encoding="utf-8")]


def by_rule(text: str) -> str:
    """The question first, clauses turned round, words for others, numbers in the other form."""
    sentences = re.split(r"(?<=[.!?])\s+", " ".join(text.split()))
    question = sentences.pop()
    for pattern, template in ASKED:
        if found := pattern.match(question):
            question = template.format(*found.groups())
            break
    turned = [turn_round(sentence) for sentence in sentences]
    return " ".join(
        [in_other_words(question), "Here is what we know.", *map(in_other_words, turned)]
    )


def turn_round(sentence: str) -> str:
    found = re.match(r"^(If|When|After|Before|On|In|For) ([^,]+), (.+)\.$", sentence)
    if not found:
        return sentence
    opening, clause, rest = found.groups()
    return f"{rest[0].upper()}{rest[1:]}, {opening.lower()} {clause}."


def in_other_words(sentence: str) -> str:
    def other(found: re.Match[str]) -> str:
        word = found.group()
        if word.isdigit():
            return WORDS.get(int(word), word)
        if word.lower() in SMALL and SMALL[word.lower()] > 2:
            return str(SMALL[word.lower()])
        said = SYNONYMS.get(word.lower(), word)
        return said.capitalize() if word[0].isupper() and said != word else said

    return re.sub(r"(?<![$.,/\d])\d+(?!\d|[,.:/]\d|/|%)|[A-Za-z]+(?!')", other, sentence)


def other_numbers(text: str, few: bool) -> str | None:
    """The text with one number replaced (`few`), or all; None where it states none."""
    places = [m for m in re.finditer(r"\d[\d,]*(?:\.\d+)?", text) if value(m.group()) > 2]
    if not places:
        return None
    lot = random.Random(text)
    for place in [lot.choice(places)] if few else reversed(places):
        new = int(value(place.group())) * lot.choice([2, 3]) + lot.choice([1, 3, 7])
        text = text[: place.start()] + str(new) + text[place.end() :]
    return text


def value(number: str) -> Fraction:
    return Fraction(number.replace(",", "").rstrip("."))


def questions(file: Path, most: int) -> Iterator[tuple[str, str]]:
    """(id, the first user turn or the prompt) of so many rows, those of the lowest hashes."""
    for row in by_hash(read(file))[:most]:
        yield row["id"], row["prompt"] if "prompt" in row else row["messages"][0]["content"]


def kinds(data: Path, of: str) -> Iterator[tuple[str, bool | None, list[tuple[str, str]]]]:
    """(kind, whether its rows are rephrasings, rows as (id of what they rephrase, text))."""
    hand = [p for p in read(BY_HAND) if half(p["eval_id"]) == of]
    for name in (*SUITES, "de"):
        yield f"by hand, {name}", True, by_hand(hand, name)
    gsm8k = by_hand(hand, "gsm8k")
    test = [(i, t) for i, t in questions(data / "evals/gsm8k.jsonl", 10_000) if half(i) == of]
    ruled = [(i, by_rule(text)) for i, text in test[:BY_RULE]]
    yield "by rule, GSM8K", True, ruled
    for few, name in ((True, "one number changed"), (False, "all numbers changed")):
        changed = [(i, other_numbers(text, few)) for i, text in [*gsm8k, *ruled]]
        yield f"{name}, GSM8K", None, [(i, text) for i, text in changed if text]
    train = [
        (i, t) for i, t in questions(data / "train/gsm8k_train.jsonl", 10_000) if half(i) == of
    ]
    yield "GSM8K train", False, train
    yield "MATH train", False, list(questions(data / "train/math_train.jsonl", NEGATIVES))
    yield (
        "OpenBookQA train",
        False,
        list(questions(data / "train/openbookqa_train.jsonl", NEGATIVES)),
    )
    known = [
        *questions(data / "evals/mmlu_val.jsonl", 2000),
        *questions(data / "evals/mmlu_dev.jsonl", 300),
    ]
    yield "MMLU dev and val", False, known
    for suite in SUITES:
        others = [
            (i["id"], i["prompt"]) for i in by_hash(items(data, suite)) if half(i["id"]) != of
        ]
        yield f"other half of {suite}", False, others[:NEGATIVES]


def by_hand(hand: list[dict[str, Any]], name: str) -> list[tuple[str, str]]:
    """(id of the item, text) of a suite's rephrasings in English, or of those in a language."""
    of = [p for p in hand if p.get("language", p["suite"]) == name]
    return [(p["eval_id"], p["text"]) for p in of]


def by_hash(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: blake2b(row["id"].encode()).digest())


def items(data: Path, suite: str) -> list[dict[str, Any]]:
    """A suite's items."""
    if suite != "arc":
        return read(data / f"evals/{suite}.jsonl")
    found = []
    for row in read(data / "train/arc_challenge_train.jsonl"):
        if asked := ARC.search(row["messages"][0]["content"]):
            choices = re.split(r"\s+Answer\d: ", asked[2])
            answer = choices[int(row["meta"]["answer"].removeprefix("answer")) - 1]
            item = {"id": row["id"], "prompt": asked[1], "choices": choices, "answer": answer}
            found.append(item)
    return found


def suites(data: Path, of: str) -> list[tuple[str, str, list[dict[str, Any]], None]]:
    found = []
    for name in SUITES:
        held = [item for item in items(data, name) if half(item["id"]) == of]
        found.append((name, "development", held, None))
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=DATA, help="see benchmarks/README.md")
    arguments.add_argument("--half", choices=["test", "development"], default="test")
    arguments.add_argument("--wrong", action="store_true", help="print what is wrong or missed")
    given = arguments.parse_args()
    rows, meant = [], {}
    for kind, leak, texts in kinds(given.data, given.half):
        for number, (of, text) in enumerate(texts):
            id = f"{kind}/{number}"
            rows.append({"id": id, "source": kind, "messages": [{"role": "user", "content": text}]})
            meant[id] = (leak, of, text)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = check([file], suites(given.data, given.half), paraphrases=True)
    print_table(meant, found.evidence, given.wrong)


def print_table(meant: dict[str, Any], evidence: pl.DataFrame, wrong: bool) -> None:
    decided: dict[str, list[dict[str, Any]]] = {}
    for line in evidence.select(
        "row_id", "eval_id", "decision", "rule", "score", "reason"
    ).to_dicts():
        decided.setdefault(line["row_id"], []).append(line)
    table: dict[str, Counter[str]] = {}
    right = drops = 0
    for id, (leak, of, text) in meant.items():
        lines = decided.get(id, [])
        outcome, hit = outcome_of(lines, of)
        counts = table.setdefault(id.rsplit("/", 1)[0], Counter())
        counts[outcome] += 1
        counts["right"] += bool(leak and hit)
        if outcome == PARAPHRASE and leak is not None:
            drops += 1
            right += bool(leak and hit)
        if wrong and (outcome == PARAPHRASE if leak is not True else not hit):
            print(f"{id} {of}: {outcome}, {lines[:1]}\n    {text}")
    columns = ("first", PARAPHRASE, OTHER_NUMBERS, SEVERAL, MAYBE, "other review", "nothing")
    heads = ("first", "paraphrase", "numbers", "several", "maybe", "review", "nothing")
    print(f"{'rows':28} {'n':>5} " + " ".join(f"{head:>10}" for head in heads) + f" {'recall':>7}")
    leaks = {id.rsplit("/", 1)[0] for id, (leak, _, _) in meant.items() if leak}
    for kind, counts in table.items():
        n = sum(counts[column] for column in columns)
        recall = f"{counts['right'] / n:.3f}" if kind in leaks else ""
        figures = " ".join(f"{counts[column]:>10}" for column in columns)
        print(f"{kind:28} {n:>5} {figures} {recall:>7}")
    print(f"precision of the second tier's drops: {right} of {drops}, {right / max(drops, 1):.4f}")


def outcome_of(lines: Iterable[dict[str, Any]], of: str) -> tuple[str, bool]:
    """What was decided on a row, and whether it is dropped for the item that it rephrases."""
    dropped = [line for line in lines if line["decision"] == "drop"]
    hit = any(line["eval_id"] == of for line in dropped)
    rules = {line["rule"] for line in dropped or lines}
    for rule in (PARAPHRASE, OTHER_NUMBERS, SEVERAL, MAYBE):
        if rule in rules:
            return rule, hit
    return "first" if dropped else "other review" if rules else "nothing", hit


if __name__ == "__main__":
    main()
