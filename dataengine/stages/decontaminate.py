"""Decontamination: rows that hold an eval's items go, with the evidence for each."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import polars as pl
from pydantic import BeforeValidator, Field, model_validator

from dataengine import storage
from dataengine.config import Config, or_true
from dataengine.decisions import Decided
from dataengine.errors import UserError
from dataengine.models.model_config import ModelConfig
from dataengine.parts import arrow, rows_at
from dataengine.row import CONTENT, conversation
from dataengine.stages import reviewed
from dataengine.stages.stage import Context, Stage, Survey
from dataengine.view import Table, View


class Paraphrases(Config):
    """The second tier: rows that ask an item's problem in other words. See `decontam/paraphrase`.

    Needs the extra `semantic`, or `embeddings`."""

    embeddings: str | None = None
    """A model, as the mixture's `models:` call it, whose endpoint gives embeddings."""
    floor: float | None = Field(None, gt=-1, lt=1)
    """With `embeddings`: the cosine below which nothing is looked at. It is each model's own."""
    across: float | None = Field(None, gt=-1, lt=1)
    """The same for texts in another script than the item's; `floor` by default."""
    judge: str | None = None
    """A model, as the mixture's `models:` call it, that decides what the tier is not sure of."""
    max_tokens: int = Field(512, gt=0)
    models: dict[str, ModelConfig] = Field(default_factory=dict, exclude=True)
    usd: float | None = Field(None, exclude=True)

    @model_validator(mode="after")
    def _floor_of_the_model(self) -> "Paraphrases":
        if (self.embeddings is None) != (self.floor is None):
            raise ValueError(
                "embeddings and floor go together: each model has a floor of its own "
                "(docs/decontamination.md says how to find it)"
            )
        return self


