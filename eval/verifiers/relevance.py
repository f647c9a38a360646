"""Relevance check beside a constraint verifier: an answer of bare keywords scores nothing.

A policy rewarded for constraints alone learns to answer with the keywords (Tülu 3, Fig. 28). The
ground truth is a JSON object: `prompt` (the instruction; may be left out), `keywords` (what the
constraints ask for), `min_words` (default 20). The answer passes when, without the keywords, it has
`min_words` words, says them in no fewer than a third as many different ones, is not the prompt
again, and takes up at least one of the prompt's words. Cheap, any language; no judge of quality.
"""

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from eval.verifiers.verdict import MalformedGroundTruth, Verdict

# A word, or one character of a script that writes no spaces.
_WORD = re.compile(r"[぀-ヿ㐀-鿿豈-﫿가-힣฀-๿]|[^\W_]+(?:['’][^\W_]+)*")
_WINDOW = 200


class Demand(BaseModel):
    """The request that an answer is to be about: its words, and the keywords it must have."""

    model_config = ConfigDict(extra="forbid")

    prompt: str = ""
    keywords: list[str] = []
    min_words: int = Field(default=20, ge=1)


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _demand(ground_truth: str) -> Demand:
    try:
        return Demand.model_validate_json(ground_truth)
    except ValidationError as error:
        raise MalformedGroundTruth(str(error).replace("\n", " ")) from error


def check(ground_truth: str) -> None:
    _demand(ground_truth)


def verify(answer: str, ground_truth: str) -> Verdict:
    demand = _demand(ground_truth)
    keywords = {word for phrase in demand.keywords for word in words(phrase)}
    said = [word for word in words(answer) if word not in keywords]
    if len(said) < demand.min_words:
        return Verdict.of(False, f"{len(said)} words of its own, {demand.min_words} wanted")
    window = said[:_WINDOW]
    if len(set(window)) * 3 < min(len(window), 90):
        return Verdict.of(False, f"{len(set(window))} different words in {len(window)}")
    asked = [word for word in words(demand.prompt) if word not in keywords]
    if asked and said == asked:
        return Verdict.of(False, "the prompt again")
    topic = {word for word in asked if len(word) > 3 or not word.isascii()}
    if topic and not any(_kin(word, topic) for word in set(said)):
        return Verdict.of(False, "takes up no word of the prompt")
    return Verdict.of(True, f"{len(said)} words of its own")


def _kin(word: str, topic: set[str]) -> bool:
    """Whether the word, or an inflection of it, is of the topic: a shared beginning will do."""
    return word in topic or (len(word) > 4 and any(word[:5] == other[:5] for other in topic))


def ground_truth(item: dict[str, Any]) -> str:
    demand = (item.get("meta") or {}).get("relevance") or {}
    return Demand(prompt=item["prompt"], **demand).model_dump_json()


def wrong(item: dict[str, Any], other: dict[str, Any] | None) -> list[str]:
    """Bare keywords, one word for ever, and nothing."""
    keywords = _demand(ground_truth(item)).keywords
    return [" ".join(keywords), "yes " * 100, ""]
