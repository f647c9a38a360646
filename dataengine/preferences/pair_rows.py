"""Dataset rows from pairs of candidate ids."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import polars as pl

from dataengine.preferences.candidates import LOST, Judged, filled
from dataengine.preferences.rules import Pairs
from dataengine.preferences.truncated_pairs import equal_when_truncated
from dataengine.publish.licence import together
from dataengine.row import FOR_THE_TEMPLATE, Message, message, row_id, schema, violation
from dataengine.rows.turns import Keys, with_reasoning
from dataengine.sources.source import Source
from dataengine.stages.stage import FAILED, Outcome, evidence
from dataengine.text import said, spoken

PART_ROWS = 8_192
NOT_MADE = ("no answer", "one candidate", "not judged", "no such answer")
"""Reasons that say what is missing, rather than what the rule refused: such prompts failed."""


class Rows:
    """Makes rows of pairs; equal rows of one source get ids of their own, in order.

    `terms` are the licences of the models that answered, by what rows call them, and `judge` is
    that of who judged them.
    """

    def __init__(
        self,
        source: Source,
        rules: Pairs,
        tokenizer: str | None,
        terms: Mapping[str, str | None],
        judge: str | None,
    ):
        self.source, self.rules, self.tokenizer = source, rules, tokenizer
        self._terms, self._judge = terms, judge
        self._seen: Counter[str] = Counter()

    def outcomes(self, judged: Judged, pairs: pl.DataFrame) -> Iterator[Outcome]:
        """The rows of pairs in parts of bounded size; a pair that can be no row says why."""
        for start in range(0, pairs.height, PART_ROWS):
            yield self._part(_joined(pairs.slice(start, PART_ROWS), judged))

    def _part(self, pairs: pl.DataFrame) -> Outcome:
        texts = pairs.select(said(pl.col("prompt"))).to_series()
        equal = equal_when_truncated(
            texts, pairs["text"], pairs["text_rejected"], self.rules.max_length, self.tokenizer
        )
        rows, reasons = [], []
        for pair, same in zip(pairs.iter_rows(named=True), equal, strict=True):
            row = self._row(pair)
            reason = f"equal at {self.rules.max_length:,} tokens" if same else None
            rows.append(row)
            reasons.append(reason or violation("preference", row))
        told = [
            evidence(prompt_id=p, chosen=c, rejected=r, detail=reason)
            for p, c, r, reason in zip(
                pairs["prompt_id"], pairs["chosen"], pairs["rejected"], reasons, strict=True
            )
        ]
        short = pl.Series([r and r.partition(": ")[0] for r in reasons], dtype=pl.String)
        frame = filled(schema("preference"), rows)
        return Outcome.by_reason(frame, short, pl.Series(told, dtype=pl.String))

    def _row(self, pair: dict[str, Any]) -> dict[str, Any]:
        content = {
            "prompt": pair["prompt"],
            "chosen": self._said(pair["text"], pair["reasoning"]),
            "rejected": self._said(pair["text_rejected"], pair["reasoning_rejected"]),
            **{name: pair[name] for name in FOR_THE_TEMPLATE},
        }
        first = row_id(self.source.name, content)
        occurrence = self._seen[first]
        self._seen[first] += 1
        details = {
            "prompt_id": pair["prompt_id"],
            "chosen": pair["chosen"],
            "rejected": pair["rejected"],
            "policy": pair["policy"] or pair["policy_rejected"],
        }
        return {
            "id": row_id(self.source.name, content, occurrence) if occurrence else first,
            "source": self.source.name,
            **content,
            "chosen_model": pair["model"],
            "rejected_model": pair["model_rejected"],
            **{key: pair[key] for key in ("chosen_score", "rejected_score", "margin")},
            "skill": self.source.skill or pair["skill"],
            "language": self.source.language or pair["language"],
            "licence": together(
                self.source.licence,
                pair["licence"],
                self._terms.get(pair["model"]),
                self._terms.get(pair["model_rejected"]),
                self._judge,
            ),
            "provenance": {
                "dataset": pair["origin"],
                "model": pair["model"],
                "request": pair["request"],
                "details": orjson.dumps({k: v for k, v in details.items() if v}).decode(),
            },
        }

    def _said(self, text: str, thought: str | None) -> list[Message]:
        """One side of a pair, with its reasoning as the source asks."""
        turn = {"role": "assistant", "content": text}
        turn |= {"reasoning_content": thought} if thought else {}
        return [message(**turn) for turn in with_reasoning([turn], self.source.reasoning, Keys())]


def _joined(pairs: pl.DataFrame, judged: Judged) -> pl.DataFrame:
    facts = judged.candidates.select(
        "candidate_id", "model", "text", "reasoning", "policy", "request"
    )
    whole = pairs
    for side, suffix in (("chosen", ""), ("rejected", "_rejected")):
        named = facts.rename({c: f"{c}{suffix}" for c in facts.columns if c != "candidate_id"})
        whole = whole.join(
            named, left_on=side, right_on="candidate_id", how="left", maintain_order="left"
        )
    return whole.join(judged.prompts, on="prompt_id", how="left", maintain_order="left")


def unpaired(
    source: Source, judged: Judged, left: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The prompts or comparisons (`prompt_id, reason`, perhaps `first, second`) that gave no pair:
    those that the rule refused as dropped rows, those that lack something as failed ones."""
    told = left.join(judged.prompts, on="prompt_id", how="left", maintain_order="left")
    dropped, failed = [], []
    for row in told.iter_rows(named=True):
        facts = {key: row[key] for key in ("prompt_id", "first", "second") if row.get(key)}
        said = {"reason": row["reason"], "evidence": evidence(**facts)}
        if row["reason"] in NOT_MADE:
            record = spoken(row["prompt"] or [])
            failed.append({"source": source.name, "row": None, "record": record[:2_000], **said})
        else:
            dropped.append(_lost(source, row, said))
    return filled(LOST, dropped), pl.DataFrame(failed, schema=FAILED)


def refused(source: Source, prompts: pl.DataFrame) -> pl.DataFrame:
    """Prompts that were not to be asked (with `reason, evidence`), as dropped rows."""
    rows = [
        _lost(source, row, {key: row[key] for key in ("reason", "evidence")})
        for row in prompts.iter_rows(named=True)
    ]
    return filled(LOST, rows)


def _lost(source: Source, prompt: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """What there is of a row whose prompt gave no pair. `said` has its reason and evidence."""
    place = f"{source.name}/{said['reason']}/{said['evidence']}"
    return {
        "id": row_id(place, {"prompt": prompt["prompt"]}),
        "source": source.name,
        "prompt": prompt["prompt"],
        "skill": source.skill or prompt["skill"],
        "language": source.language or prompt["language"],
        "licence": together(source.licence, prompt["licence"]),
        "provenance": {"dataset": prompt["origin"]},
        **said,
    }
