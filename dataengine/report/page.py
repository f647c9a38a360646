"""The report as one HTML file: no server, no network, opens from disk.

What rows say is escaped, and could not run if it were not: a content security policy lets nothing
run but the page's own script, by its hash, and lets nothing be loaded at all. Every section of
texts has a budget in bytes, so that the file stays small whatever the build's size; what is left
out is counted.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any, NamedTuple

import jinja2
import polars as pl
from markupsafe import Markup

from dataengine.built import Built
from dataengine.diff import diff
from dataengine.publish import audited
from dataengine.publish.card import conservation, flat
from dataengine.report import charts
from dataengine.report.alarms import alarms
from dataengine.report.beside import beside
from dataengine.report.chats import chats
from dataengine.report.curves import curves
from dataengine.report.examples import examples
from dataengine.report.funnel import funnel, step_of
from dataengine.report.leaks import Leak, evidence, leaks, quoted
from dataengine.report.lengths import LIMITS, edges, lengths
from dataengine.report.mask import Template
from dataengine.report.passing import COUNTS, passing
from dataengine.report.personas import personas
from dataengine.report.twins import twins

BUDGETS = {"example": 1_700_000, "leak": 1_000_000, "twin": 500_000, "chat": 700_000}
"""Characters of HTML that each section of texts may take."""
LINES = 200
"""Lines of one table."""


class Section(NamedTuple):
    """The texts that are shown, of so many."""

    shown: list[Markup]
    of: int


def report(
    built: Built,
    public: bool = False,
    template: Template | None = None,
    earlier: Built | None = None,
) -> str:
    """The report of a build; a public one has no eval texts, and of rows that went before they
    were found clean of them no text either. A chat template says which turns are trained on; of an
    earlier build it tells what changed since.

    Raises:
        UserError: the build's files are not what its manifest counts, or are not there.
    """
    manifest, lost = built.manifest, built.lost()
    flow = funnel(built, lost)
    pages = _templates()
    script = _own("script.js")
    return pages.get_template("page.html.jinja").render(
        **_texts(built, lost, public, pages, template),
        manifest=manifest,
        sample=manifest.get("sample"),
        public=public,
        template=template.name if template else "",
        changes=diff(earlier, built) if earlier else None,
        steps=[step.label for step in flow.steps],
        budget=_budget(built),
        script=Markup(script),
        script_hash=_sha256(script),
        style=Markup(_own("style.css")),
        funnel=flow,
        conservation=conservation(manifest),
        alarms=alarms(manifest, flow),
        reasons=_reasons(manifest, lost),
        lengths=lengths(manifest),
        limits=LIMITS,
        edges=edges(manifest),
        composition=sorted(manifest["composition"], key=lambda part: -part["rows"]),
        lines=LINES,
        curves=list(curves(built)),
        beside=beside(built),
        passing=passing(built),
        personas=personas(built),
        became=COUNTS,
        share=charts.share,
        audited=audited.lines,
        margins=_margins,
        notebook=_notebook,
    )


def _texts(
    built: Built, lost: pl.DataFrame, public: bool, pages: Any, template: Template | None
) -> dict[str, Section]:
    """The sections that show what rows say."""
    made = pages.get_template("row.html.jinja").module
    hidden = _cleared(built.manifest) if public else 0
    pairs, found = evidence(built), twins(built, hidden)
    drawn = examples(built, quoted(pairs), hidden)
    fit = _fitting(drawn, made.example, BUDGETS["example"])
    fit.sort(key=lambda one: (one[0].number, one[0].reason, one[0].source))
    shown = {example.anchor for example, _ in fit}
    count = int(pairs["pairs"][0]) if pairs.height else 0

    def leak(one: Leak) -> str:
        return str(made.leak(one, one.row in shown))

    rows = sum(split["rows"] for split in built.manifest["splits"].values())
    return {
        "examples": _section(fit, int(lost["rows"].sum())),
        "leaks": _section(_fitting(leaks(pairs, public), leak, BUDGETS["leak"]), count),
        "twins": _section(_fitting(found.shown, made.twin, BUDGETS["twin"]), found.pairs),
        "chats": _section(_fitting(chats(built, template), made.chat, BUDGETS["chat"]), rows),
    }


def _fitting(
    items: Iterable[Any], render: Callable[[Any], str], budget: int
) -> list[tuple[Any, Markup]]:
    """Items with their HTML, the first ones that fit; a long one makes room for others."""
    found: list[tuple[Any, Markup]] = []
    for item in items:
        html = Markup(render(item).strip())
        size = len(html.encode())
        if size <= budget:
            budget -= size
            found.append((item, html))
    return found


def _section(fit: list[tuple[Any, Markup]], of: int) -> Section:
    return Section([html for _, html in fit], of)


def _cleared(manifest: dict[str, Any]) -> int:
    """The place of the first stage whose rows have been found clean of eval items."""
    names = [stage["name"] for stage in manifest["stages"]]
    return names.index("decontaminate") + 1 if "decontaminate" in names else len(names)


def _reasons(manifest: dict[str, Any], lost: pl.DataFrame) -> list[dict[str, Any]]:
    """Every reason of every step of the funnel, in its order, the commonest first."""
    steps = [step_of(manifest, number) for number in lost["number"]]
    named = lost.with_columns(pl.Series("step", steps, dtype=pl.String))
    counted = named.group_by("step", "reason").agg(pl.col("rows").sum(), pl.col("number").min())
    first = pl.col("number").min().over("step")
    return counted.sort(first, -pl.col("rows"), "reason").to_dicts()


def _budget(built: Built) -> float | None:
    """What models may cost, in USD."""
    found = built.mixture.get("budget")
    return float(found["usd"]) if found else None


def _margins(audit: dict[str, Any]) -> Markup:
    """The histogram of an audit's margins."""
    counts = [(f"margin from {bin_['from']:g}", bin_["pairs"]) for bin_ in audit["margins"]]
    return charts.bars(counts, f"margins of {audit['source']}")


def _notebook(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """Figures of any shape that a stage recorded, a line each."""
    told = ((key.replace("_", " "), flat(value)) for key, value in entry.items())
    return [(key, str(value)) for key, value in told if value not in (None, "")]


def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_own),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
