"""`python -m dataengine.build mixture.yaml`: from a mixture to a finished dataset."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from dataengine import engines, storage
from dataengine.built import Built
from dataengine.command import command, run_command
from dataengine.document import Document
from dataengine.engines.drive import Engine
from dataengine.errors import NothingLeft, UserError
from dataengine.folder import LAID_OUT, held, linked
from dataengine.lock import lock, same
from dataengine.look import A_SAMPLE, SAMPLED, Sample, refuse_dataset
from dataengine.manifest import manifest
from dataengine.mixture import Mixture, load
from dataengine.plan import Plan, folder_of, plan
from dataengine.progress import Progress
from dataengine.publish import hub
from dataengine.run import Run
from dataengine.show import show_build, show_plan, show_push
from dataengine.sources.files import FileSource

app = command()


@app.command()
def main(
    mixture: Annotated[Path, typer.Argument(help="The mixture file.", metavar="MIXTURE")],
    out: Annotated[
        Path | None, typer.Option(help="Where to build; builds/<name> by default.")
    ] = None,
    work: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|URL",
            help="Where the steps' files lie, as all workers see it (a folder or s3://BUCKET/NAME);"
            " OUT/.work by default.",
        ),
    ] = None,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Show the stages and touch nothing.")
    ] = False,
    look: Annotated[
        bool,
        typer.Option(
            "--look",
            help="With --plan: build a sample apart, to choose thresholds by its report.",
        ),
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="A preview: this many records a source.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Threads; the bytes are the same for any.")
    ] = os.cpu_count() or 1,
    engine: Annotated[
        engines.Name, typer.Option(help="Who does the stages' parts; the bytes are the same.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="ray: HOST:PORT or auto; a cluster of its own by default.")
    ] = None,
    partition: Annotated[str | None, typer.Option(help="slurm: the partition.")] = None,
    array: Annotated[
        int | None, typer.Option(min=1, help="slurm: elements of a job array, 64 by default.")
    ] = None,
    time: Annotated[
        str | None, typer.Option(help="slurm: the time limit of an element, as sbatch takes it.")
    ] = None,
    compress: Annotated[
        Literal["lz4", "zstd"] | None,
        typer.Option(help="Smaller and slower step files; the data's bytes are the same."),
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish the build to the Hub.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="With --publish: show each file, and send nothing."),
    ] = False,
    allow_unknown_licence: Annotated[
        bool,
        typer.Option("--allow-unknown-licence", help="Publish although a licence is unknown."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Build the dataset that MIXTURE describes, or go on with a build that was stopped."""
    described = load(mixture)
    folder = out or folder_of(described, limit)
    if look:
        if not plan_only or publish:
            raise UserError("--look goes with --plan: it builds a sample, never the dataset")
        folder = out or Path("builds") / f"{described.name}-look"
        found = _look(Sample.of(described, limit or SAMPLED), folder, workers, work, as_json)
        _tell(found, None, None, as_json)
        return
    if plan_only:
        steps_lie = storage.local(work) if work else folder / ".work"
        show_plan(plan(described, limit, folder), folder, steps_lie, as_json)
        return
    if limit and publish:
        raise UserError(
            "--limit builds a preview, which is not for publishing; leave one of them out"
        )
    if dry_run and not publish:
        raise UserError("--dry-run shows what --publish would: say --publish --dry-run")
    if publish:
        _refuse_unready(mixture, described, dry_run)
    gone = _gone(described) if publish else None
    built = finished(described.document, folder) if gone else None
    if built is None:
        _refuse_missing(described, publish)
        options = {"address": address, "partition": partition, "array": array, "time": time}
        built = build(
            described,
            folder,
            work=work,
            limit=limit,
            workers=workers,
            engine=engine,
            compress=compress,
            quiet=as_json,
            **options,
        )
    else:
        Progress(quiet=as_json).note(f"{gone}; publishing the build that is in {folder}")
    done = push = None
    if dry_run:
        push = built.push(allow_unknown_licence=allow_unknown_licence)
    elif publish:
        done = built.publish(allow_unknown_licence=allow_unknown_licence)
    _tell(built, done, push, as_json)


