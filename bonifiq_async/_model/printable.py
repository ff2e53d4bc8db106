"""Foreign text, made fit for a screen, a log line, an error, a cell or a page.

Foreign is what a provider, a file, a file name, a ledger or an environment says.
"""

LONGEST = 500
"""Characters of one foreign text that are shown, unless its place says otherwise."""

_CUT = "..."


def printable(text: str, longest: int | None = LONGEST) -> str:
    """Return a foreign `text` on one line, with nothing in it that a terminal obeys or that hides.

    What `str.isprintable` refuses stands as Python writes it in a string: `\\x1b`, `\\n`, `\\u202e`. That is
    control and format characters (among them the bidirectional controls of UAX #9, section 2), separators of
    lines and paragraphs, blanks other than the space, halves of characters, and what Unicode does not assign.
    A text of more than `longest` characters ends in `...` there; None cuts nothing. What was returned once is
    returned as it is.
    """
    shown = text if longest is None or len(text) <= longest else text[: longest + 1]
    if not shown.isprintable():
        shown = "".join([char if char.isprintable() else _escaped(char) for char in shown])
    if longest is not None and len(shown) > longest:
        return shown[: longest - len(_CUT)] + _CUT
    return shown


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()
