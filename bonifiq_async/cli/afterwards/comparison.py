"""What a ledger says of one customer against what the provider shows: a pure comparison.

A provider shows neither keys nor references beside its movements, so that a movement is a change's by its
amount and time alone: which one of several equal ones is whose does not count, only that each has one.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from attrs import frozen

from bonifiq_async._model.values import Kind
from bonifiq_async.cli.afterwards.statement import AccountStatement, MovedBy, StatementLine
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.ledger.protocol import DONE, FREE, State
from bonifiq_async.ledger.sqlite.reader import Recorded

NEAR = 15 * 60.0
"""Seconds by which the provider's clock may differ from this one for a movement to be of a change's time."""
ANYWHERE = 26 * 3_600.0
"""The same for a time without a zone: two places are never further apart."""


class Agreement(Kind):
    """What a comparison comes to, for a change or for a movement."""

    AGREES = "agrees"
    MISSING = "missing there"
    """The ledger has it as applied, and the provider shows all that moved the balance, but not this."""
    NOT_OURS = "not ours"
    """A movement that no change of the ledger explains: another program's, or the store's own."""
    IN_DOUBT = "in doubt"
    CANNOT_TELL = "cannot tell"
    """The provider does not show what would tell it."""


@frozen
class Asked:
    """A change of a customer, by how much it moves the balance, and whether it is asked about.

    Those that are not explain movements all the same.
    """

    change: Recorded
    moves: MovedBy
    wanted: bool = True


@frozen
class Compared:
    """What is said of a `change`, or of a movement that is no change's (`line`); `note` says why."""

    agreement: Agreement
    note: str
    change: Recorded | None = None
    line: StatementLine | None = None


def compare(changes: Sequence[Asked], shown: AccountStatement, within: tuple[float, float]) -> list[Compared]:
    """Return what is said of each change that is wanted, and of each movement that is no change's.

    Of movements, those `within` a time count, in seconds since the epoch. What the ledger has as applied
    takes its movement first, then what is in doubt, and at last what it has as not applied.
    """
    ordered = sorted(changes, key=lambda each: _rank(each.change.state))
    lines = [line for line in shown.lines if not line.cancelled and line.amount is not None]
    found = _matched(ordered, lines)
    said = [
        _said(each, shown, None if at is None else lines[at])
        for each, at in zip(ordered, found, strict=True)
        if each.wanted
    ]
    taken = set(found)
    for at, line in enumerate(lines):
        if at not in taken and _is_within(line, within):
            said.append(
                Compared(Agreement.NOT_OURS, phrase("no change of this ledger explains it"), line=line)
            )
    return said


def _rank(state: State) -> int:
    return 0 if state in DONE else 2 if state in FREE else 1


def _said(each: Asked, shown: AccountStatement, line: StatementLine | None) -> Compared:
    agreement, note = _judged(each, shown, line)
    return Compared(agreement, note, each.change, line)


def _judged(each: Asked, shown: AccountStatement, line: StatementLine | None) -> tuple[Agreement, str]:
    state = each.change.state
    if state in FREE:
        if line is None:
            return Agreement.AGREES, phrase("nothing of it is there, as the ledger has it")
        return Agreement.NOT_OURS, phrase(
            "the ledger has it as not applied, and a movement of its amount is there at its time"
        )
    if line is not None:
        if state in DONE:
            return Agreement.AGREES, phrase("a movement of its amount is there at its time")
        return Agreement.IN_DOUBT, phrase(
            "a movement of its amount is there at its time: it seems to be applied"
        )
    if state in DONE:
        return _absent(each, shown)
    told = shown.complete and each.moves.amount is not None
    return Agreement.IN_DOUBT, (
        phrase("no movement of its amount is there at its time: it seems not to be applied")
        if told
        else shown.note or phrase("the provider does not show what would tell it")
    )


def _absent(each: Asked, shown: AccountStatement) -> tuple[Agreement, str]:
    """Say what it means that no movement was found for a change that the ledger has as applied."""
    if each.moves.amount is None:
        return Agreement.CANNOT_TELL, phrase("by how much it moved the balance is not known")
    if not shown.complete:
        return Agreement.CANNOT_TELL, shown.note or phrase("the provider does not show what would tell it")
    if any(line.cancelled and _fits(each, line) for line in shown.lines):
        return Agreement.MISSING, phrase("a movement of its amount at its time was cancelled there")
    return Agreement.MISSING, shown.note or phrase("no movement of its amount is there at its time")


def _matched(changes: Sequence[Asked], lines: Sequence[StatementLine]) -> list[int | None]:
    """Return the movement of each change, by its place: as many as can be, those of the first before others.

    A change may take the movement of one before it where that finds another: augmenting paths (Kuhn 1955, by
    breadth first). What has found one keeps one.
    """
    by_amount = sorted(range(len(lines)), key=lambda at: lines[at].amount or _NOTHING)
    amounts = [lines[at].amount or _NOTHING for at in by_amount]
    fitting = [
        [at for at in by_amount[slice(*_near(each.moves, amounts))] if _fits(each, lines[at])]
        for each in changes
    ]
    owner: dict[int, int] = {}
    found: list[int | None] = [None] * len(changes)
    for change in range(len(changes)):
        came_from: dict[int, int] = {}
        queue = deque([change])
        end: int | None = None
        while queue and end is None:
            asking = queue.popleft()
            for at in fitting[asking]:
                if at not in came_from:
                    came_from[at] = asking
                    if at not in owner:
                        end = at
                        break
                    queue.append(owner[at])
        while end is not None:
            asking = came_from[end]
            owner[end] = asking
            end, found[asking] = found[asking], end
    return found


_NOTHING = Decimal(0)


def _near(moves: MovedBy, amounts: Sequence[Decimal]) -> tuple[int, int]:
    """Return where in sorted amounts those begin and end that a change may have moved."""
    if moves.amount is None:
        return 0, 0
    return (
        bisect_left(amounts, moves.amount - moves.tolerance),
        bisect_right(amounts, moves.amount + moves.tolerance),
    )


def _fits(each: Asked, line: StatementLine) -> bool:
    """Say whether a movement may be that of a change."""
    amount, moves, change = line.amount, each.moves, each.change
    if amount is None or moves.amount is None or abs(amount - moves.amount) > moves.tolerance:
        return False
    return is_of_its_time(change, line.at)


def is_of_its_time(change: Recorded, moment: datetime | None) -> bool:
    """Say whether what the provider dates so may be of the time of a change; None is of any time."""
    if moment is None:
        return True
    at, margin = _moment(moment)
    early = change.state in (State.ALREADY_APPLIED, State.USED_ELSEWHERE)  # an earlier request made it
    return (early or at >= change.first_sent - margin) and at <= change.last_sent + margin


def _is_within(line: StatementLine, within: tuple[float, float]) -> bool:
    if line.at is None:
        return True
    at, margin = _moment(line.at)
    margin = 0 if line.at.tzinfo is not None else margin
    return within[0] - margin <= at < within[1] + margin


def _moment(at: datetime) -> tuple[float, float]:
    """Return a time in seconds since the epoch, and by how much it may differ from one of this clock."""
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC).timestamp(), ANYWHERE
    return at.timestamp(), NEAR
