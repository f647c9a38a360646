"""Question rendering: an item's prompt, its worked examples, and its ground truth."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import yaml

from dataengine.errors import UserError
from eval.suites import Example, Item, Score, Suite
from eval.tasks import truths
from eval.verifiers import verifier

_SLOT = re.compile(r"\{(\w+)\}")
_PROMPT_KEYS, _ANSWER_KEYS = ("question", "input", "problem"), ("target", "solution", "answer")

Shots = tuple[tuple[str, str], ...]
"""Worked examples, as (user turn, assistant turn)."""


@dataclass(frozen=True)
class Question:
    """One item of a suite, ready to be asked.

    `truth` is what the suite's verifier reads, or None with `trouble` saying why there is none.
    `tools` are what the model may call (`meta.tools`, a list or its JSON), as in OpenAI's API.
    `options` are the answers to compare by likelihood (`mc2`), of which the `right` ones are true.
    """

    id: str
    subset: str | None
    prompt: str
    shots: Shots = ()
    truth: str | None = None
    trouble: str | None = None
    tools: tuple[dict[str, Any], ...] = ()
    options: tuple[str, ...] = ()
    right: tuple[bool, ...] = ()


def questions(suite: Suite, limit: int | None = None) -> list[Question]:
    """The suite's scored items as questions, in an order drawn from their ids, the first `limit`.

    That order makes a limited run a sample of the whole suite, the same for every model, and a
    larger limit a superset of a smaller one. Items used as worked examples are not asked.
    """
    score = _score(suite)
    items = [i for i in suite.items() if score.subsets is None or i.subset in score.subsets]
    items.sort(key=lambda item: _order(item.id))
    if not items:
        raise UserError(f"{suite.name}: no items in the scored subsets {score.subsets}")
    if score.examples != "own":
        examples = _examples(score)
        return [_question(suite, item, examples(item.subset)) for item in items[:limit]]
    shown, items = items[: score.shots], items[score.shots :]
    if not items:
        raise UserError(f"{suite.name}: {score.shots} shots leave no item to score")
    shots = tuple((render(score, item), str(item.answer)) for item in shown)
    return [_question(suite, item, shots) for item in items[:limit]]


def render(score: Score, item: Item) -> str:
    """The suite's template filled with the item; a slot that the item lacks is left empty."""
    letters = [chr(65 + at) for at in range(len(item.choices))]
    given: dict[str, Any] = {
        **(item.meta or {}),
        "prompt": item.prompt,
        "passage": item.passage,
        "choices": "\n".join(f"({x}) {c}" for x, c in zip(letters, item.choices, strict=True)),
        "letters": ", ".join(f"({letter})" for letter in letters),
        "tests": "\n".join((item.meta or {}).get("test_list") or ()),
    }

    def fill(slot: re.Match[str]) -> str:
        value = given.get(slot[1], "")
        return "" if value is None else str(value)

    return _SLOT.sub(fill, score.template).strip()


def _question(suite: Suite, item: Item, shots: Shots) -> Question:
    score = _score(suite)
    if score.shuffle:
        item = shuffled(item)
    question = Question(item.id, item.subset, render(score, item), shots, tools=_tools(item))
    if score.metric == "mc2":
        return _by_likelihood(question, item)
    if score.metric == "win_rate" and not item.answer:
        return _with(question, trouble="no ground truth: the item has no reference answer")
    try:
        maker = _maker(score)
        return _with(question, truth=maker(item._asdict()))
    except (KeyError, ValueError, TypeError) as error:
        return _with(question, trouble=f"no ground truth: {error}")


def _tools(item: Item) -> tuple[dict[str, Any], ...]:
    told = (item.meta or {}).get("tools") or ()
    try:
        tools = tuple(orjson.loads(told) if isinstance(told, str) else told)
        assert all(isinstance(tool["function"]["name"], str) for tool in tools)
    except (ValueError, LookupError, TypeError, AssertionError):
        raise UserError(
            f"{item.id}: meta.tools is no list of tools; one is "
            '{"type": "function", "function": {"name": ..., "parameters": ...}}'
        ) from None
    return tools


def _by_likelihood(question: Question, item: Item) -> Question:
    meta = item.meta or {}
    if "labels" in meta:
        right = tuple(bool(label) for label in meta["labels"])
    elif "n_correct" in meta:
        right = tuple(at < int(meta["n_correct"]) for at in range(len(item.choices)))
    else:
        right = tuple(choice == item.answer for choice in item.choices)
    if len(right) != len(item.choices) or not any(right) or all(right):
        return _with(question, trouble="the item does not say which of its choices are right")
    return _with(question, options=item.choices, right=right)


def _with(question: Question, **changes: Any) -> Question:
    return Question(**{**question.__dict__, **changes})


def _maker(score: Score) -> Callable[[dict[str, Any]], str]:
    if score.truth:
        return truths.named(score.truth)
    module = verifier(str(score.verifier)).module
    made: Callable[[dict[str, Any]], str] | None = getattr(module, "ground_truth", None)
    return made or (lambda item: str(item["answer"]))


def shuffled(item: Item) -> Item:
    """The item with its choices in an order drawn from its id, and its letter after them."""
    order = sorted(range(len(item.choices)), key=lambda at: _order(f"{item.id}\0{at}"))
    choices = tuple(item.choices[at] for at in order)
    at = ord(item.label) - 65 if item.label else None
    return item._replace(choices=choices, label=None if at is None else chr(65 + order.index(at)))


def _order(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()


def _examples(score: Score) -> Callable[[str | None], Shots]:
    """What to show before a question of a subset."""
    if score.examples is None:
        return lambda subset: ()
    if isinstance(score.examples, list):
        shots = _turns(score, score.examples[: score.shots])
        return lambda subset: shots
    kind, _, pattern = score.examples.partition(":")
    if kind != "harness" or not pattern:
        raise UserError(f"examples: {score.examples!r} is not own, harness:FILE or a list")
    known: dict[str | None, Shots] = {}

    def from_harness(subset: str | None) -> Shots:
        if subset not in known:
            file = pattern.replace("{subset}", subset or "")
            known[subset] = _turns(score, _in_task_file(file)[: score.shots])
        return known[subset]

    return from_harness


def _turns(score: Score, examples: Sequence[Example]) -> Shots:
    return tuple((render(score, Item("", e.prompt)), e.answer) for e in examples)


def _in_task_file(name: str) -> list[Example]:
    """The worked examples in a task file that comes with lm-evaluation-harness."""
    import lm_eval

    file = Path(lm_eval.__path__[0]) / "tasks" / name
    if not file.is_file():
        raise UserError(f"examples: lm-evaluation-harness has no task file {name}")
    samples = yaml.load(file.read_text(encoding="utf-8"), _Plain)["fewshot_config"]["samples"]
    return [Example(prompt=_any(s, _PROMPT_KEYS), answer=_any(s, _ANSWER_KEYS)) for s in samples]


class _Plain(yaml.SafeLoader):
    """Task files may name functions; their examples need none of them."""


_Plain.add_multi_constructor("!function", lambda loader, suffix, node: None)


def _any(sample: dict[str, str], keys: Sequence[str]) -> str:
    return next(sample[key] for key in keys if key in sample)


def _score(suite: Suite) -> Score:
    if suite.score is None:
        raise UserError(f"{suite.name}: the suite is protected but not scored; it has no `score`")
    return suite.score
