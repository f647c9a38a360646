"""Charts as inline SVG: bars and lines, in the page's own colours, without a library."""

from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

WIDTH, HEIGHT = 240, 44


def bars(counts: Sequence[tuple[str, int]], title: str) -> Markup:
    """A small histogram; each bar says what it counts."""
    most = max((count for _, count in counts), default=0) or 1
    step = WIDTH / max(len(counts), 1)
    drawn = Markup().join(
        Markup('<rect x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>').format(
            *(f"{step * n:.1f}", f"{HEIGHT - (tall := HEIGHT * count / most):.1f}"),
            *(f"{max(step - 1, 0.5):.1f}", f"{tall:.1f}", label, f"{count:,}"),
        )
        for n, (label, count) in enumerate(counts)
        if count
    )
    svg = Markup('<svg class="bars" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return svg.format(WIDTH, HEIGHT, title, drawn)


def share(part: float) -> Markup:
    """A share as a bar in its cell."""
    drawn = '<svg class="share" viewBox="0 0 100 8" aria-hidden="true" preserveAspectRatio="none">'
    return Markup(drawn + '<rect width="{}" height="8"/></svg>').format(f"{100 * part:.1f}")


PLOT = (560, 180, 48, 28)
"""Width and height of a line chart, and the room for its figures on the left and below."""
NEARLY_ALL = 0.8
"""A curve that stays above this share of its rows is shown from its own least."""


def line(points: Sequence[tuple[float, float]], title: str, at: float | None = None) -> Markup:
    """A curve of rows over thresholds, which stand side by side at one distance; `at` is where the
    threshold is set. Where little goes, the axis does not begin at 0."""
    width, height, left, below = PLOT
    foot = height - below
    most = max(y for _, y in points) or 1
    least = min(y for _, y in points)
    least = least if least > NEARLY_ALL * most and least < most else 0
    step = (width - left - 12) / max(len(points) - 1, 1)
    up = (foot - 12) / (most - least)
    places = [(left + n * step, foot - (y - least) * up) for n, (_, y) in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = Markup('<path class="axis" d="M{} 6V{}H{}"/>').format(left, foot, width - 12)
    drawn += _set_at(points, at, left, step, foot)
    drawn += Markup('<polyline points="{}"/>').format(path)
    dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3"><title>{}: {:,.0f} rows</title></circle>')
    drawn += Markup().join(
        dot.format(*place, _figure(x), y) for place, (x, y) in zip(places, points, strict=True)
    )
    label = Markup('<text x="{:.0f}" y="{}" text-anchor="{}">{}</text>')
    middle = len(points) // 2
    ticks = {0: "start", middle: "middle", len(points) - 1: "end"}
    for n, anchor in ticks.items():
        drawn += label.format(places[n][0], height - 8, anchor, _figure(points[n][0]))
    drawn += label.format(left - 6, 16, "end", f"{most:,.0f}")
    drawn += label.format(left - 6, foot, "end", f"{least:,.0f}")
    svg = Markup('<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return svg.format(width, height, title, drawn)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _set_at(
    points: Sequence[tuple[float, float]], at: float | None, left: int, step: float, foot: int
) -> Markup:
    """A line where the threshold is set, between the two thresholds around it."""
    around = [
        (n, low, high)
        for n, ((low, _), (high, _)) in enumerate(pairwise(points))
        if at is not None and low <= at <= high and low < high
    ]
    if at is None or not around:
        return Markup()
    n, low, high = around[0]
    x = left + (n + (at - low) / (high - low)) * step
    drawn = '<path class="set" d="M{:.1f} 6V{}"><title>set to {:g}</title></path>'
    return Markup(drawn).format(x, foot, at)
