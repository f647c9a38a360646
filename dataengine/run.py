"""Running a plan: rows are read once, stages decide on them part by part, the writer gathers.

The run owns what no stage may touch: folders, counting, caching, progress. It reads, settles and
writes in this process; an engine does what is done part by part, wherever it likes. Every file of a
step appears by one rename under the step's fingerprint, so that a run that is killed anywhere goes
on where it stopped: what is missing is what remains to do.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from hashlib import blake2b
from pathlib import Path
from threading import Thread
from typing import Any

import polars as pl

from dataengine import storage
from dataengine.account import Account, Finished
from dataengine.dropped import Lost, gather, read_lost
from dataengine.engines.drive import Engine, drive
from dataengine.engines.job import Job, TableTasks, seen
from dataengine.engines.local import Local
from dataengine.joining import join
from dataengine.parts import Part, small_file
from dataengine.plan import Plan, Step
from dataengine.progress import Progress
from dataengine.reading import Reading
from dataengine.stages.stage import Context, Reader, Stage, Survey, Writer
from dataengine.view import Table


class Run:
    """One execution of a plan in one build directory."""

    def __init__(
        self,
        plan: Plan,
        out: Path,
        workers: int,
        progress: Progress,
        engine: Engine | None = None,
        work: Path | None = None,
        compression: str | None = None,
    ) -> None:
        self.plan, self.workers, self.progress = plan, workers, progress
        self.out, self.compression = out, compression
        self.work = (work or out / ".work").resolve()  # workers elsewhere stand in other folders
        self.finished: list[Finished] = []
        self.table: Table | None = None
        self._readers = 0
        self._decided: list[list[Path]] = []
        self._pool = ThreadPoolExecutor(workers)
        self._shared: dict[int, Future[object]] = {}
        self.engine = engine or Local(self._pool, workers)

    def execute(self) -> list[Finished]:
        """Run every stage of the plan, or take its output from the run that finished it.

        Raises:
            UserError: bad input.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        for leftover in [f for at in ("", "*/", "*/*/") for f in self.work.glob(f"{at}tmp-*")]:
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        with self._pool:
            steps = list(enumerate(self.plan))
            readers = [(place, step) for place, step in steps if isinstance(step.stage, Reader)]
            if not all(self._was_read(step.stage) for _, step in readers):
                self._begin(steps[len(readers) :])
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
        with ThreadPoolExecutor(self.workers) as pool:
            gather(self.table, list(later), pool)
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
            compression=self.compression,
        )

    def _begin(self, steps: Sequence[tuple[int, Step]]) -> None:
        """Have compiled and indexed, while rows are read, what later stages need."""
        for _, step in steps:
            step.stage.prepare()
        for place, step in steps:
            if type(step.stage).share is not Stage.share:
                context = self._context(self.work / f"tmp-{step.stage.name}")
                self._shared[place] = _aside(partial(step.stage.share, context))

    def _read(self, place: int, step: Step) -> Finished:
        fingerprint = self._fingerprint(place, step)
        folder = self._folder(step.stage, fingerprint)
        known = Account.kept_in(folder)
        if known and not known.mendable:
            self.progress.reused(known)
            return Finished(account=known, folder=folder)
        assert isinstance(step.stage, Reader)
        if known or not step.stage.replays:
            storage.remove(folder)  # what failed for now is asked for again
        folder.mkdir(exist_ok=True)
        started = time.perf_counter()
        account = Account.of(step.stage, fingerprint)
        with self.progress.stage(account.label):
            reading = Reading(step.stage, self._context(folder), self._pool)
            reading.run(account, self.progress)
        if account.mendable:
            account.content = _hashed([small_file(folder, n) for n in range(len(account.parts))])
        self._finish(account, folder, started)
        return Finished(account=account, folder=folder)

    def _was_read(self, stage: Stage) -> bool:
        """Whether a reader has finished here before, on whatever rows."""
        return any(self.work.glob(f"{stage.name}-*/account.json"))

    def _finish(self, account: Account, folder: Path, started: float) -> None:
        account.check()
        account.seconds = round(time.perf_counter() - started, 3)
        account.keep_in(folder)
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
        own = [self.plan.fingerprint(place, []) for place, _ in group]
        files = [
            self._files_alone(self._folder(step.stage, fingerprint))
            for (_, step), fingerprint in zip(group, own, strict=True)
        ]
        started = time.perf_counter()
        stages = tuple(step.stage for _, step in group)
        read = [done.account.output for done in self.finished[: self._readers]]
        fingerprint = blake2b(repr((own, read)).encode(), digest_size=16).hexdigest()
        context = self._context(self._folder(stages[0], own[0]))
        tasks = TableTasks(self.table, files, everybody=True)
        with self.progress.stage(", ".join(stage.label() for stage in stages)):
            self._perform(Job("apply", stages, fingerprint, context, tasks))
        for (place, step), held in zip(group, files, strict=True):
            fingerprint = self._fingerprint(place, step)
            folder = self._folder(step.stage, fingerprint)
            folder.mkdir(exist_ok=True)
            self._join(step.stage, fingerprint, folder, held, Survey(), started)
            started = time.perf_counter()

    def _files_alone(self, own: Path) -> list[Path]:
        """Where a stage's decisions on each part lie: in a folder of its own, by the reading."""
        assert self.table is not None
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
        known = Account.kept_in(folder)
        files = _numbered(folder, table)
        if known and known.mendable:
            storage.remove(folder)  # what failed for now is asked for again
        elif known:
            self._join(stage, fingerprint, folder, files, None, 0.0)
            return
        (folder / "looks").mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        context = self._context(folder)
        with self.progress.stage(stage.label()):
            if place in self._shared:
                self._shared[place].result()
            survey = self._survey(stage, fingerprint, context)
            tasks = TableTasks(table, [files], survey.parts if survey else ())
            self._perform(Job("apply", (stage,), fingerprint, context, tasks))
        for name, evidence in survey.tables.items() if survey else ():
            evidence.write_parquet(folder / f"{name}.parquet")
        storage.remove(folder / "looks")
        self._join(stage, fingerprint, folder, files, survey or Survey(), started)

    def _survey(self, stage: Stage, fingerprint: str, context: Context) -> Survey | None:
        """Look at every part, and settle what was seen."""
        assert self.table is not None
        files: list[Path] = []
        stage.share(context)
        if type(stage).look is not Stage.look:
            files = _numbered(context.folder / "looks", self.table)
            tasks = TableTasks(self.table, [files])
            self._perform(Job("look", (stage,), fingerprint, context, tasks))
        looks = [found for file in files if (found := seen(file)) is not None]
        return stage.settle(looks, self.table, context)

    def _perform(self, job: Job) -> None:
        """Have a job done for every part that it is not done for yet."""
        assert self.table is not None
        parts, rows = self.table.parts, 0

        def done(part: int) -> None:
            nonlocal rows
            rows += parts[part].rows
            self.progress.advanced(rows)

        drive(self.engine, job, len(parts), done)
        storage.remove(job.context.folder / "jobs")  # what was handed out

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
        known = Account.kept_in(folder)
        account = Account.of(stage, fingerprint)
        account.rows_in = self.table.rows
        columns = join(self.table, files, None if known else account)
        self._decided.append(files)
        if known is not None:
            self.progress.reused(known)
            self.finished.append(Finished(account=known, folder=folder))
            return
        assert survey is not None
        account.figures, account.mendable = survey.figures, survey.mendable
        account.kept = self.table.rows
        if "copies" in columns:
            account.added = account.kept + account.dropped + account.failed - account.rows_in
        if account.mendable:
            account.content = _hashed(files)
        self._finish(account, folder, started)
        self.finished.append(Finished(account=account, folder=folder))

    def _write(self, place: int, step: Step) -> None:
        assert self.table is not None and isinstance(step.stage, Writer)
        fingerprint = self._fingerprint(place, step)
        folder = self._folder(step.stage, fingerprint)
        known = Account.kept_in(folder)
        if known:
            self.progress.reused(known)
            self.finished.append(Finished(account=known, folder=folder))
            return
        started = time.perf_counter()
        folder.mkdir(exist_ok=True)
        account = Account.of(step.stage, fingerprint)
        with self.progress.stage(account.label):
            account.figures = step.stage.write(self.table, self._context(folder))
        account.rows_in = account.kept = sum(s["rows"] for s in account.figures["splits"].values())
        self._finish(account, folder, started)
        self.finished.append(Finished(account=account, folder=folder))


def _aside(work: Callable[[], object]) -> "Future[object]":
    """Work in a thread that nobody waits for where the run ends before."""
    future: Future[object] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def _numbered(folder: Path, table: Table) -> list[Path]:
    """A file for each part."""
    return [folder / f"{number:06d}.arrow" for number in range(len(table.parts))]


def _hashed(files: Sequence[Path]) -> str:
    total = blake2b(digest_size=8)
    for file in files:
        total.update(storage.fetch(file).read_bytes())
    return "-" + total.hexdigest()
