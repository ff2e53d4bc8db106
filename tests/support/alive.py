"""The live objects of the interpreter, by its garbage collector: a test sees a leak without private names."""

import gc
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")
HELD_IN = (dict, list, tuple, set, frozenset, deque, Mapping)


def alive(kind: type[T]) -> list[T]:
    """Return all objects of `kind`, after a garbage collection."""
    gc.collect()
    return [each for each in gc.get_objects() if issubclass(type(each), kind)]


def parts(whole: object) -> Iterator[object]:
    """Yield the package's objects that `whole` consists of, itself included, wherever it keeps them."""
    seen, left = set[int](), [whole]
    while left:
        each = left.pop()
        ours = type(each).__module__.startswith("bonifiq_async")
        if id(each) not in seen and (ours or isinstance(each, HELD_IN)):
            seen.add(id(each))
            left += gc.get_referents(each)
            if ours:
                yield each
