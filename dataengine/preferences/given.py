"""Given candidates: tables of answers, scores and comparisons, joined on ids."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

import polars as pl

from dataengine.errors import UserError
from dataengine.preferences import records
from dataengine.preferences.candidates import (
    CANDIDATES,
    JUDGEMENTS,
    PROMPTS,
    SCORES,
    Judged,
    candidate_id,
    empty,
    filled,
)
from dataengine.preferences.preference_source import Given, PreferenceSource
from dataengine.rows.errors import ShapeError
from dataengine.stages.stage import FAILED

NO_ANSWER = dict.fromkeys(CANDIDATES)
NO_SCORE = dict.fromkeys(SCORES)
ABOUT = ("verifier", "ground_truth", "skill", "language", "licence")
KEPT = ("verifier", "ground_truth")
"""What a record may say of its prompt, and what of that it may say without being asked to: a
table's own `language` column means whatever that table meant by it."""

NOT_APPLICABLE = ("n/a", "na", "not applicable")


def read(source: PreferenceSource, limit: int | None = None) -> Judged:
    """The tables of a source whose candidates are given.

    `limit` makes a preview: at most so many records of candidates.

    Raises:
        UserError: a table is not there, or nothing in it is what it should be.
    """
    return _Reading(source, limit).judged()


class Growing:
    """Table builder: rows turned into columns a batch at a time."""

    def __init__(self, schema: dict[str, pl.DataType]):
        self.schema = schema
        self._rows: list[dict[str, Any]] = []
        self._parts: list[pl.DataFrame] = [empty(schema)]

    def append(self, row: dict[str, Any]) -> None:
        """One more row, with every column."""
        self._rows.append(row)
        if len(self._rows) >= records.BATCH:
            self._flush()

    def frame(self) -> pl.DataFrame:
        """All rows so far, in their order."""
        self._flush()
        return pl.concat(self._parts)

    def _flush(self) -> None:
        columns = zip(*map(itemgetter(*self.schema), self._rows), strict=True)
        if self._rows:
            named = dict(zip(self.schema, map(list, columns), strict=True))
            self._parts.append(pl.DataFrame(named, schema=self.schema))
        self._rows = []


