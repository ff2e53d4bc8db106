"""The page: claims and pictures in one HTML file that needs nothing from outside and runs no script."""

import html
from collections.abc import Sequence

import attrs
from attrs import frozen

from bonifiq_async._model.printable import printable
from bonifiq_async.verification.finding import Figures, Proof, Timeline

WIDTH, HEIGHT, FOOT = 960.0, 200.0, 24.0

COLUMNS = tuple(field.name for field in attrs.fields(Figures))
"""The figures of a claim, in the order in which they are shown."""

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1020px; padding: 0 1rem;
  color: #1b1f24; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; width: 100% } th, td { padding: .3rem .5rem; text-align: left;
  border-bottom: 1px solid #d8dee4; vertical-align: top } .n { text-align: right;
  font-variant-numeric: tabular-nums } .holds { color: #116329 } .fails { color: #b3261e; font-weight: 600 }
small { color: #57606a } svg { width: 100%; height: auto } .key { display: inline-block; width: .8em;
  height: .8em; margin: 0 .3em 0 1em }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117 }
  th, td { border-color: #30363d } small { color: #9198a1 } .holds { color: #56d364 }
  .fails { color: #ff7b72 } }
"""
_GOOD, _FAILED, _KILL, _AXIS = "#4c8bf5", "#e8710a", "#b3261e", "#8b949e"


@frozen
class Head:
    """What a run was: its size, its seed, how many seconds it took, and the command that repeats it."""

    scale: str
    seed: int
    seconds: float
    command: str


def page(head: Head, proofs: Sequence[Proof], timelines: Sequence[Timeline]) -> str:
    """Return the HTML."""
    holding = sum(proof.holds for proof in proofs)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>What is promised, tried</title>',
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>',
        f"<h1>{holding} of {len(proofs)} claims hold</h1>",
        f"<p>Scale {_text(head.scale)}, seed {head.seed}, {head.seconds:,.0f} seconds.</p>",
        f"<p>Repeat it with <code>{_text(head.command)}</code>.</p>",
        _table(proofs),
        *(_picture(each) for each in timelines),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _text(text: str) -> str:
    return html.escape(printable(text, None))


def _table(proofs: Sequence[Proof]) -> str:
    heads = "".join(f'<th class="n">{name}</th>' for name in COLUMNS)
    rows = [f"<tr><th>claim</th><th></th>{heads}</tr>"]
    for proof in proofs:
        values = (getattr(proof.finding.figures, name) for name in COLUMNS)
        cells = "".join(f'<td class="n">{"" if value is None else f"{value:,}"}</td>' for value in values)
        verdict = '<td class="holds">holds</td>' if proof.holds else '<td class="fails">fails</td>'
        words = [proof.says, f"{proof.provider}. {proof.finding.note}".rstrip(" ."), *proof.finding.problems]
        said = "".join(f"<br><small>{_text(text)}</small>" for text in words)
        rows.append(f"<tr><td><b>{_text(proof.name)}</b>{said}</td>{verdict}{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _picture(line: Timeline) -> str:
    """Draw requests a second and, within them, those that failed on purpose; a line for each kill."""
    most = max((count / line.seconds for count in line.requests), default=0.0) or 1.0
    lasted = line.seconds * len(line.requests)
    step = WIDTH / max(1, len(line.requests))

    def bars(counts: Sequence[int], colour: str) -> str:
        return "".join(
            f'<rect x="{at * step:.2f}" y="{HEIGHT - tall:.2f}" width="{step:.2f}" height="{tall:.2f}" '
            f'fill="{colour}"/>'
            for at, count in enumerate(counts)
            if (tall := HEIGHT * count / line.seconds / most)
        )

    kills = "".join(
        f'<line x1="{WIDTH * kill / lasted:.2f}" x2="{WIDTH * kill / lasted:.2f}" y1="0" y2="{HEIGHT:.0f}" '
        f'stroke="{_KILL}" stroke-width="1" stroke-dasharray="3 3"/>'
        for kill in line.kills
    )
    foot = HEIGHT + FOOT - 7
    text = f'fill="{_AXIS}" font-size="13" font-family="sans-serif"'
    kinds = sorted(line.kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    listed = ", ".join(f"{_text(name)} {count:,}" for name, count in kinds)
    return (
        f"<h2>{_text(line.name)}</h2>"
        f'<p><span class="key" style="background:{_GOOD}"></span>requests a second'
        f'<span class="key" style="background:{_FAILED}"></span>of them failed on purpose'
        f'<span class="key" style="background:{_KILL}"></span>{len(line.kills):,} kills</p>'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT + FOOT:.0f}" role="img" '
        f'aria-label="requests and faults over time">'
        f"{bars(line.requests, _GOOD)}{bars(line.faults, _FAILED)}{kills}"
        f'<line x1="0" x2="{WIDTH:.0f}" y1="{HEIGHT:.0f}" y2="{HEIGHT:.0f}" stroke="{_AXIS}"/>'
        f'<text x="0" y="{foot:.0f}" {text}>0 s</text>'
        f'<text x="{WIDTH:.0f}" y="{foot:.0f}" text-anchor="end" {text}>{lasted:,.1f} s</text>'
        f'<text x="{WIDTH:.0f}" y="13" text-anchor="end" {text}>{most:,.0f} a second at the top</text></svg>'
        f"<p><small>Faults by kind: {listed}.</small></p>"
    )
