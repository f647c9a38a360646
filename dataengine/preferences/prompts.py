"""Prompt selection: prompts of tables and finished builds, never a held-out one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from dataengine import published
from dataengine.errors import UserError
from dataengine.preferences import records
from dataengine.preferences.candidates import PROMPTS, empty, filled
from dataengine.preferences.preference_source import FromBuild, FromTable, Prompts
from dataengine.row import FOR_THE_TEMPLATE, Kind, draw, prompt_column
from dataengine.stages.stage import FAILED, evidence
from dataengine.text import prompt_ids

TRAIN = "train"
REFUSED = PROMPTS | {"reason": pl.String(), "evidence": pl.String()}


@dataclass(frozen=True)
class Found:
    """The prompts to answer by id, those that are not to be, and what could not be read."""

    prompts: pl.DataFrame
    lost: pl.DataFrame
    failed: pl.DataFrame


@dataclass(frozen=True)
class Build:
    """Prompts of a finished build."""

    folder: Path
    name: str
    kind: Kind
    splits: dict[str, list[Path]]
    content: str
    """blake2b-128 of its manifest, which holds the hash of every file of rows."""

    def used(self) -> pl.DataFrame:
        """The prompts of its training split."""
        return self._prompts(self.splits.get(TRAIN, []))

    def held_out(self) -> pl.Series:
        """The ids of the prompts of its other splits."""
        return self._ids([f for name, fs in self.splits.items() if name != TRAIN for f in fs])

    def unused(self) -> pl.DataFrame:
        """The prompts that passed every stage and were not drawn for the mixture."""
        left = self._prompts(self._left, NOT_DRAWN)
        used = self._ids(self.splits.get(TRAIN, [])).to_frame()
        return left.join(used, on="prompt_id", how="anti", maintain_order="left")

    def all(self) -> pl.Series:
        """The ids of every prompt that it holds or left over."""
        held = self._ids([file for files in self.splits.values() for file in files])
        return pl.concat([held, self._ids(self._left, NOT_DRAWN)]).unique()

    @property
    def _left(self) -> list[Path]:
        return sorted((self.folder / "dropped").glob("*-mix.parquet"))

    def _ids(self, files: Iterable[Path], condition: pl.Expr | None = None) -> pl.Series:
        parts = [prompt_ids(self._rows(file, condition), self.kind) for file in files]
        nothing = pl.Series("prompt_id", [], dtype=pl.String)
        return pl.concat([nothing, *parts]).unique(maintain_order=True)

    def _prompts(self, files: Iterable[Path], condition: pl.Expr | None = None) -> pl.DataFrame:
        parts = [self._read(file, condition) for file in files]
        found = pl.concat([empty(PROMPTS), *parts])
        return found.unique("prompt_id", keep="first", maintain_order=True)

    def _rows(self, file: Path, condition: pl.Expr | None) -> pl.DataFrame:
        """The columns of a file that tell of prompts."""
        wanted = {prompt_column(self.kind), "provenance", *ABOUT, *CHECKED, *FOR_THE_TEMPLATE}
        found = published.read(file, wanted | ({"reason"} if condition is not None else set()))
        return found if condition is None else found.filter(condition)

    def _read(self, file: Path, condition: pl.Expr | None) -> pl.DataFrame:
        rows = self._rows(file, condition)
        if not rows.height:
            return empty(PROMPTS)
        turns = pl.col(prompt_column(self.kind))
        if self.kind == "sft":
            roles = turns.list.eval(pl.element().struct.field("role") == "assistant")
            turns = turns.list.head(roles.list.arg_max())
        told = rows.select("provenance", *(c for c in CHECKED if c in rows.columns))
        checks = [_checked(row) for row in told.iter_rows(named=True)]
        return rows.select(
            prompt_ids(rows, self.kind).alias("prompt_id"),
            rows.select(turns.alias("prompt")).to_series(),
            pl.lit(self.name).alias("origin"),
            *ABOUT,
            pl.Series("verifier", [v for v, _ in checks], dtype=pl.String),
            pl.Series("ground_truth", [t for _, t in checks], dtype=pl.String),
            *(pl.col(c) if c in rows.columns else NOTHING.alias(c) for c in FOR_THE_TEMPLATE),
        )


NOT_DRAWN = pl.col("reason") == "not drawn"
ABOUT = ("skill", "language", "licence")
CHECKED = ("verifier", "ground_truth")
NOTHING = pl.lit(None, pl.String)


def _checked(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """How a row's answers are checked: an RLVR row says it, a generated one in its provenance."""
    told = {key: row.get(key) for key in CHECKED}
    if not told["verifier"]:
        details = (row["provenance"] or {}).get("details")
        told = orjson.loads(details) if details else {}
    verifier, truth = told.get("verifier"), told.get("ground_truth")
    return (verifier, truth) if verifier and truth else (None, None)