class _Reading:
    """Reads candidates first: scores and comparisons are of those."""

    def __init__(self, source: PreferenceSource, limit: int | None):
        self.source, self.limit = source, limit
        self.failed: list[dict[str, Any]] = []
        self._seen: Counter[str] = Counter()
        self._prompts: dict[str, dict[str, Any]] = {}
        self._ids_of_texts: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._of_model: dict[str, str | None] = {}
        self._more = Growing(CANDIDATES)
        self._scores_beside = Growing(SCORES)
        table = source.tables["candidates"]
        self._dataset = table.called
        self._named = [key for key in ABOUT if key in table.columns or key in KEPT]

    def judged(self) -> Judged:
        tables = self.source.tables
        candidates = self._table(tables["candidates"], "candidates", self._candidate, CANDIDATES)
        scores = self._scores_beside.frame()
        if "scores" in tables:
            scores = self._table(tables["scores"], "scores", self._score, SCORES)
        judgements = empty(JUDGEMENTS)
        if "annotations" in tables:
            judgements = self._table(
                tables["annotations"], "annotations", self._comparison, JUDGEMENTS
            )
        return Judged(
            prompts=filled(PROMPTS, [*self._prompts.values()]),
            candidates=pl.concat([candidates, self._more.frame()]),
            scores=scores,
            judgements=judgements,
            failed=pl.DataFrame(self.failed, schema=FAILED),
        )

    def _table(
        self,
        table: Given,
        key: str,
        read: Callable[[Mapping[str, Any]], dict[str, Any]],
        schema: dict[str, pl.DataType],
    ) -> pl.DataFrame:
        """A table of ours from a table of theirs; what cannot be read goes to `failed`."""
        rows = Growing(schema)
        before = len(self.failed)
        limit = self.limit if key == "candidates" else None
        for row in records.made(table, key, self.source.name, read, self.failed, limit):
            rows.append(row)
        whole = rows.frame()
        if not whole.height and not self.limit:
            why = self.failed[before]["reason"] if len(self.failed) > before else "it is empty"
            raise UserError(
                f"source {self.source.name}: {key}: {table.path or table.hub}: not one record "
                f"can be used ({why}); name its columns with columns:"
            )
        return whole

    def _prompt(self, value: Mapping[str, Any]) -> str:
        """The id of a record's prompt; the first record that has it says what else is known."""
        given = value.get("prompt")
        if isinstance(given, str) and given in self._ids_of_texts:
            return self._ids_of_texts[given]
        asked = records.turns(value)
        found = records.identity(asked["prompt"])
        if isinstance(given, str):
            self._ids_of_texts[given] = found
        if found not in self._prompts:
            self._prompts[found] = {
                "prompt_id": found,
                **asked,
                "origin": _text(value, "origin") or self._dataset,
                **{key: _text(value, key) for key in self._named},
            }
        return found

    def _candidate(self, value: Mapping[str, Any]) -> dict[str, Any]:
        prompt, model = self._prompt(value), _text(value, "model")
        if model is None:
            raise ShapeError("no model")
        number = value.get("sample")
        key = prompt + model
        sample = number if isinstance(number, int) else self._seen[key]
        self._seen[key] += 1
        found = self._answer(prompt, model, sample, value.get("text"))
        given = _text(value, "candidate_id")
        if given:
            found["candidate_id"] = given
        if found["candidate_id"] in self._known:
            raise ShapeError("the same answer twice")
        for key in ("policy", "finish_reason", "request", "reasoning"):
            if key in value:
                found[key] = _text(value, key)
        found["on_policy"] = value.get("on_policy") is True
        tokens, passed = value.get("tokens"), value.get("passed")
        found["tokens"] = tokens if isinstance(tokens, int) else None
        found["passed"] = passed if isinstance(passed, bool) else None
        self._index(found)
        if "score" in value:
            score, state = _score(value["score"], None)
            self._scores_beside.append(
                NO_SCORE
                | {
                    "candidate_id": found["candidate_id"],
                    "prompt_id": prompt,
                    "aspect": "score",
                    "score": score,
                    "state": state,
                }
            )
        return found

    def _answer(self, prompt: str, model: str, sample: int, text: Any) -> dict[str, Any]:
        if not isinstance(text, str):
            raise ShapeError("no text")
        try:
            named = candidate_id(prompt, model, sample, text)
        except UnicodeEncodeError:
            raise ShapeError("lone surrogate") from None
        return {
            **NO_ANSWER,
            "candidate_id": named,
            "prompt_id": prompt,
            "model": model,
            "on_policy": False,
            "sample": sample,
            "text": text,
        }

    def _index(self, answer: dict[str, Any]) -> None:
        """How scores and comparisons find an answer: by its id, or by prompt and model if alone."""
        self._known[answer["candidate_id"]] = answer["prompt_id"]
        key = answer["prompt_id"] + answer["model"]
        self._of_model[key] = None if key in self._of_model else answer["candidate_id"]

    def _score(self, value: Mapping[str, Any]) -> dict[str, Any]:
        given = _text(value, "candidate_id")
        if given is None:
            given = self._found(self._prompt_of(value), _text(value, "model"))
        elif given not in self._known:
            raise ShapeError("no such answer")
        return self._said({"candidate_id": given, "prompt_id": self._known[given]}, value)

    def _said(self, answer: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
        """One score, with what the judge said about it."""
        score, state = _score(value.get("score"), value.get("state"))
        position = value.get("position")
        return {
            "candidate_id": answer["candidate_id"],
            "prompt_id": answer["prompt_id"],
            "aspect": _text(value, "aspect") or "score",
            "score": score,
            "state": state,
            "rationale": _text(value, "rationale"),
            "position": position if isinstance(position, int) else None,
            "judge": _text(value, "judge"),
            "request": _text(value, "request"),
        }

    def _comparison(self, value: Mapping[str, Any]) -> dict[str, Any]:
        prompt = _text(value, "prompt_id") or self._prompt_of(value)
        swapped, orders = value.get("swapped"), value.get("orders")
        first, second = (self._side(prompt, value, side) for side in ("first", "second"))
        if {self._known[first], self._known[second]} != {prompt}:
            raise ShapeError("the answers are to another prompt")
        return {
            "prompt_id": prompt,
            "first": first,
            "second": second,
            "preference": _preference(value.get("preference")),
            "swapped": _preference(swapped),
            "orders": orders if isinstance(orders, int) else 1 if swapped is None else 2,
            "rationale": _text(value, "rationale"),
            "judge": _text(value, "judge"),
            "request": _text(value, "request"),
        }

    def _side(self, prompt: str, value: Mapping[str, Any], side: str) -> str:
        """The answer on one side; where the judge saw another text, that is one more candidate."""
        named = _text(value, side)
        if named in self._known and named is not None:
            return named
        text = value.get(f"{side}_text")
        if text is None:
            return self._found(prompt, named)
        if named is None:
            raise ShapeError(f"no {side}")
        answer = self._answer(prompt, named, self._seen[prompt + named], text)
        self._seen[prompt + named] += 1
        self._known[answer["candidate_id"]] = prompt
        self._more.append(answer)
        return str(answer["candidate_id"])

    def _prompt_of(self, value: Mapping[str, Any]) -> str:
        """The id of a prompt that some candidate answers."""
        given = value.get("prompt")
        known = self._ids_of_texts.get(given) if isinstance(given, str) else None
        found = known or records.identity(records.turns(value)["prompt"])
        if found not in self._prompts:
            raise ShapeError("no candidate answers this prompt")
        return found

    def _found(self, prompt: str, model: str | None) -> str:
        key = prompt + (model or "")
        if key not in self._of_model:
            raise ShapeError(f"no such answer: of {model}")
        found = self._of_model[key]
        if found is None:
            raise ShapeError(f"several answers: of {model}; name them by candidate_id")
        return found


def _text(value: Mapping[str, Any], key: str) -> str | None:
    """A column's text, and nothing where there is none; structured truths are kept as JSON."""
    found = value.get(key)
    if found is None or found == "":
        return None
    if isinstance(found, str):
        return found
    if isinstance(found, dict | list):
        import orjson

        return orjson.dumps(found).decode()
    return str(found)


def _score(value: Any, state: Any) -> tuple[float | None, str]:
    """A score and its state: scored, not applicable, or missing; never a default."""
    if state in ("not applicable", "missing"):
        return None, state
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
        return float(value), "scored"
    if isinstance(value, str) and value.strip().casefold() in NOT_APPLICABLE:
        return None, "not applicable"
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d+(?:\.\d+)?\s*", value, re.ASCII):
        return float(value), "scored"
    return None, "missing"


def _preference(value: Any) -> float | None:
    """A preference from 1 to 2; None where none was given.

    Raises:
        ShapeError: it is on another scale.
    """
    if value is None or value != value:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 2:
        raise ShapeError(f"preference is not between 1 and 2: {value!r}")
    return float(value)
