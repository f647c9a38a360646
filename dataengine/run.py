"""Running a plan: rows are read once, stages decide on them part by part, the writer gathers.

The run owns what no stage may touch: folders, counting, caching, threads, progress. Every file of a
step appears by one rename under the step's fingerprint, so that a run that is killed anywhere goes
on where it stopped: what is missing is what remains to do.
"""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import orjson
import polars as pl
from pydantic import BaseModel

from dataengine.decisions import Decided, Written
from dataengine.dropped import Lost, gather, read_lost
from dataengine.errors import UserError
from dataengine.parts import Part, mapped, written
from dataengine.plan import Plan, Step
from dataengine.progress import Progress
from dataengine.reading import Reading
from dataengine.stages.stage import Context, Reader, Stage, Survey, Writer
from dataengine.view import Table, View

T = TypeVar("T")


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
    parts: list[int] = []
    """Of a reader, the rows of each part."""
    seconds: float = 0.0
    """Wall-clock of the stage when it ran; for people, never part of a manifest."""

    @classmethod
    def of(cls, stage: Stage, fingerprint: str) -> "Account":
        """An account of a stage that has done nothing yet."""
        return cls(
            label=stage.label(), name=stage.name, version=stage.version, fingerprint=fingerprint
        )

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

    def lose(self, lost: pl.DataFrame, failed: bool, where: Sequence[str]) -> None:
        """Count rows that go, with `reason` and `evidence`; `where` names each for people."""
        setattr(self, "failed" if failed else "dropped", self._so_far(failed) + lost.height)
        counts = Counter(self.reasons) + Counter(dict(lost["reason"].value_counts().iter_rows()))
        self.reasons = dict(sorted(counts.items()))
        first = lost.with_row_index("at").unique("reason", keep="first", maintain_order=True)
        for at, reason, told in first.select("at", "reason", "evidence").iter_rows():
            if reason not in self.examples:
                detail = orjson.loads(told).get("detail") if told else None
                self.examples[reason] = where[at] + (f": {detail}" if detail else "")

    def _so_far(self, failed: bool) -> int:
        return self.failed if failed else self.dropped


class Finished(BaseModel):
    """The output of one stage: its account and where its files are."""

    account: Account
    folder: Path