def build(folder: Path, source: str, pinned: str | None = None) -> Build:
    """A finished build.

    Raises:
        UserError: there is none, or not the one that is pinned.
    """
    try:
        text = (folder / "manifest.json").read_bytes()
        manifest = orjson.loads(text)
        splits = {
            name: [folder / file["path"] for file in split["files"]]
            for name, split in manifest["splits"].items()
        }
        content = blake2b(text, digest_size=16).hexdigest()
        found = Build(folder, manifest["name"], manifest["kind"], splits, content)
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        raise UserError(
            f"source {source}: prompts: {folder} is no finished build: it has no manifest.json "
            "that can be read; build it first, or name another folder"
        ) from None
    if pinned and pinned != content:
        raise UserError(
            f"source {source}: prompts: {folder} is another build ({content}) than the one that "
            f"is pinned ({pinned}); drop content: to go by what is there"
        )
    return found


def builds(prompts: Prompts, source: str) -> Iterator[tuple[str, Build]]:
    """Every build that is named, by how it is named."""
    for origin in prompts.origins:
        if isinstance(origin, FromBuild):
            yield origin.build, build(origin.base / origin.build, source, origin.content)
    for name in prompts.exclude:
        yield name, build(prompts.base / name, source)


def needs(prompts: Prompts, source: str) -> dict[str, str]:
    """Hashes of everything that prompts are taken from."""
    found = {}
    for name, held in builds(prompts, source):
        found[f"build {name}"] = held.content
    for number, origin in enumerate(prompts.origins):
        if isinstance(origin, FromTable):
            reader = origin.reader(source)
            found |= {f"from.{number}.{what}": is_ for what, is_ in reader.needs().items()}
    return found


def figures(prompts: Prompts, source: str) -> dict[str, Any]:
    """What the manifest says of where prompts come from, in the order of the mixture."""
    return {
        "from": [
            _figures(origin.build, build(origin.base / origin.build, source, origin.content))
            if isinstance(origin, FromBuild)
            else origin.reader(source).figures()
            for origin in prompts.origins
        ],
        "exclude": [_figures(n, build(prompts.base / n, source)) for n in prompts.exclude],
    }


def _figures(folder: str, held: Build) -> dict[str, Any]:
    return {"build": Path(folder).name, "name": held.name, "content": held.content}


