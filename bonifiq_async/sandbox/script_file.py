"""A fault script in a file: read into the parts of a `FaultScript`; an error names its line."""

import re
import runpy
import tomllib
import traceback
from bisect import bisect_left
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypedDict, cast

import attrs
from attrs import field, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.sandbox.capacity import Latency, Limit, Outage, Retention
from bonifiq_async.sandbox.rules import Chosen, Rule


class ScriptFields(TypedDict):
    """What a `FaultScript` is made of."""

    sequence: tuple[str, ...]
    rate: float
    seed: int
    among: tuple[str, ...]
    seconds: int
    rules: tuple[Rule, ...]
    latency: Latency
    limit: Limit
    outages: tuple[Outage, ...]
    retention: Retention


@frozen
class _Table:
    """How a table is read: into what, how often it may stand there, and members that have another name."""

    kind: type[attrs.AttrsInstance]
    many: bool = False
    aliases: Mapping[str, str] = field(factory=dict)


_TABLES: Mapping[str, _Table] = {
    "fault": _Table(Rule, many=True),
    "outage": _Table(Outage, many=True, aliases={"from": "begins", "for": "lasts"}),
    "latency": _Table(Latency),
    "limit": _Table(Limit),
    "keys": _Table(
        Retention,
        aliases={"forgotten_after_seconds": "seconds", "forgotten_after_requests": "requests"},
    ),
}


def parts_of(source: str | Path) -> ScriptFields:
    """Read the file at a `Path`, or a text. Raises `ConfigurationError`, which names the line."""
    name, text = _text_of(source)

    def refuse(line: int, problem: str) -> ConfigurationError:
        return ConfigurationError(f"{name}, line {line}: {problem} Nothing was started; correct the line.")

    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise refuse(int(at[1]) if at else text.count("\n") + 1, f"This is not TOML: {error}.") from None
    except (ValueError, RecursionError) as error:
        raise refuse(_breaking_line(text), f"This is too much to be read: {error}.") from None

    def one(kind: _Table, values: object, *place: str | int) -> object:
        try:
            return _made(kind, values)
        except _Wrong as wrong:
            member = () if wrong.member is None else (wrong.member,)
            raise refuse(line_of(text, *place, *member), wrong.problem) from None

    def many(table: str) -> tuple[object, ...]:
        given = found.get(table, [])
        if not isinstance(given, list):
            raise refuse(line_of(text, table), f"There may be several: write [[{table}]].")
        return tuple(one(_TABLES[table], values, table, at) for at, values in enumerate(given))

    def single(table: str) -> object:
        return one(_TABLES[table], found.get(table, {}), table)

    top = cast(
        Chosen, one(_Table(Chosen), {name: value for name, value in found.items() if name not in _TABLES})
    )
    return ScriptFields(
        sequence=top.sequence,
        rate=top.rate,
        seed=top.seed,
        among=top.among,
        seconds=top.seconds,
        rules=cast("tuple[Rule, ...]", many("fault")),
        outages=cast("tuple[Outage, ...]", many("outage")),
        latency=cast(Latency, single("latency")),
        limit=cast(Limit, single("limit")),
        retention=cast(Retention, single("keys")),
    )


def script_in(path: Path) -> object:
    """Run a Python file and return what it calls `script`. Raises `ConfigurationError`, naming the line."""
    try:
        return runpy.run_path(str(path)).get("script")
    except OSError as error:
        raise ConfigurationError(
            f"The fault script {path} cannot be read: {error.strerror}. Nothing was started."
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - its error is reported with its line
        line = _line_in(path, error)
        place, what = (f"{path}, line {line}", "line") if line else (path, "file")
        raise ConfigurationError(
            f"{place}: {type(error).__name__}: {error} Nothing was started; correct the {what}."
        ) from None


def _line_in(path: Path, error: BaseException) -> int | None:
    """Return the line of a Python file that an error came of, None where none is known."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == str(path)]
    return lines[-1] if lines else None


def _text_of(source: str | Path) -> tuple[str, str]:
    """Return what a script is called, and its text."""
    if isinstance(source, str):
        return "The fault script", source
    try:
        return str(source), source.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The fault script {source} cannot be read: {error.strerror}. Nothing was started."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"The fault script {source} is not in UTF-8. Nothing was started.") from None


class _Wrong(Exception):
    """A table that does not fit, and the member that makes it so, if one does."""

    def __init__(self, member: str | None, problem: str) -> None:
        super().__init__(problem)
        self.member, self.problem = member, problem


def _made(shape: _Table, values: object) -> object:
    """Make what a table describes, after holding each member against its own rule."""
    if not isinstance(values, dict):
        raise _Wrong(None, "A table is needed here.")
    fields, arguments = attrs.fields_dict(shape.kind), dict[str, object]()
    named = {name: alias for alias, name in shape.aliases.items()}
    allowed = {named.get(name, name): name for name in fields}
    for member, value in values.items():
        if member not in allowed:
            raise _Wrong(member, f"{member} means nothing here. There may be: {', '.join(allowed)}.")
        attribute = fields[allowed[member]]
        try:
            convert = cast("Callable[[object], object] | None", attribute.converter)
            converted = value if convert is None else convert(value)
            if attribute.validator is not None:
                attribute.validator(None, attribute, converted)
        except (ConfigurationError, ValueError) as error:
            problem = str(error)
            if problem.startswith(attribute.name):
                problem = member + problem.removeprefix(attribute.name)
            raise _Wrong(member, problem) from None
        arguments[attribute.name] = value
    for name, attribute in fields.items():
        if attribute.default is attrs.NOTHING and name not in arguments:
            raise _Wrong(None, f"{named.get(name, name)} is missing.")
    try:
        return cast("Callable[..., object]", shape.kind)(**arguments)
    except ConfigurationError as error:  # two members that do not go together; the first word names one
        member = str(error).split()[0]
        raise _Wrong(member if member in values else None, str(error)) from None


def line_of(text: str, *place: str | int) -> int:
    """Return the line, counted from 1, where what stands at `place` begins: names, and places in lists.

    Asked of TOML itself: it is in the first beginning of the text that holds it, after the one before.
    """
    lines = text.split("\n")

    def whole(count: int) -> tuple[int, object]:
        """Return how many of the first `count` lines are whole, and what they say."""
        while True:
            try:
                return count, tomllib.loads("\n".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                count -= 1

    end = bisect_left(range(len(lines)), True, key=lambda count: _holds(whole(count)[1], place))
    return whole(end - 1)[0] + 1


def _holds(found: object, place: tuple[str | int, ...]) -> bool:
    for step in place:
        try:
            found = cast("dict[str | int, object]", found)[step]
        except (LookupError, TypeError):
            return False
    return True


def _breaking_line(text: str) -> int:
    """Return the line from which on a text is too much to be read."""
    lines = text.split("\n")

    def breaks(count: int) -> bool:
        try:
            tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            return False
        except (ValueError, RecursionError):
            return True
        return False

    return bisect_left(range(len(lines)), True, key=breaks)
