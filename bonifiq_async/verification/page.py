"""The page: claims and pictures in one HTML file that needs nothing from outside and runs no script."""

from collections.abc import Sequence

import attrs
from attrs import frozen

from bonifiq_async._pages import markup
from bonifiq_async._pages.markup import text
from bonifiq_async._pages.pictures import Axis, Moments, Series, over_time
from bonifiq_async.verification.finding import Figures, Proof, Timeline

COLUMNS = tuple(field.name for field in attrs.fields(Figures))
"""The figures of a claim, in the order in which they are shown."""


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
        f"<h1>{holding} of {len(proofs)} claims hold</h1>",
        f"<p>Scale {text(head.scale)}, seed {head.seed}, {head.seconds:,.0f} seconds.</p>",
        f"<p>Repeat it with <code>{text(head.command)}</code>.</p>",
        _table(proofs),
        *(_picture(each) for each in timelines),
    ]
    return markup.page("What is promised, tried", "\n".join(parts))


def _table(proofs: Sequence[Proof]) -> str:
    heads = "".join(f'<th class="n">{name}</th>' for name in COLUMNS)
    rows = []
    for proof in proofs:
        values = {name: getattr(proof.finding.figures, name) for name in COLUMNS}
        cells = "".join(
            f'<td class="n" data-name="{name}">{"" if value is None else f"{value:,}"}</td>'
            for name, value in values.items()
        )
        verdict = '<td class="holds">holds</td>' if proof.holds else '<td class="fails">fails</td>'
        words = [proof.says, f"{proof.provider}. {proof.finding.note}".rstrip(" ."), *proof.finding.problems]
        said = "".join(f"<br><small>{text(each, None)}</small>" for each in words)
        claim = f'<td class="foreign"><div><b>{text(proof.name)}</b>{said}</div></td>'
        rows.append(f"<tr>{claim}{verdict}{cells}</tr>")
    head = f"<thead><tr><th>claim</th><th></th>{heads}</tr></thead>"
    return f'<table class="folds">{head}<tbody>{"".join(rows)}</tbody></table>'


def _picture(line: Timeline) -> str:
    """Draw requests a second and, within them, those that failed on purpose; a line for each kill."""
    most = max((count / line.seconds for count in line.requests), default=0.0)
    lasted = line.seconds * len(line.requests)
    kinds = sorted(line.kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    listed = ", ".join(f"{text(name)} {count:,}" for name, count in kinds)
    drawn = over_time(
        [
            Series("requests a second", line.requests, "good"),
            Series("of them failed on purpose", line.faults, "bad"),
        ],
        Axis(f"{most:,.0f} a second at the top", "0 s", f"{lasted:,.1f} s"),
        Moments(f"{len(line.kills):,} kills", [kill / lasted for kill in line.kills]),
    )
    return f"<h2>{text(line.name)}</h2>{drawn}<p><small>Faults by kind: {listed}.</small></p>"
