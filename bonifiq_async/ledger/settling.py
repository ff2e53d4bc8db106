"""A person's word on a change in doubt: which changes take one, what they become, and which one is meant."""

from collections.abc import Mapping, Sequence

from attrs import frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable
from bonifiq_async._model.values import fixed
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.recorded import BY_HAND, short
from bonifiq_async.ledger.runs import RunOrigin

SETTLEABLE = frozenset({State.IN_DOUBT, State.UNKNOWN})
"""States in doubt, which a person may settle."""

_SAME = {State.APPLIED: State.APPLIED, State.NOT_APPLIED: State.NOT_APPLIED}
WORDS: Mapping[State, Mapping[State, State]] = {
    State.IN_DOUBT: _SAME,
    State.UNKNOWN: _SAME,
    State.USED_ELSEWHERE: {State.APPLIED: State.ALREADY_APPLIED, State.NOT_APPLIED: State.NOT_APPLIED},
}
"""What a change becomes by a person's word, by where it stands: no other state takes one."""


@frozen
class PersonsWord:
    """A person's word on a change in doubt, `APPLIED` or `NOT_APPLIED`; `note` says how it is known.

    `by` is the run in which it is given, and says whose word it is.
    """

    state: State
    note: str
    by: RunOrigin | None = None

    @property
    def kept(self) -> str:
        """What a ledger keeps of it."""
        return f"{BY_HAND}{printable(self.note, None)}"


@fixed
class Candidate:
    """A change under the key that is to be settled. `sender` is the owner that may still send it, if any."""

    operation: str
    state: State
    sender: str | None = None


def refuse_no_word(key: str, word: PersonsWord) -> None:
    """Raise `PayloadError` for what is no key, and `ConfigurationError` for what is no word."""
    validation.text(key, "key")
    if word.state not in _SAME:
        raise ConfigurationError(f"A change in doubt cannot be settled as {word.state.value}.")


def chosen(candidates: Sequence[Candidate], key: str, operation: str | None, ledger: str) -> int:
    """Return which of the changes under a key a person's word is on, by its place.

    Raises `ConfigurationError` when not exactly one takes a word, or its sender may still be at it.
    """
    meant = [at for at, each in enumerate(candidates) if operation in (None, short(each.operation))]
    doubtful = [at for at in meant if candidates[at].state in WORDS]
    if busy := [sender for at in meant if (sender := candidates[at].sender) is not None]:
        raise ConfigurationError(
            f"The change under the key {printable(key)} may still be under way: {busy[0]} has claimed it, "
            "and may run. Nothing was settled; end that process first."
        )
    if len(doubtful) != 1:
        kind = "No change is" if operation is None else f"No {operation} is"
        found = f"{len(doubtful)} changes are" if doubtful else kind
        names = (short(candidates[at].operation) for at in doubtful)
        which = f": say which with --operation {' or '.join(names)}"
        raise ConfigurationError(
            f"{found} in doubt under the key {printable(key)} in {ledger}{which if doubtful else ''}. "
            "Nothing was settled."
        )
    return doubtful[0]
