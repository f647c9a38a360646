"""N-gram overlap as Tülu 3 published it (section 3.2 and `decontamination/`), to compare with.

A token of an eval item is matched by a training row if some 8-gram that holds the token occurs in
a user turn of the row. A row is dropped where it matches more than half of an item's tokens; a
source is contaminated where it overlaps more than 2 % of any suite's items.

Tokens are the published index's: lower case, split at blanks and `, . ? ! : ; ( ) " -` and
backslash, for rows and items alike. (The published code splits items with spaCy instead, so that
its windows are of 1 to 57 of these tokens; the paper's rule is the one that is here.) An item of
fewer than eight tokens can match nothing, and is counted in the report as unprotected.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from dataengine.rows.texts import Text
from decontam.decide.evidence import EVIDENCE
from decontam.decide.policy import apply_policies
from decontam.index.index import PARTS, Suite
from decontam.io.batches import Batch
from decontam.io.findings import Findings, findings
from decontam.io.tally import Tally

N = 8
SHARE = 0.5
SEPARATOR = re.compile(r'[ ,.?!:;()"\-\n\\]+')
USER_ROLES = ("user", "human", "instruction", "input", "prompt", "question", "query")


def tokens(text: str) -> list[tuple[str, int, int]]:
    """Tokens with their character spans."""
    found, start = [], 0
    lowered = text.lower() if len(text.lower()) == len(text) else text
    for gap in [*SEPARATOR.finditer(lowered), None]:
        end = gap.start() if gap else len(lowered)
        if end > start:
            found.append((lowered[start:end], start, end))
        start = gap.end() if gap else end
    return found


def grams(words: list[str]) -> Iterator[tuple[int, int]]:
    """(hash, position) of each run of N words."""
    for i in range(len(words) - N + 1):
        yield hash(tuple(words[i : i + N])), i


def covered(positions: set[int]) -> set[int]:
    """The tokens that n-grams at some positions cover."""
    return {i + k for i in positions for k in range(N)}


def check_tulu3(
    batches: Iterable[Batch], suites: list[Suite], allow_textless: bool = False
) -> Findings:
    """Findings by the published rule; `score` is the share of the item's tokens matched."""
    items: list[tuple[str, str, list[tuple[str, int, int]], str]] = []
    index: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    named, unprotected = [], Counter[str]()
    for suite in suites:
        before = len(items)
        for item in suite.items():
            split = tokens(str(item["prompt"]))
            for key, i in grams([word for word, _, _ in split]):
                index[key].append((len(items), i))
            unprotected[suite.name] += len(split) < N
            items.append((suite.name, str(item["id"]), split, str(item["prompt"])))
        named.append(
            {
                "name": suite.name,
                "tier": suite.tier,
                "items": len(items) - before,
                "hash": suite.hash,
            }
        )
    read = Tally()
    lines: list[dict[str, Any]] = []
    for batch in batches:
        read.add(Tally.of(batch, allow_textless))
        for r in range(len(batch)):
            for number, positions, turn, text in row_matches(batch.texts(r), index):
                name, eval_id, split, prompt = items[number]
                share = len(covered(positions)) / len(split)
                if share > SHARE:
                    row_id, source = batch.name(r)
                    lines.append(
                        line(row_id, source, name, eval_id, share, turn, text, prompt)
                        | {"item_spans": spans(split, covered(positions))}
                        | {"input": batch.input, "row": int(batch.numbers[r])}
                    )
    table = pl.DataFrame(lines, schema=EVIDENCE)
    facts = {
        **read.report(),
        "method": "tulu3",
        "thresholds": {"n": N, "share": SHARE, "turns": "user"},
        "unprotected": dict(unprotected),
    }
    return findings(apply_policies(table, suites), named, dict(read.sources), facts)


def row_matches(
    texts: list[Text], index: dict[int, list[tuple[int, int]]]
) -> Iterator[tuple[int, set[int], int, str]]:
    """For each item that the row's user turns share an 8-gram with: the 8-grams' positions in the
    item, over all turns, and the first turn that shares one."""
    matched: dict[int, set[int]] = {}
    where: dict[int, tuple[int, str]] = {}
    for turn, text in enumerate(texts):
        if text.role not in USER_ROLES:
            continue
        for key, _ in grams([word for word, _, _ in tokens(text.text)]):
            for item, i in index.get(key, ()):
                matched.setdefault(item, set()).add(i)
                where.setdefault(item, (turn, text.text))
    for item, positions in sorted(matched.items()):
        yield item, positions, *where[item]


def spans(split: list[tuple[str, int, int]], positions: set[int]) -> list[dict[str, int]]:
    """Stretches of characters of n-grams that overlap."""
    found: list[dict[str, int]] = []
    for i in sorted(positions):
        if i - 1 in positions and found:
            found[-1]["end"] = split[i][2]
        else:
            found.append({"start": split[i][1], "end": split[i][2]})
    return found


def line(
    row_id: str,
    source: str,
    suite: str,
    eval_id: str,
    share: float,
    turn: int,
    text: str,
    prompt: str,
) -> dict[str, Any]:
    """One line of evidence."""
    return dict.fromkeys(EVIDENCE) | {
        "row_id": row_id,
        "source": source,
        "suite": suite,
        "eval_id": eval_id,
        "decision": "drop",
        "rule": "tulu3",
        "reason": "",
        "part": PARTS[0],
        "score": share,
        "coverage": share,
        "wording": share,
        "nats": 0.0,
        "needed": SHARE,
        "numbers_replaced": 0,
        "operators_replaced": 0,
        "turn": turn,
        "role": "user",
        "row_spans": [],
        "row_text": text[:6000],
        "row_text_start": 0,
        "item_text": prompt[:4000],
    }