def collect(prompts: Prompts, source: str, seed: int, limit: int | None = None) -> Found:
    """The prompts that a source asks for.

    Raises:
        UserError: a table or build is not there, or no prompt is left.
    """
    failed: list[dict[str, Any]] = []
    barred = _barred(prompts, source)
    ours: list[pl.DataFrame] = []
    for number, origin in enumerate(prompts.origins):
        if isinstance(origin, FromBuild):
            held = build(origin.base / origin.build, source, origin.content)
            found = held.used() if origin.take == "used" else held.unused()
        else:
            found = _of_table(origin, source, failed)
        ours.append(found.with_columns(pl.lit(number).alias("entry")))
    whole = pl.concat(ours).with_row_index("place")
    whole = whole.join(barred, on="prompt_id", how="left", maintain_order="left").with_columns(
        pl.when(pl.col("reason").is_null() & ~pl.col("prompt_id").is_first_distinct())
        .then(pl.lit("the same prompt before"))
        .otherwise("reason")
        .alias("reason")
    )
    whole = _drawn(whole, prompts, seed, limit)
    lost = whole.filter(pl.col("reason").is_not_null())
    kept = whole.filter(pl.col("reason").is_null())
    if not kept.height:
        raise UserError(f"source {source}: prompts: none is left of {whole.height:,}")
    told = [evidence(prompt_id=i) for i in lost["prompt_id"]]
    return Found(
        kept.sort("prompt_id").select(*PROMPTS),
        lost.with_columns(pl.Series("evidence", told, dtype=pl.String)).select(*REFUSED),
        pl.DataFrame(failed, schema=FAILED),
    )


def _barred(prompts: Prompts, source: str) -> pl.DataFrame:
    """`prompt_id, reason` of what may not be asked: held out anywhere, or in an excluded build."""
    out = [empty({"prompt_id": pl.String(), "reason": pl.String()})]
    for _, held in builds(prompts, source):
        out.append(held.held_out().to_frame().with_columns(reason=pl.lit("held out")))
    for name in prompts.exclude:
        held = build(prompts.base / name, source)
        out.append(held.all().to_frame().with_columns(reason=pl.lit("in an excluded build")))
    return pl.concat(out).unique("prompt_id", keep="first", maintain_order=True)


def _of_table(table: FromTable, source: str, failed: list[dict[str, Any]]) -> pl.DataFrame:
    rows = records.made(table, "prompts", source, lambda value: _row(value, table), failed)
    return filled(PROMPTS, [*rows])


def _row(value: Mapping[str, Any], table: FromTable) -> dict[str, Any]:
    asked = records.turns(value)
    verifier, truth = value.get("verifier"), value.get("ground_truth")
    if truth is not None and not isinstance(truth, str):
        truth = orjson.dumps(truth).decode()
    named: dict[str, Any] = {
        key: value.get(key) for key in ("skill", "language", "licence") if key in table.columns
    }
    return {
        "prompt_id": records.identity(asked["prompt"]),
        **asked,
        "origin": table.called,
        "verifier": verifier if verifier and truth else None,
        "ground_truth": truth if verifier and truth else None,
        **named,
    }


def _drawn(whole: pl.DataFrame, prompts: Prompts, seed: int, limit: int | None) -> pl.DataFrame:
    """Mark what is over the wanted numbers as not drawn, by hash of (seed, prompt)."""
    drawn = draw(seed, "prompts", whole["prompt_id"])
    whole = whole.with_columns(drawn).sort("prompts", "place")
    free = pl.col("reason").is_null()
    shares = [origin.share for origin in prompts.origins if origin.share]
    if shares:
        there = dict(whole.filter(free).group_by("entry").len().iter_rows())
        total = min(there.get(n, 0) / share for n, share in enumerate(shares))
        quota = [round(min(total, prompts.rows or total) * share) for share in shares]
        most = pl.col("entry").replace_strict(list(range(len(quota))), quota)
        whole = _beyond(whole, most, "entry", free)
    elif prompts.rows:
        whole = _beyond(whole, pl.lit(prompts.rows), free)
    if limit:
        whole = _beyond(whole, pl.lit(limit), free)
    return whole.sort("place")


def _beyond(whole: pl.DataFrame, most: pl.Expr, *groups: str | pl.Expr) -> pl.DataFrame:
    """Mark the rows of each group after the first `most`."""
    over = pl.int_range(pl.len()).over(*groups) >= most
    reason = pl.when(pl.col("reason").is_null() & over).then(pl.lit("not drawn"))
    return whole.with_columns(reason.otherwise("reason").alias("reason"))
