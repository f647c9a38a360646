"""Plans and builds as a person reads them."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as Grid

from dataengine.account import Account
from dataengine.plan import Plan
from dataengine.publish.hub import Published, Push
from dataengine.stages.stage import Reader

WIDTH = 110
"""Columns where there is no terminal to ask: tables keep their lines."""
PAGE = '<pre style="line-height: 1.2; overflow-x: auto">{code}</pre>'
KEYS_SHOWN = 6
"""Keys of a source that are named on the terminal; the manifest names all."""


def show_plan(plan: Plan, out: Path, work: Path, as_json: bool) -> None:
    """Print the stages that a run executes, with the rows that are known."""
    lines = list(_plan_lines(plan, out, work))
    if as_json:
        print(json.dumps({"name": plan.mixture.name, "out": str(out), "stages": lines}))
        return
    _console().print(_plan_grid(plan, lines))


def plan_text(plan: Plan) -> str:
    """The plan as text, as `--plan` prints it."""
    return _text(lambda console: console.print(_grid_of(plan)))


def plan_html(plan: Plan) -> str:
    """The plan for a notebook."""
    return _html(lambda console: console.print(_grid_of(plan)))


def build_text(manifest: dict[str, Any], out: Path) -> str:
    """A build as text, as the command prints it."""
    return _text(lambda console: show_build(manifest, out, None, console))


def build_html(manifest: dict[str, Any], out: Path) -> str:
    """A build for a notebook."""
    return _html(lambda console: show_build(manifest, out, None, console))


def _grid_of(plan: Plan) -> Grid:
    return _plan_grid(plan, list(_plan_lines(plan, plan.out, plan.out / ".work")))


def _plan_grid(plan: Plan, lines: list[dict[str, Any]]) -> Grid:
    grid = _grid("plan of " + plan.mixture.name, "stage", "does", ">rows", "state")
    for line in lines:
        rows = "?" if line["rows"] is None else f"{line['rows']:,}"
        grid.add_row(line["label"], line["does"], rows, line["state"])
    return grid


def _text(show: Callable[[Console], None]) -> str:
    file = io.StringIO()
    show(Console(file=file, highlight=False, width=WIDTH))
    return file.getvalue().strip("\n")


def _html(show: Callable[[Console], None]) -> str:
    console = Console(file=io.StringIO(), highlight=False, width=WIDTH, record=True)
    show(console)
    return console.export_html(inline_styles=True, code_format=PAGE)


def _plan_lines(plan: Plan, out: Path, work: Path) -> Any:
    for step, fingerprint in zip(plan, plan.fingerprints, strict=True):
        stage = step.stage
        known = _known(work, stage.name, fingerprint)
        rows = known.kept if known else stage.known_rows() if isinstance(stage, Reader) else None
        yield {
            "label": stage.label(),
            "does": stage.explain() if known else stage.projected(out / "ledger.sqlite"),
            "rows": rows,
            "state": _state(known)
            if known
            else "to do"
            if fingerprint
            else "to do, asks the network",
            "name": stage.name,
            "version": stage.version,
            "fingerprint": fingerprint,
        }


def _state(known: Account) -> str:
    return "done, but for what failed for now" if known.mendable else "done"


def _known(work: Path, name: str, fingerprint: str | None) -> Account | None:
    folder = work / f"{name}-{(fingerprint or '')[:16]}"
    return Account.kept_in(folder) if fingerprint else None


def show_build(
    manifest: dict[str, Any],
    out: Path,
    published: Published | None,
    console: Console | None = None,
) -> None:
    """Print what was made, what was dropped and why, and where it is."""
    console = console or _console()
    console.print(_funnel(manifest))
    if manifest["decontamination"]:
        console.print(_protected(manifest["decontamination"]))
        console.print(*_unchecked(manifest["decontamination"]), sep="\n")
    for line in keys(manifest["sources"]):
        console.print(line)
    for name in manifest.get("splits_without_rows", []):
        console.print(f"no row was drawn for the split {name}: it is not there")
    if sample := manifest.get("sample"):
        left_out = ", ".join(sample["left_out"])
        without = f"; without {left_out}, since models make or measure that" if left_out else ""
        console.print(
            f"[bold]a sample, not the dataset[/bold]: at most {sample['records']:,} records of "
            f"each source, drawn by hash{without}"
        )
    rows = ", ".join(f"{n} {s['rows']:,}" for n, s in manifest["splits"].items())
    console.print(f"[bold]{manifest['name']}[/bold]: {rows} rows in {out}")
    console.print(f"dropped rows with their reasons and evidence: {out}/dropped/")
    console.print(f"to look at all of it, open: {out}/report.html")
    if published:
        state = "published" if published.changed else "already published"
        console.print(f"{state}: {published.url}", soft_wrap=True)


def show_push(push: Push) -> None:
    """Print each file that would be published, by its bytes and hash, and where it would go."""
    wide = max(len(file.path) for file in push.files)
    print(f"{'path':<{wide}}  {'bytes':>14}  sha256")
    for file in push.files:
        print(f"{file.path:<{wide}}  {file.bytes:>14,}  {file.sha256}")
    whole = sum(file.bytes for file in push.files)
    seen = "private" if push.private else "public"
    print(f"would publish {len(push.files)} files, {whole:,} bytes, to {push.where} ({seen})")
    print("other files in data/ and dropped/ there would be removed, the rest left alone")
    print("nothing was sent" + ("" if push.token else "; HF_TOKEN is not set: publishing needs it"))


def _funnel(manifest: dict[str, Any]) -> Grid:
    grid = _grid("from source to dataset", "stage", ">in", ">made", ">kept", ">out", "why")
    for stage in manifest["stages"]:
        reasons = sorted(stage["reasons"].items(), key=lambda pair: (-pair[1], pair[0]))
        why = ", ".join(f"{reason} {count:,}" for reason, count in reasons[:6])
        more = f" and {len(reasons) - 6} more" if len(reasons) > 6 else ""
        out = stage["dropped"] + stage["failed"]
        grid.add_row(
            stage["label"],
            f"{stage['rows_in']:,}",
            f"{stage['added']:,}" if stage["added"] else "",
            f"{stage['kept']:,}",
            f"{out:,}" if out else "",
            why + more,
        )
    return grid


def keys(sources: list[dict[str, Any]]) -> Iterator[str]:
    """What became of the keys of the sources' records: not carried, or read as another."""
    for source in sources:
        lost, renamed = source.get("not_carried", {}), source.get("read_as", {})
        if lost:
            told = [f"`{key}` in {rows:,} rows" for key, rows in [*lost.items()][:KEYS_SHOWN]]
            more = f" and {len(lost) - KEYS_SHOWN} more keys" if len(lost) > KEYS_SHOWN else ""
            yield f"not carried from {source['name']}: {', '.join(told)}{more}"
        if renamed:
            named = {key: key.rpartition("[].") for key in renamed}
            told = [
                f"`{name}`{f' of `{under}[]`' if under else ''} as `{renamed[key]}`"
                for key, (under, _, name) in named.items()
            ]
            yield f"read from {source['name']}: {', '.join(told)}"


def _protected(report: dict[str, Any]) -> Grid | str:
    if not any(line["items_hit"] for line in report["table"]):
        return f"\nno eval item was found in the rows ({len(report['suites'])} suites)\n"
    grid = _grid(
        "eval items found in the rows", "suite", "source", ">items", ">share", ">rows dropped"
    )
    for line in report["table"]:
        if line["items_hit"]:
            grid.add_row(
                line["suite"],
                line["source"],
                f"{line['items_hit']:,}",
                f"{line['share']:.1%}",
                f"{line['rows_dropped']:,}",
            )
    return grid


def _unchecked(report: dict[str, Any]) -> list[str]:
    """The suites that were asked for and not checked, on a line."""
    missing = ", ".join(report.get("missing") or [])
    return (
        [f"[bold]asked for and NOT CHECKED[/bold], no items at hand: {missing}"] if missing else []
    )


def _console() -> Console:
    """Standard output; where it is no terminal, wide enough that tables keep their lines."""
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def _grid(title: str, *columns: str) -> Grid:
    """A table; a column whose name starts with `>` is one of figures."""
    grid = Grid(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in columns:
        figures = column.startswith(">")
        grid.add_column(column.lstrip(">"), justify="right" if figures else "left", overflow="fold")
    return grid
