"""Mixing: each source gives the amount that the mixture takes of it."""

from collections.abc import Sequence
from typing import ClassVar

import polars as pl

from dataengine import tokens
from dataengine.decisions import Decided
from dataengine.parts import cut
from dataengine.row import conversation, draw
from dataengine.sources.source import Amount
from dataengine.stages.stage import Context, Stage, Survey, evidence
from dataengine.text import whole_texts
from dataengine.view import Table, View


class Mix(Stage):
    """Adds the column `copies`: rows, a fraction, repeats or tokens of each source, by hash of
    (seed, id).

    What a source gives depends on its own rows and the seed alone: adding a source moves
    nothing in another.
    """

    name: ClassVar[str] = "mix"

    amounts: dict[str, tuple[str, float]]
    """For each source its unit and value; `all` takes every row."""
    tokenizer: tokens.Tokenizer = None

    def explain(self) -> str:
        exact = [int(value) for unit, value in self.amounts.values() if unit == "rows"]
        open_ = [name for name, (unit, _) in self.amounts.items() if unit != "rows"]
        of = "1 source" if len(exact) == 1 else f"{len(exact)} sources"
        parts = [f"{sum(exact):,} rows of {of}"] if exact else []
        parts += [f"{name}: {Amount(*self.amounts[name])}" for name in open_[:4]]  # type: ignore[arg-type]
        return ", ".join(parts) + (f", and {len(open_) - 4} more" if len(open_) > 4 else "")

    def look(self, view: View, context: Context) -> pl.DataFrame | None:
        """The tokens of each row, where an amount is told in tokens."""
        if not self._in_tokens:
            return None
        texts = whole_texts(view.frame(*conversation(view.kind)), view.kind)
        return tokens.lengths(texts, self.tokenizer).to_frame()

    def settle(
        self, looks: Sequence[pl.DataFrame], table: Table, context: Context
    ) -> Survey | None:
        none = pl.DataFrame(schema={"at": pl.Int64, "copies": pl.Int64})
        drawn = [
            self._drawn(name, looks, table, context)
            for name in dict.fromkeys(table.sources)
            if any(n.any() for n, of in zip(table.alive, table.sources, strict=True) if of == name)
        ]
        return Survey(parts=cut(pl.concat([none, *drawn]).sort("at"), table.parts))

    def _drawn(
        self, name: str, looks: Sequence[pl.DataFrame], table: Table, context: Context
    ) -> pl.DataFrame:
        """How many times each row of one source is taken."""
        amount = Amount(*self.amounts[name])  # type: ignore[arg-type]
        if amount.unit == "all":
            return table.small(of=name).with_columns(pl.lit(1, pl.Int64).alias("copies"))
        rows = table.small("id", of=name)
        rows = rows.with_columns(draw(context.seed, "mix", rows["id"]))
        if self._in_tokens:
            seen = zip(table.alive_of(looks), table.sources, strict=True)
            rows = rows.with_columns(pl.concat([look for look, of in seen if of == name]))
        return _copies(rows, amount, name, context)

    @property
    def _in_tokens(self) -> bool:
        return any(unit == "tokens" for unit, _ in self.amounts.values())

    def apply(self, view: View, found: pl.DataFrame | None) -> Decided:
        assert found is not None
        copies = view.at.join(found, on="place", how="left", maintain_order="left")["copies"]
        out = copies == 0
        amount = Amount(*self.amounts.get(view.source, ("all", 1.0)))  # type: ignore[arg-type]
        told = evidence(amount=str(amount))
        decided = pl.select(
            reason=pl.when(out).then(pl.lit("not drawn")), evidence=pl.when(out).then(pl.lit(told))
        )
        return Decided(decided["reason"], decided["evidence"], copies.to_frame())


def _copies(rows: pl.DataFrame, amount: Amount, name: str, context: Context) -> pl.DataFrame:
    """How many times each row of one source is taken."""
    drawn = rows.sort("mix", "id")
    n = drawn.height
    if amount.unit == "tokens":
        before = drawn["tokens"].cum_sum() - drawn["tokens"]
        times = (before < amount.value).cast(pl.Int64)
        short = drawn["tokens"].sum() < amount.value
    else:
        wanted = {
            "rows": int(amount.value),
            "fraction": round(amount.value * n),
            "repeat": round(amount.value * n),
        }[amount.unit]
        short = amount.unit == "rows" and wanted > n
        whole, more = divmod(wanted if amount.unit == "repeat" else min(wanted, n), max(n, 1))
        times = whole + (pl.int_range(n, eager=True) < more).cast(pl.Int64)
    if short and context.notify:
        context.notify(f"{name}: {amount} wanted, only {n:,} rows are left of it: all are taken")
    return drawn.select("at").with_columns(times.alias("copies"))