def _tell(built: Built, done: hub.Published | None, push: hub.Push | None, as_json: bool) -> None:
    """Print what was built, for people or for programs."""
    if as_json:
        told = {
            "out": str(built.folder),
            "url": done.url if done else None,
            "manifest": built.manifest,
        }
        if push:
            told["push"] = push.told()
        print(json.dumps(told, ensure_ascii=False))
    else:
        show_build(built.manifest, built.folder, done)
        if push:
            show_push(push)


def _look(sample: Sample, folder: Path, workers: int, work: str | None, quiet: bool) -> Built:
    """Build a sample of a mixture, in a folder of its own."""
    refuse_dataset(folder)
    steps = plan(sample.mixture, sample.records, folder, drawn=True)
    document = sample.document(sample.mixture.document)
    lie = storage.local(work) if work else None
    made = execute(document, steps, folder, workers, Progress(quiet), None, lie, sample=sample)
    return Built(folder, made)


def build(
    mixture: str | Path | Mapping[str, Any] | Mixture,
    out: str | Path | None = None,
    *,
    work: str | Path | None = None,
    limit: int | None = None,
    workers: int | None = None,
    engine: engines.Name = "local",
    compress: Literal["lz4", "zstd"] | None = None,
    quiet: bool = False,
    **options: Any,
) -> Built:
    """Build the dataset that a mixture describes, or go on with a build that was stopped.

    Args:
        mixture: a mixture's file, the same as a dict (relative paths start from the working
            folder), or one that `load` has checked.
        out: the build folder; `builds/NAME` by default.
        work: where the steps' files lie, as all workers see it; `.work` in `out` by default.
        limit: a preview: at most this many records of each source.
        workers: threads; the bytes are the same for any.
        engine: who does the stages' parts: local, ray or slurm.
        compress: smaller and slower step files; the data's bytes are the same.
        quiet: tell nothing of the stages as they run.
        options: the engine's own: `address` of ray; `partition`, `array`, `time` of slurm.

    Raises:
        UserError: bad input, in one line that says where and what to do.
        NothingLeft: no row is left; `dropped/` tells where they went.
    """
    if unknown := options.keys() - {name for takes in engines.TAKES.values() for name in takes}:
        raise TypeError(f"build() has no argument {min(unknown)!r}")
    described = load(mixture)
    folder = Path(out) if out else folder_of(described, limit)
    _refuse_missing(described, publish=False)
    threads = workers or os.cpu_count() or 1
    steps = plan(described, limit, folder)
    with engines.opened(engine, threads, **options) as opened:
        made = execute(
            *(described.document, steps, folder, threads, Progress(quiet)),
            *(opened, storage.local(str(work)) if work else None, compress),
        )
    return Built(folder, made)


def execute(
    document: Document,
    steps: Plan,
    out: Path,
    workers: int,
    progress: Progress,
    engine: Engine | None = None,
    work: Path | None = None,
    compress: str | None = None,
    sample: Sample | None = None,
) -> dict[str, Any]:
    """Run a plan and lay its results out in `out`; returns the manifest. `sample` says that the
    plan is of a sample.

    Raises:
        NothingLeft: no row is left; `dropped/` tells where they went.
        UserError: bad input, or a folder that cannot be written.
    """
    with held(out, steps.mixture.name, work):
        run = Run(steps, out, workers, progress, engine, work, compress)
        try:
            stages = run.execute()
        except NothingLeft as error:
            _lay_out_lost(out, run)
            went = "; ".join(told for f in run.finished if (told := f.account.lost()))
            raise NothingLeft(f"{error}: {went}; all of them are in {out}/dropped/") from None
        made = manifest(steps, stages) | (sample.told() if sample else {})
        _lay_out(out, made, run, lock(document, steps, stages, out))
    return made


def finished(document: Document, out: Path) -> Built | None:
    """The finished build of this very mixture, where `out` holds it."""
    try:
        built, of = Built.open(out), Document(out / "mixture.lock.yaml").data
    except UserError:
        return None
    return built if same(of, document.data) else None


def _refuse_missing(described: Mixture, publish: bool) -> None:
    """Stop where suites that must not be missing are."""
    stage = described.decontaminate
    if stage and (stage.missing == "refuse" or (publish and stage.missing is None)):
        stage.refuse_missing()