class Decontaminate(Stage):
    """Drops rows that hold items of the suites it protects. See `decontam/` for the method."""

    name: ClassVar[str] = "decontaminate"
    version: ClassVar[int] = 9

    against: tuple[str, ...] = ("development", "unseen", "safety")
    """Tiers, suites, suite files or folders of them (relative to the mixture)."""
    path: str | None = None
    """The folder with the items of tiers and named suites as JSONL. Where it is given nothing
    is asked of the Hub, and suites that are not in it are declared as not protected."""
    method: Literal["default", "tulu3"] = "default"
    """`tulu3` is the published rule: 8-grams, over half of an item's tokens, user turns."""
    missing: Literal["tell", "refuse"] | None = None
    """What becomes of a build where a suite's items are not at hand: it goes on, and says so in its
    summary, its card and its manifest, or it stops. By default it stops where it is published."""
    paraphrases: Annotated[
        Paraphrases | None,
        BeforeValidator(or_true, json_schema_input_type=bool | Paraphrases | None),
    ] = None
    """`true`, or {judge: MODEL}: paraphrases too, in the rows that hold no item as it is."""
    review: str | None = None
    """A CSV file of a person's decisions (row, item, decision: keep or drop, who, note), which
    stand in place of the rules'; the report of a build writes one."""
    base: Path = Field(default=Path(), exclude=True)

    def explain(self) -> str:
        second = self.paraphrases
        return (
            f"against {', '.join(self.against)}"
            + (f" in {self.path}" if self.path else "")
            + (f", as decided in {self.review}" if self.review else "")
            + (", paraphrases too" if second else "")
            + (f" by {second.embeddings}" if second and second.embeddings else "")
            + (f", those in doubt judged by {second.judge}" if second and second.judge else "")
        )

    def identity(self) -> dict[str, Any]:
        second = self.paraphrases
        asked = second.models if second else {}
        judge, embeddings = (
            asked[name].identity() if name else None
            for name in ((second.judge, second.embeddings) if second else (None, None))
        )
        # Whether it stops changes no row; what a review says is in `needs`.
        beside = ("missing", "review")
        decides = {k: v for k, v in super().identity().items() if k not in beside}
        return decides | {"judge": judge, "embeddings": embeddings}

    def needs(self) -> dict[str, str]:
        found = {suite.name: "missing" if suite.missing else suite.hash for suite in self.suites}
        if self.paraphrases and not self.paraphrases.embeddings:
            from decontam.paraphrase import embedding

            try:
                embedding.model_folder()
            except UserError as error:
                raise UserError(f"decontaminate: {error}") from None
            found["paraphrases by"] = embedding.MODEL
        if self.review:
            found["review"] = reviewed.fingerprint(self.base / self.review)
        return found

    def refuse_missing(self) -> None:
        """Raises:
        UserError: a suite's items are not at hand.
        """
        missing = [suite.name for suite in self.suites if suite.missing]
        if missing:
            raise UserError(
                f"decontaminate: no items at hand of {', '.join(missing)}, so nothing would be "
                "checked against them; give their files under path:, take them out of against:, "
                "or say missing: tell to go on without"
            )

    def settled(self) -> bool:
        return self.path is not None or all(map(self._is_file, self.against))

    def _is_file(self, name: str) -> bool:
        return (self.base / name).exists()

    @cached_property
    def suites(self) -> list[Any]:
        """The suites to protect, each with its items or the reason why they are missing.

        Raises:
            UserError: a suite is unknown, empty, or cannot be read.
        """
        from eval import suites

        wanted = [self.base / name if self._is_file(name) else name for name in self.against]
        folder = self.base / self.path if self.path else None
        if folder and not folder.is_dir():
            raise UserError(f"decontaminate: path: there is no folder {folder}")
        try:
            return suites.load(wanted, folder, hub=folder is None)
        except UserError as error:
            raise UserError(f"decontaminate: {error}") from None

    def prepare(self) -> None:
        if self.method != "tulu3":
            from decontam.warmup import compile_ahead, read_ahead

            compile_ahead()
            read_ahead()

    def share(self, context: Context) -> None:
        if self.method != "tulu3" and self._present:
            context.shared(self.name, lambda: self._checker(context))

    def look(self, view: View, context: Context) -> pl.DataFrame | None:
        """Which rows of a part hold which items: lines of evidence, by the published rule or where
        no suite has its items none."""
        if self.method == "tulu3" or not self._present:
            return None
        from decontam.decide.evidence import EVIDENCE

        checker = context.shared(self.name, lambda: self._checker(context))
        found = [checker.scan(batch) for batch in view_batches(view)]
        return pl.concat([pl.DataFrame(schema=EVIDENCE), *found], rechunk=False)

    def looker(self) -> Stage:
        _ = self.suites  # read once: the copy holds them too
        return self.model_copy(update={"paraphrases": None, "review": None})

    def settle(
        self, looks: Sequence[pl.DataFrame], table: Table, context: Context
    ) -> Survey | None:
        missing = [suite.name for suite in self.suites if suite.missing]
        if missing and context.notify:
            context.notify(f"asked for and NOT CHECKED, no items at hand: {', '.join(missing)}")
        with self._second(context) as second:
            findings = self._found(looks, table, context, second)
        if self.paraphrases and self.paraphrases.judge:
            findings = self._judged(findings, self.paraphrases, context)
        figures: dict[str, Any] = {"missing": missing}
        if self.review:
            findings, figures["reviewed"] = self._reviewed(findings, self.review, context)
        return Survey(
            _drops(findings.decisions, len(table.parts)),
            tables={
                "decisions": findings.decisions.drop("input", "row"),
                "evidence": findings.evidence.drop("input", "row"),
            },
            figures=findings.report | figures,
        )

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        assert found is not None
        told = view.at.join(found, on="place", how="left", maintain_order="left")["evidence"]
        reasons = pl.select(pl.when(told.is_not_null()).then(pl.lit("contaminated"))).to_series()
        return Decided(reasons, told)

    @cached_property
    def _present(self) -> list[Any]:
        return [suite for suite in self.suites if not suite.missing]

    def _checker(self, context: Context) -> Any:
        from dataengine.kernels.compile_process import wait
        from decontam.check import Checker, as_suite
        from decontam.index.index import kept_in
        from decontam.warmup import READING

        wait(READING)
        try:
            suites = [as_suite(s, {}) for s in self._present]
            with storage.kept(kept_in(suites, context.cache)):
                return Checker.of(suites, context.cache, True)
        except UserError as error:
            raise UserError(f"decontaminate: {error}") from None

    @contextmanager
    def _second(self, context: Context) -> Iterator[Any]:
        """What the second tier is run with: False, or its model, open, and whether a judge asks."""
        given = self.paraphrases
        if given is None:
            yield False
            return
        from decontam.paraphrase.embedding import Model
        from decontam.paraphrase.semantic import Second

        if given.embeddings is None:
            yield Second(None, given.judge is not None)
            return
        from dataengine.models.session import session

        assert context.ledger is not None and given.floor is not None
        name, across = given.embeddings, given.across if given.across is not None else given.floor
        with session(given.models, context.ledger, given.usd) as opened:
            known = opened.models.configs[name].identity()

            def embed(texts: Sequence[str]) -> Any:
                return opened.embed(name, texts, self.name)

            model = Model(str(sorted(known.items())), embed, given.floor, across)
            yield Second(model, given.judge is not None)

    def _found(
        self, looks: Sequence[pl.DataFrame], table: Table, context: Context, second: Any
    ) -> Any:
        """What the looks amount to; nothing, of no rows, where no suite has its items at hand."""
        from decontam.check import as_suite
        from decontam.decide.evidence import EVIDENCE
        from decontam.io.findings import findings

        if not self._present:
            return findings(pl.DataFrame(schema=EVIDENCE), [], {}, {"method": self.method})
        batches = (batch for view in table.views() for batch in view_batches(view))
        if self.method == "tulu3":
            from decontam.tulu3 import check_tulu3

            if self.paraphrases:
                raise UserError("decontaminate: paraphrases are no part of the published rule")
            return check_tulu3(batches, [as_suite(s, {}) for s in self._present], True)
        checker = context.shared(self.name, lambda: self._checker(context))
        rows = dict(table.small("source").group_by("source").len().iter_rows())
        alive = [
            look.filter(pl.Series(table.alive[number][look["row"].to_numpy()]))
            for number, look in enumerate(looks)
        ]
        evidence = pl.concat([pl.DataFrame(schema=EVIDENCE), *alive], rechunk=False)
        found = checker.settled(evidence, rows, {})
        if self.paraphrases:
            from decontam.paraphrase.semantic import with_paraphrases

            suites = [as_suite(s, {}) for s in self._present]
            found = with_paraphrases(found, checker.index, suites, batches, context.cache, second)
        return found

    def _reviewed(self, findings: Any, file: str, context: Context) -> reviewed.Reviewed:
        made = reviewed.reviewed(findings, reviewed.read(self.base / file))
        if made.counts["gone"] and context.notify:
            context.notify(f"{file}: {made.counts['gone']:,} of its pairs are no longer found")
        return made

    def _judged(self, findings: Any, second: Paraphrases, context: Context) -> Any:
        from dataengine.models.session import session
        from dataengine.stages.same_problem import judged

        assert context.ledger is not None and second.judge is not None
        with session(second.models, context.ledger, second.usd) as opened:
            return judged(findings, opened, second.judge, second.max_tokens, self.name)


