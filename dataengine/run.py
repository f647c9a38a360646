"""Running a plan: one stage after the other, each output complete or absent.

The run owns what no stage may touch: folders, counting, caching, threads, progress. A stage's
output lives under its fingerprint in `.work/` and appears there by one rename, so a run that
is killed anywhere goes on where it stopped, and a stage that had finished never runs again.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import polars as pl
from pydantic import BaseModel

from dataengine.errors import UserError
from dataengine.plan import Plan, Step
from dataengine.progress import Progress
from dataengine.stages.stage import Context, Outcome, Reader, Stage, Survey, Writer
from dataengine.table import Table


class Account(BaseModel):
    """What one stage did, kept beside its output: the counts, and what it found out."""

    label: str
    name: str
    version: int
    fingerprint: str
    rows_in: int = 0
    added: int = 0
    """Rows the stage made: copies of rows that are repeated."""
    kept: int = 0
    dropped: int = 0
    failed: int = 0
    reasons: dict[str, int] = {}
    examples: dict[str, str] = {}
    """For each reason the place and the detail of the first row that went for it."""
    figures: dict[str, Any] = {}
    mendable: dict[str, int] = {}
    """Failures that the next run asks for again, by reason."""
    content: str = ""
    """A hash of the rows kept, where there are mendable failures: they decide what follows."""
    seconds: float = 0.0
    """Wall-clock of the stage when it ran; for people, never part of a manifest."""

    def lost(self, most: int = 3) -> str:
        """Why rows went, the commonest reasons first, each with its first row; else empty."""
        ranked = sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        told = [f"{why} {count:,} ({self.examples.get(why, '')})" for why, count in ranked[:most]]
        more = [f"and {len(ranked) - most} more"] if len(ranked) > most else []
        return f"{self.label}: {', '.join(told + more)}" if told else ""

    @property
    def output(self) -> str:
        """What identifies the rows that came out."""
        return self.fingerprint + self.content

    def mends(self) -> str:
        """The mendable failures as a line for people."""
        told = ", ".join(f"{reason} {count:,}" for reason, count in sorted(self.mendable.items()))
        count = sum(self.mendable.values())
        return f"{self.label}: {count:,} failed for now ({told}): run again to ask for them again"

    def check(self) -> None:
        """The law of conservation: rows in (and made) = kept + dropped + failed."""
        went_in, came_out = self.rows_in + self.added, self.kept + self.dropped + self.failed
        if went_in != came_out:
            raise AssertionError(
                f"{self.label} lost rows: {went_in:,} went in, {came_out:,} came out "
                f"({self.kept:,} kept, {self.dropped:,} dropped, {self.failed:,} failed)"
            )


class Finished(BaseModel):
    """The output of one stage: its account and where its tables are."""

    account: Account
    folder: Path

    @property
    def table(self) -> Table:
        """The rows that the stage kept."""
        return Table(tuple(sorted((self.folder / "kept").glob("*.parquet"))), self.account.kept)


class Run:
    """One execution of a plan in one build directory."""

    def __init__(self, plan: Plan, out: Path, workers: int, progress: Progress) -> None:
        self.plan, self.out, self.workers, self.progress = plan, out, workers, progress
        self.work = out / ".work"
        self.finished: list[Finished] = []

    def execute(self) -> list[Finished]:
        """Run every stage of the plan, or take its output from the run that finished it.

        Raises:
            UserError: bad input.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        for leftover in self.work.glob("tmp-*"):
            shutil.rmtree(leftover)
        for place, step in enumerate(self.plan):
            self.finished.append(self._step(place, step))
        return self.finished

    def _step(self, place: int, step: Step) -> Finished:
        inputs = [self.finished[i] for i in step.inputs]
        fingerprint = self.plan.fingerprint(place, [f.account.output for f in inputs])
        folder = self.work / f"{step.stage.name}-{fingerprint[:16]}"
        known = _account(folder)
        if known and not known.mendable:
            self.progress.reused(known)
            return Finished(account=known, folder=folder)
        with self.progress.stage(step.stage.label()):
            account = self._run(
                step.stage, fingerprint, Table.concat([f.table for f in inputs]), folder
            )
        self.progress.done(account)
        if account.mendable:
            self.progress.note(account.mends())
        return Finished(account=account, folder=folder)

    def _run(self, stage: Stage, fingerprint: str, table: Table, folder: Path) -> Account:
        """Run one stage into a folder of its own, and give the folder its name at the end."""
        started = time.perf_counter()
        building = self.work / f"tmp-{folder.name}"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        account = Account(
            label=stage.label(),
            name=stage.name,
            version=stage.version,
            fingerprint=fingerprint,
            rows_in=table.rows,
        )
        context = Context(
            kind=self.plan.mixture.kind,
            seed=self.plan.mixture.seed,
            workers=self.workers,
            folder=building,
            cache=self.out / ".work" / "cache",
            ledger=self.out / "ledger.sqlite",
            notify=self.progress.note,
        )
        match stage:
            case Reader():
                self._collect(_counted(stage.read(context), account), account, building)
                account.figures = stage.figures() | context.figures
                account.mendable = stage.mendable()
            case Writer():
                account.figures = stage.write(table, context)
                account.kept = table.rows
            case _:
                self._map(stage, table, context, account)
        account.check()
        if account.mendable:
            account.content = _hashed(building / "kept")
        account.seconds = round(time.perf_counter() - started, 3)
        (building / "account.json").write_text(account.model_dump_json(indent=1))
        shutil.rmtree(folder, ignore_errors=True)  # one that had failures to be mended
        building.rename(folder)
        return account

    def _map(self, stage: Stage, table: Table, context: Context, account: Account) -> None:
        """Survey the table once, then apply the stage to its parts, some at a time."""
        survey = stage.survey(table, context)
        account.added, account.figures = survey.added, survey.figures
        account.mendable = survey.mendable
        for name, evidence in survey.tables.items():
            evidence.write_parquet(context.folder / f"{name}.parquet")
        self._collect(self._applied(stage, table, survey), account, context.folder)

    def _applied(self, stage: Stage, table: Table, survey: Survey) -> Iterator[Outcome]:
        """The outcomes of the parts, in the order of the parts whatever thread was first."""

        def one(part: Path) -> Outcome:
            return _applied_to(pl.read_parquet(part), stage, survey)

        with ThreadPoolExecutor(self.workers) as pool:
            yield from _in_order(pool, one, table.parts, ahead=self.workers + 1)

    def _collect(self, outcomes: Iterable[Outcome], account: Account, folder: Path) -> None:
        """Write outcomes as they come, and count them."""
        for name in ("kept", "dropped", "failed"):
            (folder / name).mkdir()
        reasons: Counter[str] = Counter()
        for number, outcome in enumerate(outcomes):
            for name, rows in outcome.tables():
                rows.write_parquet(folder / name / f"{number:05d}.parquet", compression="lz4")
                setattr(account, name, getattr(account, name) + rows.height)
                if name != "kept":
                    reasons.update(dict(rows["reason"].value_counts().iter_rows()))
                    _exemplify(account.examples, rows)
            self.progress.advanced(account.kept + account.dropped + account.failed)
        account.reasons = dict(sorted(reasons.items()))


