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


def line(points: Sequence[tuple[float, float]], title: str, set_at: float | None = None) -> Markup:
    """A curve of rows over a threshold, with the threshold that this build has."""
    width, height, left, below = PLOT
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    most = max(y for _, y in points) or 1

    def at(x: float, y: float) -> tuple[str, str]:
        along = (x - low) / (high - low or 1)
        across = left + along * (width - left - 12)
        return f"{across:.1f}", f"{(height - below) - y / most * (height - below - 12):.1f}"

    path = " ".join(",".join(at(x, y)) for x, y in points)
    drawn = Markup('<polyline points="{}"/>').format(path)
    for x, y in points:
        drawn += Markup('<circle cx="{}" cy="{}" r="3"><title>{}: {} rows</title></circle>').format(
            *at(x, y), f"{x:g}", f"{y:,.0f}"
        )
    if set_at is not None and low <= set_at <= high:
        mark = Markup('<line class="set" x1="{0}" x2="{0}" y1="6" y2="{1}"/>')
        drawn += mark.format(at(set_at, 0)[0], height - below)
    label = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
    drawn += label.format(left, height - 8, "start", f"{low:g}")
    drawn += label.format(width - 12, height - 8, "end", f"{high:g}")
    drawn += label.format(left - 6, 16, "end", f"{most:,.0f}")
    drawn += label.format(left - 6, height - below, "end", "0")
    axis = Markup('<path class="axis" d="M{0} 6V{1}H{2}"/>').format(
        left, height - below, width - 12
    )
    svg = Markup('<svg class="curve" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>')
    return svg.format(width, height, title, axis, drawn)
