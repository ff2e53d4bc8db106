"""JSON bytes to attrs values and back, with exact decimals and no silent coercion.

Answers are read tolerantly in what they hold (unknown fields are ignored, missing ones take their
default, unknown enum numbers stay numbers) and strictly in type: a string where a number belongs is
a `PayloadError` with the JSON path. Requests leave out what is None. JSON names follow from the
attribute names; `Names` says how.
"""

import types
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from functools import lru_cache
from operator import itemgetter
from typing import Annotated, TypeVar, Union, cast, get_args, get_origin

import attrs
import msgspec
from cattrs import BaseValidationError, Converter
from cattrs.cols import homogenous_tuple_structure_factory
from cattrs.errors import AttributeValidationNote, IterableValidationNote
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.json_codec.decoding import LEVELS, PAUSES, _first_line, _with_pauses
from bonifiq_async._model.money import plain
from bonifiq_async._model.secret import Secret
from bonifiq_async._model.values import Kind, maker

T = TypeVar("T")

NOT_NULL = "left out at the most"
"""Marks a member that an answer may leave out, but that is never null (OpenAPI 3.0: no `nullable: true`)."""
NotNull = Annotated[T | None, NOT_NULL]
"""A value that is None where the answer leaves it out; null is a wrong type."""
NotNullArray = Annotated[tuple[T, ...], NOT_NULL]
"""An array that is empty where the answer leaves it out; null is a wrong type."""


_encoder = msgspec.json.Encoder(decimal_format="number")


class Names(Kind):
    """How a provider spells its JSON names, by the example of `customer_exists`."""

    PASCAL = "CustomerExists"
    SNAKE = "customer_exists"


def wire_name(attribute: str, names: Names = Names.PASCAL) -> str:
    """Return the JSON name of an attribute."""
    if names is Names.SNAKE:
        return attribute
    return "".join(part.capitalize() for part in attribute.split("_"))


_SPELLED = "spelled"


def spelled(name: str) -> Mapping[str, str]:
    """Return the metadata of an attribute whose JSON name does not follow from its own."""
    return {_SPELLED: name}


def wire_name_of(attribute: "attrs.Attribute[object]", names: Names) -> str:
    """Return the JSON name of an attribute of a class, which may be `spelled` apart."""
    return attribute.metadata.get(_SPELLED) or wire_name(attribute.name, names)


def encode(payload: object, names: Names = Names.PASCAL) -> bytes:
    """Return the JSON bytes of an attrs payload; None is left out, decimals are exact JSON numbers."""
    return _encoder.encode(_requests[names].unstructure(payload))


def structure(value: object, kind: type[T], *, path: str = "$", names: Names = Names.PASCAL) -> T:
    """Return the decoded JSON `value` as a `kind`.

    Raises `PayloadError` naming the first place under `path` that has a wrong type.
    """
    try:
        return _answers[names].structure(value, kind)
    except (ValueError, TypeError, AttributeError):
        where, problem = _locate(value, kind, path, names)
    raise PayloadError(f"{where} does not fit the contract: {problem}", path=where)


def _locate(value: object, kind: type[object], path: str, names: Names) -> tuple[str, str]:
    """Structure again with notes, and follow them to the first fault: only failures pay for this."""
    try:
        _answers_in_detail[names].structure(value, kind)
    except BaseValidationError as group:
        fault: BaseException = group
        while isinstance(fault, BaseValidationError):
            fault = fault.exceptions[0]
            for note in reversed(getattr(fault, "__notes__", [])):  # the outermost comes last
                if isinstance(note, AttributeValidationNote):
                    path += f".{wire_name(note.name, names)}"
                elif isinstance(note, IterableValidationNote):
                    path += f"[{note.index}]"
        return path, _first_line(fault)
    except (ValueError, TypeError, AttributeError) as error:
        return path, _first_line(error)
    return path, "it could not be read"


def _json_kind(value: object) -> str:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | Decimal):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return {type(None): "null", list: "an array", dict: "an object"}.get(type(value), type(value).__name__)


def _wrong(value: object, wanted: str) -> TypeError:
    return TypeError(f"{_json_kind(value)} where {wanted} belongs")


def _text(value: object, _: object) -> str:
    if type(value) is str:
        return value
    raise _wrong(value, "a string")


def _truth(value: object, _: object) -> bool:
    if value is True or value is False:
        return value
    raise _wrong(value, "a boolean")


def _whole(value: object, _: object) -> int:
    if type(value) is int:
        return value
    if isinstance(value, Decimal):
        raise TypeError("a number with a fraction or an exponent where a whole number belongs")
    raise _wrong(value, "a whole number")


