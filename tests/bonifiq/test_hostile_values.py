"""Every argument of every method of the client, and every member of what it takes: what cannot be meant is
refused by its name, and nothing is sent. Walked by type hints, so that a new method or member is a row here.
"""

import inspect
import types
import typing
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum
from functools import partial
from typing import Union, cast

import attrs
import pytest
from conftest import fast

from bonifiq_async import BasicCredentials, BonifiQClient, BonifiQPublicClient, NotAppliedError, PayloadError
from bonifiq_async._model.secret import Secret
from bonifiq_async.bonifiq.calls.caller import Group

pytestmark = pytest.mark.filterwarnings("ignore::bonifiq_async.UnverifiedOperationWarning")
MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
NO_TEXTS = ("", "  ", "a\x00b", "half \ud800", 5, True, b"text", ["text"])
NO_AMOUNTS = (
    *(Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal(-1)),
    *(Decimal("1E+400"), Decimal("1E-400"), Decimal("1." + "1" * 40), 10**400, True, 1.5, "10", float("nan")),
)
NO_NUMBERS = (True, 1.5, Decimal(1), "1", -1, 2**63, 10**400)
HOSTILE: Mapping[type[object], tuple[object, ...]] = {
    str: NO_TEXTS,
    Decimal: NO_AMOUNTS,
    int: NO_NUMBERS,
    bool: (1, 0, "true", Decimal(1)),
    datetime: (datetime(2026, 3, 1), date(2026, 3, 1), "2026-03-01T00:00:00Z", 1_700_000_000),
    date: (datetime(1990, 5, 17), "1990-05-17", 1990, datetime(9999, 1, 1, tzinfo=UTC), date(9999, 1, 1)),
    Secret: NO_TEXTS,
}
"""What is not of a type, or is of it and cannot be meant."""
EITHER = {"reference": ("change_key", "original_key", "cancel_key"), "value": ("points",)}
"""Arguments and members beside which the others must be left out."""
NOT_ASKED = {"deadline"}
MAY_BE_BLANK = {"customer_reason"}
"""Texts of which a blank one is left out, as the provider takes it."""
SIGNED = {"value", "points"}
"""Numbers of a change that are below zero where it removes."""


class Call(typing.NamedTuple):
    """A method of a client, and what its arguments may be."""

    name: str
    hints: Mapping[str, object]


def calls_of(client: BonifiQClient | BonifiQPublicClient) -> Iterator[Call]:
    public = isinstance(client, BonifiQPublicClient)
    for group in ("",) if public else (name for name in dir(client) if not name.startswith("_")):
        owner = getattr(client, group) if group else client
        if not isinstance(owner, Group | BonifiQPublicClient):
            continue
        for name, made in inspect.getmembers(owner, inspect.ismethod):
            if name.startswith("_") or name in ("aclose", "in_doubt", "from_env", "outcome_on", "outcome_of"):
                continue
            hints = hints_of(made)
            if "terms" not in hints and name != "prepared":  # a batch makes them
                yield Call(f"{group}.{name}" if group else name, hints)


def hints_of(made: Callable[..., object]) -> Mapping[str, object]:
    """Return the type of each argument by its name, those of a TypedDict among them."""
    found: dict[str, object] = {}
    hints = typing.get_type_hints(made)
    for name, parameter in inspect.signature(made).parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found |= typing.get_type_hints(typing.get_args(hints[name])[0])
        else:
            found[name] = hints[name]
    return {name: hint for name, hint in found.items() if name not in NOT_ASKED}


def kinds_in(hint: object) -> list[object]:
    """Return what a union is of, but for None."""
    members = typing.get_args(hint) if typing.get_origin(hint) in (Union, types.UnionType) else (hint,)
    return [each for each in members if each is not types.NoneType]


def item_of(hint: object) -> type[object] | None:
    """Return of what a hint is a sequence, None where it is none."""
    for each in kinds_in(hint):
        if typing.get_origin(each) is Sequence:
            return cast("type[object]", typing.get_args(each)[0])
    return None


def good(name: str, hint: object) -> object:
    """Return something that may be sent."""
    if (item := item_of(hint)) is not None:
        return [good(name, item)]
    kind = cast("type[object]", kinds_in(hint)[0])
    if attrs.has(kind):
        return made_of(kind)
    if issubclass(kind, IntEnum):
        return 5
    if issubclass(kind, Secret):
        return "471193"
    values: Mapping[type[object], object] = {
        str: "r-1",
        Decimal: Decimal(10),
        int: 3,
        bool: True,
        datetime: MOMENT,
        date: date(1990, 5, 17),
    }
    return values[kind]


