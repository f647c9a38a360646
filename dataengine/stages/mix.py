"""Mixing: each source gives the amount that the mixture takes of it."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataengine import tokens
from dataengine.decisions import Decided
from dataengine.partitioning import spilling
from dataengine.parts import ByPart
from dataengine.radix_select import Drawn, least
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
        alive = {of for of, rows in zip(table.sources, table.alive, strict=True) if rows.any()}
        copies = {
            name: self._copies(name, looks, table, context)
            for name in dict.fromkeys(table.sources)
            if name in alive
        }

        def taken(number: int) -> pl.DataFrame:
            view, of = table.view(number), copies.get(table.sources[number], _once)
            return pl.DataFrame({"copies": of(view), "place": view.places})

        return Survey(parts=ByPart(len(table.parts), taken))

    def _copies(
        self, name: str, looks: Sequence[pl.DataFrame], table: Table, context: Context
    ) -> Callable[[View], NDArray[np.int32]]:
        """How many times each row of one source is taken, to be asked part by part."""
        amount = Amount(*self.amounts[name])  # type: ignore[arg-type]
        if amount.unit == "all":
            return _once
        views = [n for n, source in enumerate(table.sources) if source == name]
        sizes = [int(table.alive[number].sum()) for number in views]
        starts = dict(zip(views, accumulate(sizes, initial=0), strict=False))
        with spilling(np.uint64, 1, context.folder) as spill:
            for number in views:
                spill.add(draw(context.seed, "mix", table.view(number).ids).to_numpy())
            draws = spill.mapped()

        def rows() -> Iterator[Drawn]:
            for number, size in zip(views, sizes, strict=True):
                at = table.bounds[number] + np.flatnonzero(table.alive[number])
                weights = np.ones(size, np.int64)
                if amount.unit == "tokens":
                    tokens = looks[number]["tokens"].filter(table.alive[number])
                    weights = tokens.cast(pl.Int64).to_numpy()
                yield Drawn(at, draws[starts[number] : starts[number] + size], weights)

        whole, more = _shared(amount, sum(sizes))
        found, weigh = least(rows, more, table.ids)
        if amount.unit in ("rows", "tokens") and weigh < amount.value and context.notify:
            left = f"only {sum(sizes):,} rows are left of it: all are taken"
            context.notify(f"{name}: {amount} wanted, {left}")

        def copies(view: View) -> NDArray[np.int32]:
            start = starts[view.number]
            at = view.first + view.places.astype(np.int64)
            return whole + found.holds(at, draws[start : start + len(view)]).astype(np.int32)

        return copies

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


def _once(view: View) -> NDArray[np.int32]:
    return np.ones(len(view), np.int32)


def _shared(amount: Amount, rows: int) -> tuple[int, float]:
    """How often every row of a source is taken, and the weight of those that are once more."""
    if amount.unit == "tokens":
        return 0, amount.value
    if amount.unit == "rows":
        wanted = min(int(amount.value), rows)
    else:
        wanted = round(amount.value * rows)
        wanted = wanted if amount.unit == "repeat" else min(wanted, rows)
    return divmod(wanted, max(rows, 1))