def _exact(value: object, _: object) -> Decimal:
    if type(value) is Decimal:
        return value
    if type(value) is int:
        return Decimal(value)
    raise _wrong(value, "a number")


def _moment(value: object, _: object) -> datetime:
    if type(value) is not str:
        raise _wrong(value, "a date and time")
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("a string that is not an ISO 8601 date and time") from None


def _secret(value: object, kind: type[Secret]) -> Secret:
    try:
        return kind(_text(value, str))
    except PayloadError as error:
        raise ValueError(str(error)) from None


def _members(value: object, _: object) -> Mapping[str, object]:
    if type(value) is dict:
        _shallow(value)
        return value
    raise _wrong(value, "an object")


def _shallow(value: object, levels: int = LEVELS) -> object:
    """Return what is kept as it comes, if it can be printed and pickled wherever it is."""
    if isinstance(value, dict | list):
        if not levels:
            raise ValueError(f"more than {LEVELS} levels")
        for item in value.values() if isinstance(value, dict) else value:
            _shallow(item, levels - 1)
    return value


def _is_secret(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Secret)


def _is_mapping(kind: object) -> bool:
    return get_origin(kind) is Mapping


def _is_union(kind: object) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def _is_tuple(kind: object) -> bool:
    return get_origin(kind) is tuple


def _is_never_null(kind: object) -> bool:
    return get_origin(kind) is Annotated and NOT_NULL in get_args(kind)[1:]


def _never_null_hook(kind: object, converter: Converter) -> Callable[[object, object], object]:
    within = get_args(kind)[0]
    build = _tuple_hook if _is_tuple(within) else _union_hook
    return build(within, converter, nullable=False)


def _union_hook(
    kind: object, converter: Converter, *, nullable: bool = True
) -> Callable[[object, object], object]:
    """Build the reader of `X | None` and of an open enum, `Enum | int | None`.

    cattrs has no open enums, and looks up the hook of an `X | None` again for every value: a balance of nine
    members is read in 1.5 us this way and in 2.3 us with its own, one with twenty lines of history in 47 us
    and in 64 us (CPython 3.11, cattrs 26.2).
    """
    members = [member for member in get_args(kind) if member is not types.NoneType]
    enums = [member for member in members if isinstance(member, type) and issubclass(member, IntEnum)]
    inner = enums[0] if enums else members[0]
    hook = _open_enum if enums else converter.get_structure_hook(inner)
    plain = inner if inner in (str, bool, int, Decimal) else None

    def read(value: object, _: object) -> object:
        if type(value) is plain or (value is None and nullable):
            return value
        return hook(value, inner)

    return read


def _open_enum(value: object, kind: type[IntEnum]) -> IntEnum | int:
    number = _whole(value, int)
    try:
        return kind(number)
    except ValueError:
        return number


def _tuple_hook(
    kind: object, converter: Converter, *, nullable: bool = True
) -> Callable[[object, object], object]:
    """Build the reader of an array; one that may be null is empty then."""
    build: Callable[..., Callable[[object, object], object]] = homogenous_tuple_structure_factory
    hook = build(kind, converter)
    inner = get_args(kind)[0]
    item_hook = converter.get_structure_hook(inner)

    def read(value: object, _: object) -> object:
        if value is None and nullable:
            return ()
        if type(value) is not list:
            raise _wrong(value, "an array")
        if not value:
            return ()
        if len(value) < PAUSES and not converter.detailed_validation:
            return tuple([item_hook(item, inner) for item in value])
        return hook(value if len(value) < PAUSES else _with_pauses(value), kind)

    return read


def _renames(kind: type[attrs.AttrsInstance], names: Names) -> dict[str, object]:
    return {field.name: override(rename=wire_name_of(field, names)) for field in attrs.fields(kind)}


def _object_hook(
    kind: type[attrs.AttrsInstance], converter: Converter, names: Names
) -> Callable[[object, object], object]:
    """Build the reader of an object: in detail by cattrs, whose notes say where a fault is, else by a table.

    The table passes by the hook of every value that is of its type already, as most are.
    """
    if not converter.detailed_validation:
        return _by_table(kind, converter, names)
    build: Callable[..., object] = make_dict_structure_fn
    made = build(kind, converter, _cattrs_detailed_validation=True, **_renames(kind, names))
    hook = cast(Callable[[object, object], object], made)

    def read(value: object, to: object) -> object:
        if type(value) is not dict:
            raise _wrong(value, "an object")
        return hook(value, to)

    return read


SHAPES = 64
"""Combinations of the types of an object's members that are remembered."""
_Hook = tuple[int, Callable[[object, object], object], object]
"""Which member it is, what reads it, and as what."""
_PLAIN = (str, bool, int, Decimal, datetime)
"""Types that have a hook of their own: a value that is of one when it is decoded does not even need that."""


