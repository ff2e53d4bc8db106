"""Words: values that are fixed when they are made, and cost little to make.

`attrs.frozen` also watches while the program runs, and pays for that at each attribute it sets: an eighth of
a whole call went there. What the library makes on the way of a call is watched by the type checker alone, and
given to one caller alone; it has no hash, since it may change. What users make, and what a provider answered,
is `frozen`: several callers may hold it, and it may stand in a set.
Source: T. Tvrtković, "Zero-overhead Frozen attrs Classes", threeofwands.com.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as fixed
else:
    import attrs

    def fixed(kind):
        """Make `kind` a slotted attrs class whose values compare as frozen ones do."""
        return attrs.define(kind)


__all__ = ["fixed"]
