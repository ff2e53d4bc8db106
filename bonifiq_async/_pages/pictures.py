"""Bars, and what happened over time, as SVG that can be read on a light page and on a dark one.

A picture over time stands in a page, and is as wide as that is: what is written stands beside it, as text
that keeps its size.
"""

from collections.abc import Sequence
from html import escape

from attrs import frozen

STYLE = """
.picture text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.picture .page { fill: #ffffff } .picture .bar { fill: #8c959f } .picture .ours { fill: #0969da }
.picture .runs { stroke: #1f2328 }
.picture .title { font-size: 15px; font-weight: 600 } .picture .note { fill: #59636e; font-size: 12px }
.picture .good, .key.good { fill: #0969da; background: #0969da }
.picture .bad, .key.bad { fill: #d1570b; background: #d1570b }
.picture .mark { stroke: #1f2328; stroke-dasharray: 3 3 } .key.mark { background: #1f2328 }
@media screen and (prefers-color-scheme: dark) {
.picture text { fill: #f0f6fc } .picture .note { fill: #9198a1 }
.picture .page { fill: #0d1117 } .picture .bar { fill: #656c76 } .picture .ours { fill: #4493f8 }
.picture .runs { stroke: #f0f6fc }
.picture .good, .key.good { fill: #4493f8; background: #4493f8 }
.picture .bad, .key.bad { fill: #f0883e; background: #f0883e }
.picture .mark { stroke: #f0f6fc } .key.mark { background: #f0f6fc }
}
"""
"""The colours of all pictures, for the one style of a page; a picture that stands alone has it inside."""

WIDTH = 760
LEFT, RIGHT, TOP, ROW, BAR = 270, 170, 64, 26, 14


@frozen
class Bar:
    """A label, a length with the text that stands behind it, and the lowest and highest run."""

    label: str
    value: float
    text: str
    low: float
    high: float
    ours: bool = False


def bars(title: str, note: str, rows: Sequence[Bar]) -> str:
    """Return a picture that stands alone; all bars share one scale, and a line shows how the runs spread."""
    height = TOP + ROW * len(rows) + 12
    scale = (WIDTH - LEFT - RIGHT) / (max((row.high for row in rows), default=0.0) or 1.0)
    size = f'width="{WIDTH}" height="{height}"'
    box = f'class="picture" role="img" viewBox="0 0 {WIDTH} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} {size}>',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" {size} rx="6"/>',
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
        f'<text class="note" x="16" y="46">{escape(note)}</text>',
    ]
    for at, row in enumerate(rows):
        top = TOP + ROW * at
        middle, end = top + BAR / 2, LEFT + row.value * scale
        kind, length = "ours" if row.ours else "bar", max(end - LEFT, 1)
        low, high = LEFT + row.low * scale, LEFT + row.high * scale
        parts += [
            f'<text x="{LEFT - 10}" y="{middle + 4.5}" text-anchor="end">{escape(row.label)}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" rx="2"/>',
            f'<line class="runs" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>',
            f'<text x="{max(end, high) + 8:.1f}" y="{middle + 4.5}">{escape(row.text)}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


@frozen
class Series:
    """Counts in steps of equal length, one behind the other. `kind` is a colour: `good` or `bad`."""

    name: str
    counts: Sequence[int]
    kind: str


@frozen
class Moments:
    """Moments that are drawn as lines, as shares of the whole time from 0 to 1."""

    name: str
    at: Sequence[float]


@frozen
class Axis:
    """What is written around a picture over time: its top, and its two ends."""

    top: str
    begin: str
    end: str


def over_time(series: Sequence[Series], axis: Axis, marks: Moments | None = None) -> str:
    """Return series over each other, which share one scale; each is to be within the one before it.

    The texts are taken as they are: what is foreign in them is to be harmless already.
    """
    steps = max((len(each.counts) for each in series), default=0) or 1
    most = max((count for each in series for count in each.counts), default=0) or 1
    paths = "".join(f'<path class="{each.kind}" d="{_columns(each.counts, most)}"/>' for each in series)
    lines, keys = "", [(each.kind, each.name) for each in series]
    if marks is not None:
        keys.append(("mark", marks.name))
        drawn = "".join(f"M{at * steps:.3f} 0V100" for at in marks.at)
        lines = f'<path class="mark" vector-effect="non-scaling-stroke" d="{drawn}"/>'
    legend = "".join(f'<span><i class="key {kind}"></i>{name}</span>' for kind, name in keys)
    label = ", ".join(name for _, name in keys)
    return (
        f"<figure><figcaption>{legend}</figcaption>"
        f'<p class="axis"><span>{axis.top}</span></p>'
        f'<svg class="picture over-time" viewBox="0 0 {steps} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}: {axis.begin} - {axis.end}, {axis.top}">{paths}{lines}</svg>'
        f'<p class="axis"><span>{axis.begin}</span><span>{axis.end}</span></p></figure>'
    )


def _columns(counts: Sequence[int], most: int) -> str:
    return "".join(
        f"M{at} 100V{100 - 100 * count / most:.2f}h1V100z" for at, count in enumerate(counts) if count
    )
