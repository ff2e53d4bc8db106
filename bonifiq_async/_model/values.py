"""Values that are fixed when they are made, and cost little to make.

`attrs.frozen` also watches while the program runs, and pays for that at each attribute it sets: an eighth of
a whole call went there. What the library makes on the way of a call is watched by the type checker alone, and
given to one caller alone; it has no hash, since it may change. What users make, and what a provider answered,
is `frozen`: several callers may hold it, and it may stand in a set.
Source: T. Tvrtković, "Zero-overhead Frozen attrs Classes", threeofwands.com.
"""

import enum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from attrs import frozen as fixed
else:
    import attrs

    def fixed(kind):
        """Make `kind` a slotted attrs class whose values compare as frozen ones do."""
        return attrs.define(kind)


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


__all__ = ["Kind", "fixed", "public"]
