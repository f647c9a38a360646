"""Mixing: each source gives the amount that the mixture takes of it."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataengine import tokens
from dataengine.decisions import Decided
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
        places = [np.flatnonzero(alive).astype(np.uint32) for alive in table.alive]
        parts = [
            pl.DataFrame({"place": held, "copies": np.ones(len(held), np.int32)}) for held in places
        ]
        seen = table.alive_of(looks) if looks else []
        for name in dict.fromkeys(table.sources):
            amount = Amount(*self.amounts[name])  # type: ignore[arg-type]
            mine = [n for n, of in enumerate(table.sources) if of == name and len(places[n])]
            if amount.unit == "all" or not mine:
                continue
            drawn = np.concatenate([draw(context.seed, "mix", table.view(n).ids) for n in mine])
            sizes = pl.concat([seen[n] for n in mine])["tokens"].to_numpy() if seen else None
            copies, short = _copies(drawn, sizes, amount)
            if short and context.notify:
                left = f"only {len(drawn):,} rows are left of it: all are taken"
                context.notify(f"{name}: {amount} wanted, {left}")
            ends = np.cumsum([len(places[n]) for n in mine])
            for n, some in zip(mine, np.split(copies, ends[:-1]), strict=True):
                parts[n] = pl.DataFrame({"place": places[n], "copies": some})
        return Survey(parts=parts)

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


def _copies(
    drawn: NDArray[np.uint64], sizes: NDArray[np.int64] | None, amount: Amount
) -> tuple[NDArray[np.int32], bool]:
    """How many times each row of a source is taken, by their draws (and tokens, where the amount is
    in tokens), and whether there are fewer than wanted."""
    rows = len(drawn)
    if amount.unit == "tokens":
        assert sizes is not None
        order = np.argsort(drawn, kind="stable")
        taken = np.zeros(rows, np.int32)
        taken[order] = np.cumsum(sizes[order]) - sizes[order] < amount.value
        return taken, bool(sizes.sum() < amount.value)
    wanted = int(amount.value) if amount.unit == "rows" else round(amount.value * rows)
    whole, more = divmod(wanted if amount.unit == "repeat" else min(wanted, rows), rows)
    taken = np.full(rows, whole, np.int32)
    taken[lowest(drawn, more)] += 1
    return taken, amount.unit == "rows" and wanted > rows


def lowest(drawn: NDArray[np.uint64], count: int) -> NDArray[np.bool_]:
    """Which are the lowest `count` draws; of equal ones the first."""
    if not count:
        return np.zeros(len(drawn), np.bool_)
    edge = np.partition(drawn, count - 1)[count - 1]
    low = drawn < edge
    low[np.flatnonzero(drawn == edge)[: count - int(low.sum())]] = True
    return low