def _takes_all(kind: type[attrs.AttrsInstance]) -> bool:
    """Say whether a class takes what is read as it is: it neither converts nor checks it."""
    plain = all(each.converter is None and each.validator is None for each in attrs.fields(kind))
    return plain and not hasattr(kind, "__attrs_post_init__") and not kind.__dictoffset__


def _by_table(
    kind: type[attrs.AttrsInstance], converter: Converter, names: Names
) -> Callable[[object, object], object]:
    make = maker(kind) if _takes_all(kind) else kind
    names_here, wires, fitting = list[str](), list[str](), list[frozenset[object]]()
    hooks: list[_Hook] = []
    for field in attrs.fields(attrs.resolve_types(kind)):
        declared, within, nullable = field.type, field.type, True
        if _is_never_null(declared):
            within, nullable = get_args(declared)[0], False
        choices = [each for each in get_args(within) if each is not types.NoneType]
        plain = choices[0] if _is_union(within) and len(choices) == 1 else within
        nullable = nullable and _is_union(within)
        of = plain if plain in _PLAIN else declared
        hooks.append((len(hooks), converter.get_structure_hook(of), of))
        fitting.append(frozenset({plain, types.NoneType} if nullable else {plain}))
        names_here.append(field.alias)
        wires.append(wire_name_of(field, names))
    pick: Callable[[dict[str, object]], Iterable[object]] = itemgetter(*wires)
    if len(wires) == 1:  # of a single name, that gives no tuple
        pick = lambda value: [value[wires[0]]]  # noqa: E731

    def read(value: object, to: object) -> object:
        if type(value) is not dict:
            raise _wrong(value, "an object")
        try:
            found = list(pick(value))
        except KeyError:
            return read_some(value)
        for at, hook, of in misfits(tuple(map(type, found))):
            found[at] = hook(found[at], of)
        return make(*found)

    @lru_cache(maxsize=SHAPES)
    def misfits(types: tuple[type, ...]) -> list[_Hook]:
        """Return the hooks of what is not of its type already, as an array: most answers have the same."""
        return [hook for hook, fits, each in zip(hooks, fitting, types, strict=True) if each not in fits]

    def read_some(value: dict[str, object]) -> object:
        """Read what leaves members out: those have their defaults."""
        made = {}
        for name, wire, fits, (_, hook, of) in zip(names_here, wires, fitting, hooks, strict=True):
            if wire in value:
                found = value[wire]
                made[name] = found if type(found) in fits else hook(found, of)
        return kind(**made)

    return read


def _answer_converter(names: Names, *, in_detail: bool) -> Converter:
    converter = Converter(detailed_validation=in_detail)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook(bool, _truth)
    converter.register_structure_hook(int, _whole)
    converter.register_structure_hook(Decimal, _exact)
    converter.register_structure_hook(datetime, _moment)
    converter.register_structure_hook_func(lambda kind: kind is object, lambda value, _: _shallow(value))
    converter.register_structure_hook_func(_is_secret, _secret)
    converter.register_structure_hook_func(_is_mapping, _members)
    converter.register_structure_hook_factory(attrs.has, lambda kind: _object_hook(kind, converter, names))
    converter.register_structure_hook_factory(_is_tuple, lambda kind: _tuple_hook(kind, converter))
    converter.register_structure_hook_factory(_is_union, lambda kind: _union_hook(kind, converter))
    converter.register_structure_hook_factory(_is_never_null, lambda kind: _never_null_hook(kind, converter))
    return converter


def _day(value: date) -> object:
    """Return a day as its noon in UTC, which is the same day from Brazil to Japan; a moment as it is."""
    return value if isinstance(value, datetime) else f"{value.isoformat()}T12:00:00Z"


def _request_converter(names: Names) -> Converter:
    converter = Converter()
    converter.register_unstructure_hook_func(_is_secret, lambda value: value.reveal())
    converter.register_unstructure_hook(Decimal, plain)
    converter.register_unstructure_hook(IntEnum, int)
    converter.register_unstructure_hook(date, _day)
    build: Callable[..., Callable[[object], object]] = make_dict_unstructure_fn
    converter.register_unstructure_hook_factory(
        attrs.has, lambda kind: build(kind, converter, _cattrs_omit_if_default=True, **_renames(kind, names))
    )
    return converter


_answers = {names: _answer_converter(names, in_detail=False) for names in Names}
_answers_in_detail = {names: _answer_converter(names, in_detail=True) for names in Names}
_requests = {names: _request_converter(names) for names in Names}
