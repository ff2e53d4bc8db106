"""A bar chart as SVG that stands by itself and can be read on a light page and on a dark one."""

from collections.abc import Sequence
from html import escape

from attrs import frozen

WIDTH = 760
LEFT, RIGHT, TOP, ROW, BAR = 270, 170, 64, 26, 14
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.page { fill: #ffffff } .bar { fill: #8c959f } .ours { fill: #0969da } .runs { stroke: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .note { fill: #59636e; font-size: 12px }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .note { fill: #9198a1 }
.page { fill: #0d1117 } .bar { fill: #656c76 } .ours { fill: #4493f8 } .runs { stroke: #f0f6fc }
}
"""


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
    """Return the chart; all bars begin at zero and share one scale, a line shows how the runs spread."""
    height = TOP + ROW * len(rows) + 12
    scale = (WIDTH - LEFT - RIGHT) / (max((row.high for row in rows), default=0.0) or 1.0)
    size = f'width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {size} role="img">',
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
