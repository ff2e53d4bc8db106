"""A fault script in a file: read into the parts of a `FaultScript`; what is wrong is told by its line."""

import re
import runpy
import tomllib
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypedDict, cast

import attrs
from attrs import field, frozen

from bonifiq_async import door
from bonifiq_async.errors import ConfigurationError
from bonifiq_async.sandbox.faults import TRANSIENT, known
from bonifiq_async.sandbox.load import Latency, Limit, Outage, Retention
from bonifiq_async.sandbox.rules import Rule, share


class Parts(TypedDict):
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


def _listed(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigurationError(f"A list of names of faults is needed, not {value!r}.")
    known(str(name) for name in value if name != "")
    return tuple(map(str, value))


@frozen
class _Top:
    """What stands before the first table."""

    seed: int = field(default=0, validator=door.stock)
    rate: float = field(default=0.0, validator=share)
    among: tuple[str, ...] = field(default=TRANSIENT, converter=_listed)
    seconds: int = field(default=1, validator=door.count)
    sequence: tuple[str, ...] = field(default=(), converter=_listed)


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


def parts_of(source: str | Path) -> Parts:
    """Read the file at a `Path`, or a text. Raises `ConfigurationError`, which names the line."""
    name, text = _text_of(source)

    def refuse(line: int, problem: str) -> ConfigurationError:
        return ConfigurationError(f"{name}, line {line}: {problem} Nothing was started; mend the line.")

    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        raise refuse(int(at[1]) if at else text.count("\n") + 1, f"This is not TOML: {error}.") from None

    def one(table: str, at: int, values: object) -> object:
        shape = _TABLES.get(table, _Table(_Top))
        try:
            return _made(shape, values)
        except _Wrong as wrong:
            raise refuse(line_of(text, table, at, wrong.member), wrong.problem) from None

    def many(table: str) -> tuple[object, ...]:
        given = found.get(table, [])
        if not isinstance(given, list):
            raise refuse(line_of(text, table, 0, None), f"There may be several: write [[{table}]].")
        return tuple(one(table, at, values) for at, values in enumerate(given))

    top = cast(_Top, one("", 0, {name: value for name, value in found.items() if name not in _TABLES}))
    return Parts(
        sequence=top.sequence,
        rate=top.rate,
        seed=top.seed,
        among=top.among,
        seconds=top.seconds,
        rules=cast("tuple[Rule, ...]", many("fault")),
        outages=cast("tuple[Outage, ...]", many("outage")),
        latency=cast(Latency, one("latency", 0, found.get("latency", {}))),
        limit=cast(Limit, one("limit", 0, found.get("limit", {}))),
        retention=cast(Retention, one("keys", 0, found.get("keys", {}))),
    )


def script_in(path: Path) -> object:
    """Run a Python file and return what it calls `script`. Raises `ConfigurationError`, naming the line."""
    try:
        return runpy.run_path(str(path)).get("script")
    except OSError as error:
        raise ConfigurationError(
            f"The fault script {path} cannot be read: {error.strerror}. Nothing was started."
        ) from None
    except Exception as error:  # noqa: BLE001 - whatever the file does wrong is told by its line
        lines = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == str(path)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else 1
        raise ConfigurationError(
            f"{path}, line {line}: {type(error).__name__}: {error} Nothing was started; mend the line."
        ) from None


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
    return cast("Callable[..., object]", shape.kind)(**arguments)


_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?")


def line_of(text: str, table: str, at: int, member: str | None) -> int:
    """Return the line, counted from 1, of a member in the `at`-th table of that name; "" is the top.

    Without a member, or where it is not found (an inline table), that of the table's head.
    """
    here, seen, head = "", -1, 0
    mentions = re.compile(rf"\s*[\"']?{re.escape(table)}[\"']?\s*[.=]") if table else None
    member_here = re.compile(rf"\s*[\"']?{re.escape(member)}[\"']?\s*[.=]") if member else None
    for number, line in enumerate(text.splitlines(), 1):
        if found := _HEADER.match(line):
            here = found[1].strip("\"'")
            if here == table:
                seen += 1
                head = number if seen == at else head
            continue
        if (
            member_here is not None
            and here == table
            and (not table or seen == at)
            and member_here.match(line)
        ):
            return number
        if not head and here == "" and mentions is not None and mentions.match(line):
            head = number
    return head or 1
