"""One page in one file: it runs no script and asks for nothing, which its own policy makes sure of.

Foreign text comes in through `text` alone.
"""

import base64
import hashlib
import html

from bonifiq_async._model.printable import LONGEST, printable
from bonifiq_async._pages import pictures

STYLE = (
    """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d8dee4; --quiet: #57606a;
  --good: #116329; --bad: #b3261e; --code: #f3f4f6 }
@media screen and (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d;
  --quiet: #9198a1; --good: #56d364; --bad: #ff7b72; --code: #1c2128 } }
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1020px; padding: 1rem;
  color: var(--ink); background: var(--paper); overflow-wrap: anywhere }
h1 { font-size: 1.5rem; margin: .5rem 0 } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem }
table { border-collapse: collapse; width: 100% }
th, td { padding: .3rem .5rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: break-word }
.foreign { overflow-wrap: anywhere; min-width: 10rem }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.holds { color: var(--good) } .fails { color: var(--bad); font-weight: 600 }
small, .quiet { color: var(--quiet) }
pre { background: var(--code); padding: .6rem; white-space: pre-wrap; margin: .4rem 0 }
code { background: var(--code); padding: 0 .2em } pre code { padding: 0 }
figure { margin: 0 0 1rem } figcaption span { margin-right: 1rem }
.over-time { display: block; width: 100%; height: 9rem; border-bottom: 1px solid var(--quiet) }
.axis { display: flex; justify-content: space-between; gap: 1rem; margin: 0; font-size: .85rem;
  color: var(--quiet) }
.key { display: inline-block; width: .8em; height: .8em; margin-right: .35em }
@media (max-width: 640px) {
  table.folds thead { display: none }
  table.folds tr { display: block; border-bottom: 1px solid var(--line); padding: .4rem 0 }
  table.folds td { display: grid; grid-template-columns: minmax(6.5rem, 25%) 1fr; gap: .7rem; border: 0;
    padding: .1rem 0; white-space: normal }
  table.folds td::before { content: attr(data-name); color: var(--quiet); text-align: left }
  table.folds td:not([data-name]) { display: block }
  table.folds td:empty { display: none }
}
@media print {
  :root { --ink: #000; --paper: #fff; --line: #bbb; --quiet: #444; --good: #000; --bad: #000; --code: #fff }
  body { max-width: none; padding: 0; font-size: 10pt }
  h2, thead, tr, figure, pre { break-inside: avoid } h2 { break-after: avoid }
  pre { border: 1px solid var(--line) }
  .over-time { height: 3.5cm } .picture, .key { print-color-adjust: exact }
}
@page { margin: 1.5cm }
"""
    + pictures.STYLE
)
"""The style of every page. On paper its colours are those of a light one."""


HEAD = "<!doctype html>\n<!-- made by a command, which may write over it -->\n"
"""How every page begins: by this, the command knows a page of its own again."""


def page(title: str, body: str, *, language: str = "en") -> str:
    """Return a page. `title` is foreign; `body` is HTML; `language` is a tag such as `pt-BR`."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        f'{HEAD}<html lang="{text(language)}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{text(title)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def text(foreign: str, longest: int | None = LONGEST) -> str:
    """Return a foreign text as one that may stand in a page, also in an attribute in quotation marks.

    It is cut as by `printable`.
    """
    return html.escape(printable(foreign, longest))
