"""Charts as inline SVG: bars and lines, in the page's own colours, without a library."""

from collections.abc import Sequence

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


def line(points: Sequence[tuple[float, float]], title: str) -> Markup:
    """A curve of rows over thresholds, which stand side by side at one distance."""
    width, height, left, below = PLOT
    foot = height - below
    most = max(y for _, y in points) or 1
    step = (width - left - 12) / max(len(points) - 1, 1)
    places = [(left + n * step, foot - y / most * (foot - 12)) for n, (_, y) in enumerate(points)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    drawn = Markup('<path class="axis" d="M{} 6V{}H{}"/>').format(left, foot, width - 12)
    drawn += Markup('<polyline points="{}"/>').format(path)
    dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3"><title>{:g}: {:,.0f} rows</title></circle>')
    drawn += Markup().join(
        dot.format(*place, *point) for place, point in zip(places, points, strict=True)
    )
    label = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
    drawn += label.format(left, height - 8, "start", f"{points[0][0]:g}")
    drawn += label.format(width - 12, height - 8, "end", f"{points[-1][0]:g}")
    drawn += label.format(left - 6, 16, "end", f"{most:,.0f}")
    drawn += label.format(left - 6, foot, "end", "0")
    svg = Markup('<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return svg.format(width, height, title, drawn)