def _gone(described: Mixture) -> UserError | None:
    """Why a source's files cannot be read any more."""
    try:
        for source in described.sources:
            if isinstance(source, FileSource):
                source.files()
    except UserError as error:
        return error
    return None


def _lay_out(out: Path, made: dict[str, Any], run: Run, pinned: str) -> None:
    """Put a run's results where people look for them; the manifest comes last.

    A build without manifest.json is not finished: killed in the middle, a rerun lays out again.
    """
    from dataengine.publish.card import card
    from dataengine.publish.croissant import croissant
    from dataengine.publish.summary import summary
    from dataengine.report import report

    text = json.dumps(made, indent=1, ensure_ascii=False, sort_keys=False) + "\n"
    if _laid_out(out, made, {"manifest.json": text, "mixture.lock.yaml": pinned}):
        return
    laid = out / ".work" / "tmp-laid-out"
    shutil.rmtree(laid, ignore_errors=True)
    shutil.copytree(run.finished[-1].folder / "data", laid / "data", copy_function=linked)
    _write_all_lost(run, laid / "dropped")
    (laid / "mixture.lock.yaml").write_text(pinned, encoding="utf-8")
    about = A_SAMPLE.format(name=made["name"]) if "sample" in made else card(made)
    (laid / "README.md").write_text(about, encoding="utf-8")
    (laid / "training_summary.md").write_text(summary(made), encoding="utf-8")
    (laid / "croissant.json").write_text(croissant(Built(laid, made)), encoding="utf-8")
    (laid / "report.html").write_text(report(Built(laid, made)), encoding="utf-8")
    (out / "manifest.json").unlink(missing_ok=True)
    for entry in sorted(laid.iterdir()):
        old = out / entry.name
        if old.is_dir():
            old.rename(out / ".work" / f"tmp-old-{old.name}")
        entry.rename(old)
    (laid / "manifest.json").write_text(text, encoding="utf-8")
    (laid / "manifest.json").rename(out / "manifest.json")
    for leftover in (out / ".work").glob("tmp-*"):
        shutil.rmtree(leftover)


def _lay_out_lost(out: Path, run: Run) -> None:
    """Put the dropped rows of a build that has no other where people look for them; what an earlier
    build of this folder left goes, since the folder speaks of one build (its stages are kept)."""
    laid = out / ".work" / "tmp-laid-out"
    shutil.rmtree(laid, ignore_errors=True)
    laid.mkdir()
    _write_all_lost(run, laid / "dropped")
    (out / "manifest.json").unlink(missing_ok=True)
    for name in LAID_OUT:
        if (out / name).exists():
            (out / name).rename(out / ".work" / f"tmp-old-{name}")
    (laid / "dropped").rename(out / "dropped")
    for leftover in (out / ".work").glob("tmp-*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _laid_out(out: Path, made: dict[str, Any], texts: dict[str, str]) -> bool:
    """Whether these results lie where people look for them, whole."""
    for name, text in texts.items():
        file = out / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            return False
    files = [file for split in made["splits"].values() for file in split["files"]]
    return all((out / name).exists() for name in LAID_OUT) and all(
        (out / f["path"]).is_file() and (out / f["path"]).stat().st_size == f["bytes"]
        for f in files
    )


def _write_all_lost(run: Run, folder: Path) -> None:
    """The dropped and failed rows of every stage, and its evidence, as one file each."""
    folder.mkdir()
    names = [f"{n:02d}-{f.account.label.replace(' ', '-')}" for n, f in enumerate(run.finished)]
    run.write_lost(folder, names)
    for done, name in zip(run.finished, names, strict=True):
        for table in sorted(done.folder.glob("*.parquet")):
            linked(table, folder / f"{name}-{table.name}")


def _refuse_unready(file: Path, described: Mixture, dry_run: bool) -> None:
    """Stop before a build that could not be published after it."""
    if described.publish is None:
        raise UserError(
            f"{file}: says no publish: {{repo: me/name}}, so --publish has no place to go"
        )
    if not dry_run:
        hub.ready(described.publish.repo)


if __name__ == "__main__":
    run_command(app)
