"""Tracebacks as tools show them that report errors: with the locals of every frame."""

import io

from rich.console import Console
from rich.traceback import Traceback


def rendered(error: BaseException) -> str:
    """Return the traceback with the locals of every frame, as wide and as deep as rich can."""
    trace = Traceback.from_exception(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_length=1_000,
        locals_max_string=10_000,
        locals_hide_dunder=False,
        locals_hide_sunder=False,
        max_frames=0,
        word_wrap=True,
        width=4_000,
    )
    out = io.StringIO()
    Console(file=out, width=4_000).print(trace)
    return out.getvalue()