def _exemplify(examples: dict[str, str], rows: pl.DataFrame) -> None:
    """Note the first row of each reason that has no example yet."""
    first = rows.unique("reason", keep="first", maintain_order=True)
    for row in first.filter(~pl.col("reason").is_in([*examples])).iter_rows(named=True):
        detail = orjson.loads(row["evidence"]).get("detail") if row["evidence"] else None
        number = row["row"] if "row" in row else row["provenance"]["row"]
        place = f"{row['source']}, row {number}"
        examples[row["reason"]] = f"{place}: {detail}" if detail else place


def _hashed(folder: Path) -> str:
    total = blake2b(digest_size=8)
    for file in sorted(folder.glob("*.parquet")):
        total.update(file.read_bytes())
    return "-" + total.hexdigest()


def _counted(outcomes: Iterable[Outcome], account: Account) -> Iterator[Outcome]:
    """Count what a reader took, apart from what became of it."""
    for outcome in outcomes:
        made = sum(rows.height for _, rows in outcome.tables())
        account.rows_in += made if outcome.taken is None else outcome.taken
        yield outcome


def _applied_to(rows: pl.DataFrame, stage: Stage, survey: Survey) -> Outcome:
    """The outcome of some rows. Where the stage raises, halves are tried, so that the rows that it
    cannot decide on fail alone; what no row is the cause of (disk, memory, bad input) is raised."""
    try:
        return stage.apply(rows, survey)
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:
        if not rows.height:
            raise
        if rows.height == 1:
            return Outcome.undecided(rows, stage.name, error)
    half = rows.height // 2
    parts = (rows[:half], rows[half:])
    return Outcome.joined([_applied_to(part, stage, survey) for part in parts])


def _in_order(
    pool: ThreadPoolExecutor, work: Any, items: Iterable[Path], ahead: int
) -> Iterator[Outcome]:
    """Results in the order of the items, with at most `ahead` of them under way."""
    items = iter(items)
    waiting = [pool.submit(work, item) for item in islice(items, ahead)]
    while waiting:
        yield waiting.pop(0).result()
        waiting += [pool.submit(work, item) for item in islice(items, 1)]


def _account(folder: Path) -> Account | None:
    """The account of a stage that finished here before."""
    file = folder / "account.json"
    return Account.model_validate_json(file.read_bytes()) if file.is_file() else None
