"""Words: values that are fixed when they are made, and cost little to make.

`attrs.frozen` also watches while the program runs, and pays for that at each attribute it sets: an eighth of
a whole call went there. What the library makes is watched by the type checker alone, and given to one caller
alone; what users make, and the library relies on, is `frozen`.
Source: T. Tvrtković, "Zero-overhead Frozen attrs Classes", threeofwands.com.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as fixed
else:
    import attrs

    def fixed(kind):
        """Make `kind` a slotted attrs class whose values compare and hash as frozen ones do."""
        return attrs.define(kind, unsafe_hash=True)


__all__ = ["fixed"]
