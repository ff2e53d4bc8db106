"""Words: values that are fixed when they are made, and cost little to make.

`attrs.frozen` also watches while the program runs, and pays for that at each attribute it sets: an eighth of
a whole call went there. What the library itself makes is watched by the type checker alone; what users make
with care is `frozen`.
Source: T. Tvrtković, "Zero-overhead Frozen attrs Classes", threeofwands.com.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attrs import frozen as fixed
else:
    from attrs import define

    fixed = define(unsafe_hash=True)

__all__ = ["fixed"]
