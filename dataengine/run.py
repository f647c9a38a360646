"""Running a plan: rows are read once, stages decide on them part by part, the writer gathers.

The run owns what no stage may touch: folders, counting, caching, progress. It reads, settles and
writes in this process; an engine does what is done part by part, wherever it likes. Every file of a
step appears by one rename under the step's fingerprint, so that a run that is killed anywhere goes
on where it stopped: what is missing is what remains to do.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from hashlib import blake2b
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataengine import storage
from dataengine.account import Account, Finished
from dataengine.dropped import Lost, gather, read_lost
from dataengine.engines.drive import Engine, drive
from dataengine.engines.job import Act, Done, Job, TableTasks, look_of
from dataengine.engines.local import Local
from dataengine.joining import join
from dataengine.parts import Part, small_file
from dataengine.plan import Plan, Step
from dataengine.progress import Progress
from dataengine.reading import Reading
from dataengine.stages.stage import Context, Reader, Stage, Survey, Writer
from dataengine.view import Table


class Passed(NamedTuple):
    """What a stage did in the pass over all parts: a file for each, and the seconds it took."""

    files: Sequence[Path]
    seconds: float


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
        self._decided: list[Sequence[Path]] = []
        self._pool = ThreadPoolExecutor(workers)
        self._shared: dict[int, Future[object]] = {}
        self._passed: dict[int, Passed] = {}
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
            for _, step in readers:
                self.finished.append(self._read(step))
            self._readers = len(readers)
            self.table = self._table([step.stage for _, step in readers])
            later = steps[len(readers) :]
            self._pass(later)
            for place, step in later:
                self._take(place, step)
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

    def _fingerprint(self, step: Step) -> str:
        inputs = [self.finished[i].account.output for i in step.inputs]
        return self.plan.fingerprint(step.stage, inputs)

    def _folder(self, stage: Stage, fingerprint: str) -> Path:
        return self.work / f"{stage.name}-{fingerprint[:16]}"

    @cached_property
    def _lent(self) -> Context:
        """What the run lends to all stages."""
        return Context(
            kind=self.plan.mixture.kind,
            seed=self.plan.mixture.seed,
            workers=self.workers,
            folder=self.work,
            cache=None if isinstance(self.engine, Local) else self.work / "cache",
            pool=self._pool,
            ledger=self.out / "ledger.sqlite",
            notify=self.progress.note,
            compression=self.compression,
        )

    def _context(self, folder: Path) -> Context:
        return replace(self._lent, folder=folder)

    def _begin(self, steps: Sequence[tuple[int, Step]]) -> None:
        """Have compiled and indexed, while rows are read, what later stages need."""
        for _, step in steps:
            step.stage.prepare()
        for place, step in steps:
            if type(step.stage).share is not Stage.share:
                self._shared[place] = _aside(partial(step.stage.share, self._lent))

    def _read(self, step: Step) -> Finished:
        fingerprint = self._fingerprint(step)
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
        self._finish(account, folder, time.perf_counter() - started)
        return Finished(account=account, folder=folder)

    def _was_read(self, stage: Stage) -> bool:
        """Whether a reader has finished here before, on whatever rows."""
        return any(self.work.glob(f"{stage.name}-*/account.json"))

    def _finish(self, account: Account, folder: Path, seconds: float) -> None:
        account.check()
        account.seconds = round(seconds, 3)
        account.keep_in(folder)
        self.progress.done(account)
        if account.mendable:
            self.progress.note(account.mends())

    def _pass(self, steps: Sequence[tuple[int, Step]]) -> None:
        """One pass over the parts for all stages: those that decide on every row by itself do, the
        others look. What is there is not made again."""
        assert self.table is not None
        acts = {place: act for place, step in steps if (act := _act(step.stage))}
        if not acts:
            return
        own = [self.plan.fingerprint(act.stage.looker(), []) for act in acts.values()]
        folders = [
            self._folder(act.stage, mine) for act, mine in zip(acts.values(), own, strict=True)
        ]
        files = [self._files_of(folder) for folder in folders]
        read = [done.account.output for done in self.finished]
        fingerprint = blake2b(repr((own, read)).encode(), digest_size=16).hexdigest()
        context = self._context(folders[0])
        tasks = TableTasks(self.table, files, everybody=True)
        job = Job(tuple(acts.values()), fingerprint, context, tasks)
        started = time.perf_counter()
        with self.progress.stage(str(job)):
            if tasks.missing(range(len(self.table.parts))):
                self._share(acts)
            spent = self._perform(job)
        shares = spent / max(spent.sum(), 1e-9) * (time.perf_counter() - started)
        self._passed = {
            place: Passed(held, seconds)
            for place, held, seconds in zip(acts, files, shares.tolist(), strict=True)
        }

    def _files_of(self, own: Path) -> list[Path]:
        """Where what a stage decides or sees by itself lies, of each part: in a folder of its own,
        by the reading."""
        assert self.table is not None
        folders = {
            done.folder: own / (done.folder.name + done.account.content) for done in self.finished
        }
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        return [folders[p.folder] / f"{p.number:06d}.arrow" for p in self.table.parts]

    def _share(self, acts: Mapping[int, Act]) -> None:
        """Make what stages need to look, or wait for what was begun while rows were read."""
        for place, act in acts.items():
            if place in self._shared:
                self._shared[place].result()
            elif act.verb == "look":
                act.stage.share(self._lent)

    def _take(self, place: int, step: Step) -> None:
        """Take one stage's decisions into the table, or have the rows written."""
        assert self.table is not None
        stage = step.stage
        fingerprint = self._fingerprint(step)
        folder = self._folder(stage, fingerprint)
        folder.mkdir(exist_ok=True)
        if isinstance(stage, Writer):
            self._write(stage, fingerprint, folder)
        elif stage.alone:
            files, seconds = self._passed[place]
            self._join(stage, fingerprint, folder, files, Survey(), seconds)
        else:
            self._settle(place, stage, fingerprint, folder)

    def _settle(self, place: int, stage: Stage, fingerprint: str, folder: Path) -> None:
        """A stage whose decisions depend on the rows that are alive."""
        assert self.table is not None
        table = self.table
        known = Account.kept_in(folder)
        files = [folder / f"{number:06d}.arrow" for number in range(len(table.parts))]
        if known and known.mendable:
            storage.remove(folder)  # what failed for now is asked for again
            folder.mkdir()
        elif known:
            self._join(stage, fingerprint, folder, files, None, 0.0)
            return
        seen, seconds = self._passed.get(place, Passed((), 0.0))
        started = time.perf_counter()
        context = self._context(folder)
        with self.progress.stage(stage.label()):
            looks = [look for file in seen if (look := look_of(file)) is not None]
            survey = stage.settle(looks, table, context)
            tasks = TableTasks(table, [files], survey.parts if survey else ())
            self._perform(Job((Act("apply", stage),), fingerprint, context, tasks))
        for name, evidence in survey.tables.items() if survey else ():
            evidence.write_parquet(folder / f"{name}.parquet")
        seconds += time.perf_counter() - started
        self._join(stage, fingerprint, folder, files, survey or Survey(), seconds)

    def _perform(self, job: Job) -> NDArray[np.float64]:
        """Have a job done for every part that it is not done for yet; returns the CPU seconds of
        each of its acts, as far as they are told."""
        assert self.table is not None
        parts, rows, spent = self.table.parts, 0, np.zeros(len(job.acts))

        def done(told: Done) -> None:
            nonlocal rows, spent
            rows += parts[told.part].rows
            spent += told.spent or 0
            self.progress.advanced(rows)

        drive(self.engine, job, len(parts), done)
        storage.remove(job.context.folder / "jobs")  # what was handed out
        return spent

    def _join(
        self,
        stage: Stage,
        fingerprint: str,
        folder: Path,
        files: Sequence[Path],
        survey: Survey | None,
        seconds: float,
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
        self._finish(account, folder, seconds)
        self.finished.append(Finished(account=account, folder=folder))

    def _write(self, stage: Writer, fingerprint: str, folder: Path) -> None:
        assert self.table is not None
        self._lent.release()
        known = Account.kept_in(folder)
        if known:
            self.progress.reused(known)
            self.finished.append(Finished(account=known, folder=folder))
            return
        started = time.perf_counter()
        account = Account.of(stage, fingerprint)
        with self.progress.stage(account.label):
            account.figures = stage.write(self.table, self._context(folder))
        account.rows_in = account.kept = sum(s["rows"] for s in account.figures["splits"].values())
        self._finish(account, folder, time.perf_counter() - started)
        self.finished.append(Finished(account=account, folder=folder))


def _act(stage: Stage) -> Act | None:
    """What a stage does to every part whatever others decide; None for nothing."""
    if stage.alone:
        return Act("apply", stage)
    return None if type(stage).look is Stage.look else Act("look", stage)


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


def _hashed(files: Sequence[Path]) -> str:
    total = blake2b(digest_size=8)
    for file in files:
        total.update(storage.fetch(file).read_bytes())
    return "-" + total.hexdigest()
