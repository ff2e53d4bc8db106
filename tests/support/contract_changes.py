"""Every small change of a contract: a letter of a name or a value, a flag, a number, a thing more or less."""

import copy
from collections.abc import Iterator, Mapping
from typing import cast

from attrs import frozen

Where = tuple[str | int, ...]
PROSE = frozenset(
    (
        *("description", "summary", "title", "tags", "meaning", "when", "operationId"),
        *("x-operationId-assigned", "x-incomplete-why", "x-type-inferred", "status-and-body-on-reuse"),
        *("documented", "x-unnamed-fields", "x-enumNames-source", "x-known-values", "x-seen-without-name"),
        *("x-known-names-elsewhere", "x-documented-errors", "x-doc-page-newer"),
    )
)
"""Members that say something to a reader, and nothing of what is sent or answered."""


@frozen
class Change:
    """One change: where, of what kind, and what stands there then."""

    where: Where
    kind: str
    value: object = None

    def __str__(self) -> str:
        return f"{self.kind} at {'/'.join(map(str, self.where))}"

    def applied(self, document: Mapping[str, object]) -> dict[str, object]:
        """Return a copy of a contract with the change."""
        changed = cast("dict[str, object]", copy.deepcopy(document))
        held: object = changed
        for step in self.where[:-1]:
            held = held[step]  # type: ignore[index]
        last = self.where[-1]
        if self.kind == "a key":
            members = list(held.items())  # type: ignore[attr-defined]
            held.clear()  # type: ignore[attr-defined]
            held.update((self.value if key == last else key, each) for key, each in members)  # type: ignore[attr-defined]
        elif self.kind == "less":
            del held[last]  # type: ignore[attr-defined]
        else:
            held[last] = self.value  # type: ignore[index]
        return changed


def lettered(text: str) -> str:
    """Return a text with one other letter."""
    at = len(text) // 2
    return f"{text[:at]}{'y' if text[at] == 'x' else 'x'}{text[at + 1 :]}"


def changes(held: object, where: Where) -> Iterator[Change]:
    """Yield every change of a part of a contract."""
    if isinstance(held, dict):
        for key, each in held.items():
            if key not in PROSE or where[-1] == "properties":
                if isinstance(key, str):
                    yield Change((*where, key), "a key", lettered(key))
                yield from changes(each, (*where, key))
        if where[-2:-1] == ("properties",) and "nullable" not in held:
            yield Change((*where, "nullable"), "more", True)
        if "properties" in held and "required" not in held:
            yield Change((*where, "required"), "more", [next(iter(held["properties"]))])
    elif isinstance(held, list):
        for number, each in enumerate(held):
            yield Change((*where, number), "less")
            yield from changes(each, (*where, number))
    elif isinstance(held, bool):
        yield Change(where, "a flag", not held)
    elif isinstance(held, int):
        yield Change(where, "a number", held + 1)
    elif isinstance(held, str) and held:
        yield Change(where, "a letter", lettered(held))