class Run:
    """One execution of a plan in one build directory."""

    def __init__(self, plan: Plan, out: Path, workers: int, progress: Progress) -> None:
        self.plan, self.out, self.workers, self.progress = plan, out, workers, progress
        self.work = out / ".work"
        self.finished: list[Finished] = []
        self.table: Table | None = None
        self._readers = 0
        self._decided: list[list[Path]] = []
        self._pool = ThreadPoolExecutor(workers)

    def execute(self) -> list[Finished]:
        """Run every stage of the plan, or take its output from the run that finished it.

        Raises:
            UserError: bad input.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        for leftover in self.work.glob("tmp-*"):
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        with self._pool:
            steps = list(enumerate(self.plan))
            readers = [(place, step) for place, step in steps if isinstance(step.stage, Reader)]
            for place, step in readers:
                self.finished.append(self._read(place, step))
            self._readers = len(readers)
            self.table = self._table([step.stage for _, step in readers])
            later = steps[len(readers) :]
            while later:
                group = self._fused(later)
                self._decide(group)
                later = later[len(group) :]
        return self.finished

    def write_lost(self, folder: Path, names: Sequence[str]) -> None:
        """Write the rows that every stage dropped or failed on into `folder`, under the stages'
        `names`."""
        assert self.table is not None
        files = [
            Lost(folder, name, done.account.label)
            for name, done in zip(names, self.finished, strict=True)
        ]
        for done, lost in zip(self.finished[: self._readers], files, strict=False):
            for suffix, parts in read_lost(done.folder):
                for part in parts:
                    lost.add(pl.read_parquet(part), suffix)
        later = zip(files[self._readers :], self._decided, strict=False)
        gather(self.table, list(later))
        for lost in files:
            lost.close()

    def _table(self, readers: Sequence[Any]) -> Table:
        parts: list[Part] = []
        sources: list[str] = []
        for reader, done in zip(readers, self.finished, strict=True):
            for number, rows in enumerate(done.account.parts):
                parts.append(Part(done.folder, number, rows))
                sources.append(reader.source.name)
        return Table(self.plan.mixture.kind, tuple(parts), tuple(sources))

    def _fingerprint(self, place: int, step: Step) -> str:
        inputs = [self.finished[i].account.output for i in step.inputs]
        return self.plan.fingerprint(place, inputs)

    def _folder(self, stage: Stage, fingerprint: str) -> Path:
        return self.work / f"{stage.name}-{fingerprint[:16]}"

    def _context(self, folder: Path) -> Context:
        return Context(
            kind=self.plan.mixture.kind,
            seed=self.plan.mixture.seed,
            workers=self.workers,
            folder=folder,
            cache=self.work / "cache",
            pool=self._pool,
            ledger=self.out / "ledger.sqlite",
            notify=self.progress.note,
        )

    def _read(self, place: int, step: Step) -> Finished:
        fingerprint = self._fingerprint(place, step)
        folder = self._folder(step.stage, fingerprint)
        known = _account(folder)
        if known and not known.mendable:
            self.progress.reused(known)
            return Finished(account=known, folder=folder)
        assert isinstance(step.stage, Reader)
        if known or not step.stage.replays:
            shutil.rmtree(folder, ignore_errors=True)  # what failed for now is asked for again
        folder.mkdir(exist_ok=True)
        started = time.perf_counter()
        for later in self.plan:
            later.stage.prepare()
        account = Account.of(step.stage, fingerprint)
        with self.progress.stage(account.label):
            reading = Reading(step.stage, self._context(folder), self._pool)
            reading.run(account, self.progress)
        if account.mendable:
            account.content = _hashed(sorted(folder.glob("*.small.arrow")))
        self._finish(account, folder, started)
        return Finished(account=account, folder=folder)

    def _finish(self, account: Account, folder: Path, started: float) -> None:
        account.check()
        account.seconds = round(time.perf_counter() - started, 3)
        partial = folder / "tmp-account.json"
        partial.write_text(account.model_dump_json(indent=1))
        partial.rename(folder / "account.json")
        self.progress.done(account)
        if account.mendable:
            self.progress.note(account.mends())

    def _fused(self, later: Sequence[tuple[int, Step]]) -> list[tuple[int, Step]]:
        """The next stages that need not know of each other: one pass over the parts does for all;
        else the next stage alone."""
        alone = [step.stage.alone for _, step in later]
        count = alone.index(False) if False in alone else len(alone)
        return list(later[: max(count, 1)])

    def _decide(self, group: Sequence[tuple[int, Step]]) -> None:
        first = group[0][1].stage
        if isinstance(first, Writer):
            self._write(*group[0])
        elif first.alone:
            self._decide_alone(group)
        else:
            self._decide_together(*group[0])

    def _decide_alone(self, group: Sequence[tuple[int, Step]]) -> None:
        """Stages that decide on every row by itself, whatever the others decide: a part is read
        once for all of them, and a decision that is there is not made again."""
        assert self.table is not None
        files = [self._files_alone(place, step.stage) for place, step in group]
        started = time.perf_counter()
        stages = [step.stage for _, step in group]

        def judge(number: int) -> None:
            missing = [k for k, held in enumerate(files) if not held[number].exists()]
            if missing:
                assert self.table is not None
                view = self.table.view(number, everybody=True)
                for k in missing:
                    decided = decide(stages[k], view, None)
                    decided.write(view.places, files[k][number])

        with self.progress.stage(", ".join(stage.label() for stage in stages)):
            for number, _ in enumerate(self._ordered(judge, range(len(self.table.parts)))):
                self.progress.advanced(int(self.table.bounds[number + 1]))
        for (place, step), held in zip(group, files, strict=True):
            fingerprint = self._fingerprint(place, step)
            folder = self._folder(step.stage, fingerprint)
            folder.mkdir(exist_ok=True)
            self._join(step.stage, fingerprint, folder, held, Survey(), started)
            started = time.perf_counter()

    def _files_alone(self, place: int, stage: Stage) -> list[Path]:
        """Where a stage's decisions on each part lie: under what decides them, and the reading."""
        assert self.table is not None
        own = self._folder(stage, self.plan.fingerprint(place, []))
        read = self.finished[: self._readers]
        folders = {done.folder: own / (done.folder.name + done.account.content) for done in read}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        return [folders[p.folder] / f"{p.number:06d}.arrow" for p in self.table.parts]

    def _decide_together(self, place: int, step: Step) -> None:
        """A stage whose decisions depend on the rows that are alive."""
        assert self.table is not None
        stage, table = step.stage, self.table
        fingerprint = self._fingerprint(place, step)
        folder = self._folder(stage, fingerprint)
        known = _account(folder)
        files = [folder / f"{number:06d}.arrow" for number in range(len(table.parts))]
        if known and known.mendable:
            shutil.rmtree(folder)  # what failed for now is asked for again
        elif known:
            self._join(stage, fingerprint, folder, files, None, 0.0)
            return
        (folder / "looks").mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        context = self._context(folder)
        with self.progress.stage(stage.label()):
            survey = self._survey(stage, context)

            def apply(number: int) -> None:
                if not files[number].exists():
                    view = table.view(number)
                    found = survey.parts[number] if survey and survey.parts else None
                    decide(stage, view, found).write(view.places, files[number])

            for _ in self._ordered(apply, range(len(table.parts))):
                pass
        for name, evidence in survey.tables.items() if survey else ():
            evidence.write_parquet(folder / f"{name}.parquet")
        shutil.rmtree(folder / "looks")
        self._join(stage, fingerprint, folder, files, survey or Survey(), started)

    def _survey(self, stage: Stage, context: Context) -> Survey | None:
        """Look at every part, and settle what was seen."""
        assert self.table is not None
        table = self.table

        def look(number: int) -> pl.DataFrame | None:
            file = context.folder / "looks" / f"{number:06d}.arrow"
            if not file.exists():
                view = table.view(number)
                seen = stage.look(view, context)
                if seen is None:
                    return None
                written(seen.to_arrow(compat_level=pl.CompatLevel.oldest()), file)
            found = pl.from_arrow(mapped(file))
            assert isinstance(found, pl.DataFrame)
            return found

        looks: list[pl.DataFrame] = []
        for number, seen in enumerate(self._ordered(look, range(len(table.parts)))):
            self.progress.advanced(int(table.bounds[number + 1]))
            if seen is not None:
                looks.append(seen)
        return stage.settle(looks, table, context)

    def _join(
        self,
        stage: Stage,
        fingerprint: str,
        folder: Path,
        files: list[Path],
        survey: Survey | None,
        started: float,
    ) -> None:
        """Take decisions into the table, and account for those on rows that were alive."""
        assert self.table is not None
        table = self.table
        known = _account(folder)
        account = Account.of(stage, fingerprint)
        account.rows_in = table.rows
        columns: set[str] = set()
        for number, file in enumerate(files):
            found = Written.read(file)
            gone = found.gone()
            fresh = gone.filter(pl.Series(table.alive[number][gone["place"].to_numpy()]))
            if known is None:
                self._count(account, number, fresh)
            table.alive[number][gone["place"].to_numpy()] = False
            columns |= _add(table, number, found.columns())
        self._decided.append(files)
        if known is not None:
            self.progress.reused(known)
            self.finished.append(Finished(account=known, folder=folder))
            return
        assert survey is not None
        account.figures, account.mendable = survey.figures, survey.mendable
        account.kept = table.rows
        if "copies" in columns:
            account.added = account.kept + account.dropped + account.failed - account.rows_in
        if account.mendable:
            account.content = _hashed(files)
        self._finish(account, folder, started)
        self.finished.append(Finished(account=account, folder=folder))

    def _count(self, account: Account, number: int, gone: pl.DataFrame) -> None:
        assert self.table is not None
        part, source = self.table.parts[number], self.table.sources[number]
        for failed in (False, True):
            lost = gone.filter(pl.col("failed") == failed)
            if lost.height:
                rows = part.small(["row"])["row"].gather(lost["place"]).to_list()
                account.lose(lost, failed, [f"{source}, row {row}" for row in rows])

    def _write(self, place: int, step: Step) -> None:
        assert self.table is not None and isinstance(step.stage, Writer)
        fingerprint = self._fingerprint(place, step)
        folder = self._folder(step.stage, fingerprint)
        known = _account(folder)
        if known:
            self.progress.reused(known)
            self.finished.append(Finished(account=known, folder=folder))
            return
        started = time.perf_counter()
        building = self.work / f"tmp-{folder.name}"
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir()
        account = Account.of(step.stage, fingerprint)
        with self.progress.stage(account.label):
            account.figures = step.stage.write(self.table, self._context(building))
        account.rows_in = account.kept = sum(s["rows"] for s in account.figures["splits"].values())
        shutil.rmtree(folder, ignore_errors=True)
        building.rename(folder)
        self._finish(account, folder, started)
        self.finished.append(Finished(account=account, folder=folder))

    def _ordered(self, work: Callable[[int], T], items: Sequence[int]) -> Iterator[T]:
        """Results in the order of the items, with a few of them under way."""
        left = iter(items)
        waiting = [self._pool.submit(work, item) for item in islice(left, self.workers + 1)]
        while waiting:
            yield waiting.pop(0).result()
            waiting += [self._pool.submit(work, item) for item in islice(left, 1)]


