"""Tracebacks as error reporting tools show them: with the locals of every frame."""

from collections.abc import Iterator

from rich.traceback import Trace, Traceback


def rendered(error: BaseException) -> str:
    """Return what rich shows of a traceback with locals, as wide and as deep as it can, without its frames.

    Frames cost a hundred times as much to draw as the text, and may break a word that the test searches.
    """
    trace = Traceback.extract(
        type(error),
        error,
        error.__traceback__,
        show_locals=True,
        locals_max_length=1_000,
        locals_max_string=10_000,
        locals_hide_dunder=False,
        locals_hide_sunder=False,
    )
    return "\n".join(_lines(trace))


def _lines(trace: Trace) -> Iterator[str]:
    for stack in trace.stacks:
        yield f"{stack.exc_type}: {stack.exc_value}"
        for frame in stack.frames:
            yield f"{frame.filename}:{frame.lineno} in {frame.name}: {frame.line}"
            yield from (f"{name} = {value}" for name, value in (frame.locals or {}).items())
        for inner in getattr(stack, "exceptions", ()):  # those of a group, since rich 14
            yield from _lines(inner)
