"""Draws the Mermaid blocks of docs/ while the pages are built: a page needs no script from another host."""

import base64
from typing import Any

import mmdr


def draw(source: str, *_: Any, **__: Any) -> str:
    """Return the drawing as a picture inside the page; the form of a fence of pymdownx.superfences."""
    svg = mmdr.render(source).svg()
    data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    return f'<p><img class="drawing" alt="the drawing" src="data:image/svg+xml;base64,{data}"></p>'
