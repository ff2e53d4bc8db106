"""Words: values that are fixed when they are made, and cost little to make.

`attrs.frozen` also watches while the program runs, and pays for that at each attribute it sets: a tenth of a
whole call went there. What stays within the library is watched by the type checker alone; what users make or
are given is `frozen`.
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
