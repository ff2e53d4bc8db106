"""What a page is built of: words in the reader's language, times, tables and commands, as HTML."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from bonifiq_async._pages.markup import text
from bonifiq_async.cli.language.phrase import Phrase, phrase, shown


def said(words: str) -> str:
    """Return words in the reader's language, as HTML."""
    return text(shown(words), None)


def moment(seconds: float) -> Phrase:
    """Return a time of the epoch, in the local zone."""
    return clock(datetime.fromtimestamp(seconds).astimezone())


def clock(at: datetime) -> Phrase:
    """Return a time with its zone."""
    return phrase("{at:%Y-%m-%d %H:%M:%S %z}", at=at)


WORDS, FOREIGN, NUMBERS = "", "foreign", "n"
"""What a column has: words, which wrap at blanks; foreign text, which may have none; numbers."""

Columned = Mapping[str, str]
"""The columns of a table, and what each has."""


def table(columns: Columned, rows: Iterable[Sequence[str]]) -> str:
    """Return a table, each cell of which is HTML. On a phone, its rows fold."""
    names = [said(name) for name in columns]
    kinds = [f' class="{kind}"' if kind else "" for kind in columns.values()]
    head = "".join(f"<th{kind}>{name}</th>" for name, kind in zip(names, kinds, strict=True))
    body = "".join(
        "<tr>"
        + "".join(
            f'<td{kind} data-name="{name}">{cell}</td>'
            for name, kind, cell in zip(names, kinds, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    return f'<table class="folds"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def section(title: Phrase, *parts: str) -> str:
    """Return parts of a page under a title."""
    return f"<h2>{said(title)}</h2>{''.join(parts)}"


def shell(*commands: Sequence[str]) -> str:
    """Return commands as a shell takes them."""
    lines = (text(f"bonifiq {shlex.join(command)}", None) for command in commands)
    return "".join(f"<pre><code>{line}</code></pre>" for line in lines)