TEXTS_BESIDE = {
    kind: [c for c in (*columns, "own") if c not in (*conversation(kind), "verifier")]
    for kind, columns in CONTENT.items()
}
"""What a row says beside its turns."""


def view_batches(view: View) -> Iterator[Any]:
    """The texts of a view's rows, some rows at a time, as the scan reads them."""
    from decontam.io.batches import BLOCK, Columns, arrow_batch

    columns = Columns()
    table = view.part.table()
    whole = table.select(list(conversation(view.kind))).combine_chunks()
    for column in view.part.frame(view.kind, TEXTS_BESIDE[view.kind]).get_columns():
        if column.null_count() < len(column):
            whole = whole.append_column(column.name, arrow(column))
    step = max(1, BLOCK * view.part.rows // max(whole.nbytes, 1))
    for start in range(0, len(view), step):
        rows = view.take(start, min(start + step, len(view)))
        taken = rows_at(whole, rows.places)
        ids = arrow(rows.ids)
        source = arrow(pl.repeat(view.source, len(rows), dtype=pl.String, eager=True))
        named = taken.append_column("id", ids).append_column("source", source)
        batch = arrow_batch(
            named.combine_chunks().to_batches()[0], "", columns, rows.places.astype(np.int64)
        )
        batch.input = view.number
        yield batch


def _drops(decisions: pl.DataFrame, parts: int) -> list[pl.DataFrame]:
    """For each part the rows to drop, with the item that they hold most of."""
    order = ["input", "row", "score", "suite", "eval_id"]
    best = (
        decisions.filter(pl.col("decision") == "drop")
        .sort(order, descending=[False, False, True, False, False])
        .group_by("input", "row", maintain_order=True)
        .agg(
            pl.struct(
                pl.col("suite").first(),
                pl.col("eval_id").first(),
                pl.col("score").first(),
                pl.len().alias("items"),
            )
            .struct.json_encode()
            .alias("evidence")
        )
    )
    place = pl.col("row").cast(pl.UInt32).alias("place")
    return [
        best.filter(pl.col("input") == number).select(place, "evidence") for number in range(parts)
    ]