def decide(stage: Stage, view: View, found: pl.DataFrame | None) -> Decided:
    """A stage's decisions on some rows. Where it raises, halves are tried, so that the rows that it
    cannot decide on fail alone; what no row is the cause of (disk, memory, bad input) is raised."""
    try:
        return stage.apply(view, found)
    except (UserError, OSError, MemoryError):
        raise
    except Exception as error:
        if not len(view):
            raise
        if len(view) == 1:
            return _undecided(stage, view, error)
    half = len(view) // 2
    views = (view.take(0, half), view.take(half, len(view)))
    return Decided.joined([decide(stage, part, _of(found, part)) for part in views])


def _of(found: pl.DataFrame | None, view: View) -> pl.DataFrame | None:
    return None if found is None else found.filter(pl.col("place").is_in(view.places.tolist()))


def _undecided(stage: Stage, view: View, error: Exception) -> Decided:
    from dataengine.stages.stage import evidence

    told = evidence(id=view.ids[0], stage=stage.name, detail=str(error)[:500])
    reason = pl.Series([f"{type(error).__name__} in {stage.name}"])
    return Decided(reason, pl.Series([told]), None, pl.Series([True]))


def _add(table: Table, number: int, columns: pl.DataFrame | None) -> set[str]:
    """Columns that a stage added to some rows of a part, as columns of all of them; their names."""
    if columns is None:
        return set()
    rows = table.parts[number].rows
    if columns.height < rows:
        every = pl.DataFrame({"place": np.arange(rows, dtype=np.uint32)})
        columns = every.join(columns, on="place", how="left", maintain_order="left")
    new = columns.drop("place")
    held = table.added[number]
    table.added[number] = new if held is None else held.with_columns(new.get_columns())
    return set(new.columns)


def _hashed(files: Sequence[Path]) -> str:
    total = blake2b(digest_size=8)
    for file in files:
        total.update(file.read_bytes())
    return "-" + total.hexdigest()


def _account(folder: Path) -> Account | None:
    """The account of a stage that finished here before."""
    file = folder / "account.json"
    return Account.model_validate_json(file.read_bytes()) if file.is_file() else None