def made_of(kind: type[object]) -> object:
    """Return one of a class, with all members but for those of its own class, and one of several."""
    hints = typing.get_type_hints(kind)
    given = {name: good(name, hint) for name, hint in hints.items() if kind not in kinds_in(hint)}
    return kind(**alone(given))


def alone(given: Mapping[str, object], keep: str = "") -> dict[str, object]:
    """Return arguments without those beside which another must not stand; `keep` stays."""
    gone: set[str] = set()
    for one, others in EITHER.items():
        if keep in others:
            gone |= {one, *others} - {keep}
        elif one in given or keep == one:
            gone |= {*others}
    return {name: value for name, value in given.items() if name not in gone}


def bad(name: str, hint: object) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what must not be given, each with the path of the member that is wrong, from "" on."""
    item = item_of(hint)
    if item is not None:
        for value in ("text", 5, {"a": 1}, [None], ["text"], [{}]):
            yield "", partial(itself, value)
        for path, make in bad("", item):
            if path:
                yield f"[0]{path}", partial(list_of, make)
        return
    kinds = [cast("type[object]", each) for each in kinds_in(hint)]
    for kind in kinds:
        if attrs.has(kind):
            for value in ({}, "text", 5, object()):
                yield "", partial(itself, value)
            yield from spoilt(kind)
    basic = {known for known in HOSTILE for kind in kinds if not attrs.has(kind) and issubclass(kind, known)}
    for known in next(({each} for each in (Secret, bool, datetime) if each in basic), basic):
        for value in HOSTILE[known]:
            blank = name in MAY_BE_BLANK and value in NO_TEXTS[:2]
            if not blank and not (name in SIGNED and repr(value) in ("-1", "Decimal('-1')")):
                yield "", partial(itself, value)


def itself(value: object) -> object:
    return value


def list_of(make: Callable[[], object]) -> object:
    return [make()]


def spoilt(kind: type[object]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what makes one of a class of which one member is wrong."""
    fields = {name: hint for name, hint in typing.get_type_hints(kind).items() if kind not in kinds_in(hint)}
    for name, hint in fields.items():
        given = alone({each: good(each, of) for each, of in fields.items() if each != name}, name)
        for path, make in bad(name, hint):
            yield f".{name}{path}", partial(made_with, kind, given, name, make)


def made_with(
    kind: type[object], given: Mapping[str, object], name: str, make: Callable[[], object]
) -> object:
    return kind(**{**given, name: make()})


def client_of(public: bool) -> BonifiQClient | BonifiQPublicClient:
    """Return a client that reaches nothing."""
    nowhere, once = "http://127.0.0.1:1", fast(max_attempts=1)
    if public:
        return BonifiQPublicClient("t", base_url=nowhere, retry=once)
    return BonifiQClient(BasicCredentials("t", "k"), base_url=nowhere, retry=once)


CALLS = [each for public in (False, True) for each in calls_of(client_of(public))]


async def run(made: object) -> None:
    if isinstance(made, AsyncGenerator):
        await anext(made)
    elif inspect.isawaitable(made):
        await cast("Awaitable[object]", made)


async def call_of(call: Call, given: Mapping[str, object]) -> None:
    """Make the call by a client of its own."""
    group, _, name = call.name.rpartition(".")
    async with client_of(not group) as client:
        await run(getattr(getattr(client, group) if group else client, name)(**given))


def test_every_group_is_walked() -> None:
    assert len({call.name.rpartition(".")[0] for call in CALLS}) == 14 and len(CALLS) > 50


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_what_may_be_sent_is(call: Call) -> None:
    """Else what is refused below may be refused for another reason."""
    given = alone({name: good(name, hint) for name, hint in call.hints.items()})
    with pytest.raises(NotAppliedError):
        await call_of(call, given)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
async def test_what_cannot_be_meant_is_named_and_not_sent(call: Call) -> None:
    wrong = []
    for name, hint in call.hints.items():
        given = alone({each: good(each, of) for each, of in call.hints.items() if each != name}, name)
        for path, make in bad(name, hint):
            value: object = None
            try:
                value = make()
                await call_of(call, {**given, name: value})
            except PayloadError as error:
                said = f"{name}{path}"
                if not (f".{said}".endswith(f".{error.path}") or error.path.startswith(said)):
                    wrong.append(f"{said}: {value!r:.40} is said to be wrong at {error.path}")
            except Exception as error:  # noqa: BLE001 - each is named below
                wrong.append(f"{name}{path}: {value!r:.60}: {type(error).__name__}: {error!s:.100}")
            else:
                wrong.append(f"{name}{path}: {value!r:.60} was taken")
    assert wrong == [], "\n".join(wrong)
