"""What a sandbox reports: its last requests, what its books hold, and what in them was not expected."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from attrs import frozen

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.printable import printable
from bonifiq_async.sandbox.document import MONEY
from bonifiq_async.sandbox.journal import JournalEntry

T = TypeVar("T")

SHOWN = 20
"""How many requests, balances and keys are shown of each."""


@frozen
class BalanceReport:
    """A balance that was `opened` with an amount, and what it is `now`."""

    name: str
    opened: Decimal
    now: Decimal


@frozen
class Under:
    """What came under `key`: how many requests, and in words each effect that they had."""

    key: str
    requests: int
    effects: Sequence[str]

    def told(self) -> str:
        """Return it as a line."""
        twice = " -- MORE THAN ONCE" if len(self.effects) > 1 else ""
        effects = ", ".join(map(printable, self.effects)) or "no effect"
        return f"{printable(self.key)}: {counted(self.requests, 'request')}; {effects}{twice}"


def counted(number: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def several(values: Iterable[T], field: str) -> tuple[T, ...]:
    """Return `values`. Raises `PayloadError` for a value that is not a list, such as a string."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise PayloadError(f"{field} must be several, in a list, not {values!r}", path=field)
    return tuple(values)


def exact(amount: object, field: str) -> Decimal:
    """Return what a balance or percentage is set to. Raises `PayloadError`: no finite `Decimal` or `int`."""
    if isinstance(amount, bool) or not isinstance(amount, Decimal | int):
        raise PayloadError(f"{field} must be a Decimal, not {type(amount).__name__}", path=field)
    if not Decimal(amount).is_finite():
        raise PayloadError(f"{field} is {amount}, which is no exact number", path=field)
    return Decimal(amount)


def report(requests: Sequence[JournalEntry], accounts: Sequence[BalanceReport], keys: Sequence[Under]) -> str:
    """Return what happened, as text: the last of each kind, and first what moved twice."""
    moved = [
        f"  {printable(account.name)}: {account.opened} -> {account.now}"
        for account in accounts
        if account.now != account.opened
    ]
    twice_last = sorted(keys, key=lambda under: len(under.effects) > 1)
    lines = [
        f"  {line.number:>4}  {line.method:<4} {printable(line.path)}  "
        f"{printable(line.key or '-')}  {line.came}"
        for line in requests
    ]
    return "\n".join(
        (
            *_part("last requests", lines),
            *_part("balances that changed", moved),
            *_part("keys", [f"  {under.told()}" for under in twice_last]),
        )
    )


def _part(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return [f"{title}: none"]
    more = len(lines) - SHOWN
    return [f"{title}:", *([f"  ... {more} before"] if more > 0 else []), *lines[-SHOWN:]]


def once(under: Under) -> None:
    """Raise `AssertionError` unless exactly one effect is in the books under a key."""
    __tracebackhide__ = True
    if len(under.effects) == 1:
        return
    if under.effects:
        fault = (
            f"took effect {len(under.effects)} times, not once: {', '.join(map(printable, under.effects))}"
        )
    elif under.requests:
        fault = f"took no effect, though {counted(under.requests, 'request')} came with it"
    else:
        fault = "took no effect: no request came with it"
    raise AssertionError(f"{printable(under.key)} {fault}.")


def holds(name: str, found: Decimal, amount: Decimal | int, keys: Sequence[Under]) -> None:
    """Raise `AssertionError` unless a balance is `amount`; `keys` are what moved it.

    Raises `PayloadError` for an amount that is neither a `Decimal` nor an `int`.
    """
    __tracebackhide__ = True
    off = MONEY.subtract(found, exact(amount, "amount"))
    if not off:
        return
    much = f"{abs(off)} too {'much' if off > 0 else 'little'}"
    moved = "; ".join(under.told() for under in keys[-SHOWN:]) or "nothing"
    raise AssertionError(f"{printable(name)} has {found}, not {amount}: {much}. It was moved by: {moved}.")
