"""Names in a file that mean nothing here: shown once each, with the name that may be meant."""

import difflib
from collections.abc import Callable, Collection, Sequence

from attrs import define, field

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.language.phrase import Phrase, phrase

MOST = 20
"""Names that are shown at the most: each line of a file may have others."""
ALIKE = 0.75
"""How much of two names is the same, from 0 to 1, for one to be taken for the other misspelt."""


@define
class Misspelt:
    """Takes the names of a file that mean nothing, and calls `tell` once for each: its line, and what to say.

    `known` are the names that mean something.
    """

    known: Sequence[str]
    tell: Callable[[int, Sequence[str]], None]
    _told: set[str] = field(factory=set)

    def __call__(self, line: int, names: Collection[str]) -> None:
        """Take note of names in a line."""
        new = [name for name in dict.fromkeys(names) if name not in self._told][: MOST - len(self._told)]
        if new:
            self._told.update(new)
            self.tell(line, [self._said(name) for name in new])

    def _said(self, name: str) -> str:
        meant = meaning(name, self.known)
        return name if meant is None else did_you_mean(name, meant)


def did_you_mean(name: str, meant: str) -> Phrase:
    """Return a name with the one that may be meant."""
    return phrase("{name} (did you mean {meant}?)", name=printable(name), meant=meant)


def meaning(name: str, known: Sequence[str]) -> str | None:
    """Return the one of `known` that `name` may be meant for, None when there is none like it."""
    plain = name.strip().casefold().replace(" ", "_").replace("-", "_")
    found = difflib.get_close_matches(plain, known, n=1, cutoff=ALIKE)
    return found[0] if found else None
