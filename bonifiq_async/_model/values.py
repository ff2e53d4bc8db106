"""Values that are fixed when they are made, and cost little to make.

`attrs.frozen` also watches while the program runs, and pays for that at each attribute it sets: an eighth of
a whole call went there. What the library makes on the way of a call is watched by the type checker alone, and
given to one caller alone; it has no hash, since it may change. What users make, and what a provider answered,
is `frozen`: several callers may hold it, and it may stand in a set.
Source: T. Tvrtković, "Zero-overhead Frozen attrs Classes", threeofwands.com.
"""

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    from attrs import frozen as fixed
else:

    def fixed(kind):
        """Make `kind` a slotted attrs class whose values compare as frozen ones do."""
        return attrs.define(kind)


Made = TypeVar("Made", bound=attrs.AttrsInstance)


def maker(kind: type[Made]) -> Callable[..., Made]:
    """Return what makes a `kind`, a slotted attrs class, of the values of all its attributes, in order.

    It neither converts nor checks them. One that is `frozen` costs a third of what it costs to call it: its
    attributes are set while it is of a class that does not watch, and then it is a `kind`.
    """
    if kind.__setattr__ is object.__setattr__:
        return kind
    names = [each.name for each in attrs.fields(kind)]
    members = {
        "__slots__": (),
        "__init__": vars(attrs.make_class(kind.__name__, names))["__init__"],
        "__setattr__": object.__setattr__,
        "__delattr__": object.__delattr__,  # CPython keeps both in one place
    }
    unwatched = type(kind.__name__, (kind,), members)

    def make(*values: object) -> Made:
        made: Made = unwatched(*values)
        made.__class__ = kind
        return made

    return make


class Kind(enum.Enum):
    """An enum whose members hash by identity: every request looks several of them up."""

    __hash__ = object.__hash__


Named = TypeVar("Named")


def public(named: Named) -> Named:
    """Let a class or function say that it is of `bonifiq_async`, wherever its module stands.

    A traceback shows the name by which users import it, and a pickle outlives a move of the module.
    """
    named.__module__ = "bonifiq_async"
    return named


__all__ = ["Kind", "fixed", "maker", "public"]
