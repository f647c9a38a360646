"""Stage `prefer`: preference pairs as a reader of rows: candidates, judge, rule, audit."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from dataengine.ledger import Ledger
from dataengine.models.model_config import ModelConfig, terms
from dataengine.preferences import given, judge_prompt, prompts, rubrics
from dataengine.preferences.audit import Audit
from dataengine.preferences.candidates import Judged, means
from dataengine.preferences.pair_rows import Rows, refused, unpaired
from dataengine.preferences.preference_source import Asked, Given, PreferenceSource
from dataengine.preferences.rules import pair, pair_judgements
from dataengine.preferences.tables import Tables
from dataengine.preferences.verified import verified
from dataengine.row import Kind
from dataengine.stages.stage import Context, Outcome, Reader
from dataengine.verifying import verifiers_ready


class PreferenceReader(Reader):
    """Makes the pairs of one source. `models` and `usd` (the hard cap) are the mixture's."""

    name: ClassVar[str] = "prefer"
    replays: ClassVar[bool] = False
    version: ClassVar[int] = 2
    source: PreferenceSource
    kind: Kind
    models: dict[str, ModelConfig] = Field(default_factory=dict)
    usd: float | None = None
    tokenizer: str | None = None
    seed: int
    limit: int | None = Field(None, gt=0)

    def label(self) -> str:
        return f"prefer {self.source.name}"

    def explain(self) -> str:
        return self._explained({})

    def projected(self, ledger: Path) -> str:
        from dataengine.shown import shown

        used = {name: self.models[name] for name in self.source.names.values()}
        return self._explained(shown(ledger, self.source.name, used))

    def _explained(self, known: dict[str, Any]) -> str:
        from dataengine.preferences.pair_estimate import explain, project

        wanted = self.known_rows()
        told = project(self.source, wanted, self.models, self.usd, known) if wanted else None
        return explain(self.source, told)

    def known_rows(self) -> int | None:
        """How many prompts will be answered, where they are asked for."""
        return self._wanted

    @cached_property
    def _wanted(self) -> int | None:
        from dataengine.preferences.pair_estimate import count

        return count(self.source, self.seed, self.limit) if self.source.prompts else None

    def identity(self) -> dict[str, Any]:
        """What decides the pairs: how fast, how dear and where a model is asked does not."""
        source = self.source.reading()
        named = {key: self.models[name].identity() for key, name in self.source.names.items()}
        judged = self.source.judge if self.source.judges else None
        return {
            "source": source,
            "models": named,
            "judge": judge_prompt.VERSION if judged else None,
            "rubrics": {a: rubrics.text(a) for a in judged.aspects} if judged else {},
            "tokenizer": self.tokenizer,
            "limit": self.limit,
            **({"terms": stated} if (stated := terms(self.models, self.source.names)) else {}),
        }

    def needs(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, table in self.source.tables.items():
            told = table.reader(self.source.name).needs()
            found |= {f"{key}.{what}": is_ for what, is_ in told.items()}
        if self.source.prompts:
            found |= prompts.needs(self.source.prompts, self.source.name)
        return found

    def settled(self) -> bool:
        tables = [*self.source.tables.values()]
        if self.source.prompts:
            tables += [o for o in self.source.prompts.origins if isinstance(o, Given)]
        return all(table.reader(self.source.name).settled() for table in tables)

    def read(self, context: Context) -> Iterator[Outcome]:
        figures: dict[str, Any] = {}
        mendable: Counter[str] = Counter()
        rows = self._rows()
        audit = Audit()
        with Tables(context.folder) as tables:
            for judged in self._judged(context, figures, mendable):
                tables.write(judged)
                pairs, left = self._paired(judged)
                audit.add(judged, pairs, left)
                dropped, failed = unpaired(self.source, judged, left)
                yield Outcome(
                    None,
                    pl.concat([judged.barred, dropped]),
                    pl.concat([judged.failed, failed]),
                    taken=self._units(judged),
                )
                for part in rows.outcomes(judged, pairs):
                    yield part._replace(taken=0)
        figures["preferences"] = {"source": self.source.name, **audit.figures()}
        yield Outcome(figures=figures, mendable=dict(mendable))

    def _rows(self) -> Rows:
        """What makes rows of pairs, with the terms that they inherit from models."""
        asked = self.source.candidates
        names = asked.names.values() if isinstance(asked, Asked) else []
        answered = [self.models[name] for name in names]
        judge = self.source.judge if self.source.judges else None
        return Rows(
            self.source,
            self.source.pairs,
            self.tokenizer,
            {model.known_as: model.licence for model in answered},
            self.models[judge.model].licence if judge else None,
        )

    def _judged(
        self, context: Context, figures: dict[str, Any], mendable: Counter[str]
    ) -> Iterator[Judged]:
        """Rounds of prompts with their candidates and what was said of those; what the manifest
        says of them goes to `figures`, failures that a later run may mend to `mendable`."""
        if not self.source.names:
            found = given.read(self.source, self.limit)
            found.candidates = verified(found.candidates, found.prompts)
            figures |= self._read_figures()
            yield found
            return
        from dataengine.models.failure import mendable_kinds
        from dataengine.models.session import session
        from dataengine.preferences.asking import Asking

        assert context.ledger is not None
        start = self._start()
        named = start.prompts["verifier"].drop_nulls().unique().to_list()
        verifiers_ready(named, f"source {self.source.name}: prompts")
        with session(self.models, context.ledger, self.usd) as asked:
            asking = Asking(self.source, asked.models, self.seed, context.notify)
            for part in _rounds(start):
                judged = asked.wait(asking.next, part)
                kinds = judged.failures["reason"].to_list()
                mendable.update(kind for kind in kinds if kind in mendable_kinds())
                yield judged
            spent = self._spent(asked.models, asked.ledger)
            figures |= self._read_figures() | {"models": spent}

    def _start(self) -> Judged:
        """The prompts, and the candidates where they are given."""
        if self.source.prompts is None:
            return given.read(self.source, self.limit)
        found = prompts.collect(self.source.prompts, self.source.name, self.seed, self.limit)
        return Judged(
            prompts=found.prompts,
            failed=found.failed,
            barred=refused(self.source, found.lost),
        )

    def _paired(self, judged: Judged) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The pairs of a round, and what gave none with its reason."""
        rules = self.source.pairs
        if rules.rule == "pairwise":
            pairs, left = pair_judgements(judged.judgements, judged.candidates, rules)
            compared, silence = judged.judgements, "not compared"
        else:
            pairs, left = pair(means(judged.candidates, judged.scores), rules, self.seed)
            compared, silence = judged.candidates, "no answer"
        silent = judged.prompts.join(compared, on="prompt_id", how="anti", maintain_order="left")
        none = silent.select("prompt_id", pl.lit(silence).alias("reason"))
        return pairs, pl.concat([left, none], how="diagonal")

    def _units(self, judged: Judged) -> int:
        """What must end as a pair or say why not: each prompt, or each comparison."""
        records = judged.failed.height + judged.barred.height
        if self.source.pairs.rule != "pairwise":
            return judged.prompts.height + records
        silent = judged.prompts.join(judged.judgements, on="prompt_id", how="anti")
        return judged.judgements.height + silent.height + records

    def _read_figures(self) -> dict[str, Any]:
        """What the manifest says of the tables and builds that were read."""
        name = self.source.name
        found: dict[str, Any] = {
            key: table.reader(name).figures() for key, table in self.source.tables.items()
        }
        if self.source.prompts:
            found["prompts"] = prompts.figures(self.source.prompts, name)
        return found

    def _spent(self, models: Any, ledger: Ledger) -> list[dict[str, Any]]:
        """What each model was asked for this source."""
        used = {models.client(name).model for name in self.source.names.values()}
        return [
            asdict(line)
            for line in ledger.spent()
            if line.stage == self.source.name and line.model in used
        ]


ROUND = 2_048
"""Prompts under way at once: what they are answered fits into memory."""


def _rounds(whole: Judged) -> Iterator[Judged]:
    """Batches of prompts, each with what there is of them already."""
    for start in range(0, max(whole.prompts.height, 1), ROUND):
        here = whole.prompts.slice(start, ROUND)
        part = Judged(
            prompts=here,
            candidates=whole.candidates.join(
                here, on="prompt_id", how="semi", maintain_order="left"
            ),
        )
        if not start:
            part.failed, part.barred = whole.failed, whole.barred
        yield part
