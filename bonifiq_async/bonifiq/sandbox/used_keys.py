"""Keys that were used, and how the provider answers them: in one of four ways, since no page says which."""

from collections.abc import Callable
from typing import Literal

from attrs import define, evolve, field, frozen

from bonifiq_async.bonifiq.sandbox.books import Books
from bonifiq_async.bonifiq.sandbox.envelopes import Envelopes
from bonifiq_async.bonifiq.sandbox.judge import REFUSALS
from bonifiq_async.sandbox.capacity import Retention
from bonifiq_async.sandbox.protocol import Reply

Duplicates = Literal["replay", "error-200", "error-400", "error-409"]
"""How a used key is answered; the documentation promises both a success and an error."""
CHANGE_KEY = "ChangeKey"


@frozen
class Key:
    """A key, with the member that has it. It counts for all operations that have that member.

    `within` is where it counts: a CancelKey counts for its order, as its pages say.
    """

    name: str
    text: str
    within: str = ""


@define
class _Used:
    """A used key: when, by seconds and by requests; the change, and its answer, where they are asked for."""

    moment: float
    requests: int
    change: object
    reply: Reply | None


@define
class UsedKeys:
    """The keys under which something took effect.

    `retention` says for how long one is known, `duplicates` how it is answered, `reused_key` how it is when
    it comes with another change (None: as `duplicates` says).
    """

    books: Books
    answers: Envelopes
    duplicates: Duplicates
    reused_key: Duplicates | None
    retention: Retention
    clock: Callable[[], float]
    _used: dict[Key, _Used] = field(factory=dict)

    def once(self, key: Key | None, change: object, act: Callable[[], Reply]) -> Reply:
        """Return the answer of `act`, which is done once for a key; without a key, each time.

        `change` is what the request asks for. Where `act` raises, nothing took effect under the key.
        """
        used = None if key is None else self._remembered(key)
        if key is not None and used is not None:
            return self._again(key, used, change)
        reply = act()
        if key is not None:
            self._used[key] = _Used(
                self.clock(),
                self.books.requests,
                None if self.reused_key is None else change,
                reply if "replay" in (self.duplicates, self.reused_key) else None,
            )
        return reply

    def _remembered(self, key: Key) -> _Used | None:
        used = self._used.get(key)
        if used is None or not self.retention.remembers(
            self.clock() - used.moment, self.books.requests - used.requests
        ):
            return None
        return used

    def _again(self, key: Key, used: _Used, change: object) -> Reply:
        """Answer a key that was used before, for `change` now."""
        another = self.reused_key if change != used.change else None
        how = another or self.duplicates
        if used.reply is not None and how == "replay":
            return used.reply
        refusal = REFUSALS["used key" if another is None else "used key of another"]
        if key.name != CHANGE_KEY:
            message, name = (
                text.replace(CHANGE_KEY, key.name) for text in (refusal.message, refusal.name or "")
            )
            refusal = evolve(refusal, message=message, name=name)
        return self.answers.envelope(evolve(refusal, status=int(how.removeprefix("error-"))))
