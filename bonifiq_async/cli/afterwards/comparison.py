"""What a ledger says of one customer against what the provider shows: a pure comparison.

A provider shows neither keys nor references beside its movements, so that a movement is a change's by its
amount and time alone: which one of several equal ones is whose does not count, only that each has one.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import itemgetter

from attrs import frozen

from bonifiq_async._model.values import Kind
from bonifiq_async.cli.afterwards.statement import AccountStatement, MovedBy, StatementLine
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.ledger.protocol import DONE, FREE, State
from bonifiq_async.ledger.recorded import Recorded

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
    MAY_BE_OURS = "may be ours"
    """A movement of an order, or at the time of a cancelled part: a ledger does not know whose that is."""
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
    """What is said of a `change`, or of a movement that is no change's (`line`); `note` says why.

    `unit` is that of `MovedBy`.
    """

    agreement: Agreement
    note: str
    change: Recorded | None = None
    line: StatementLine | None = None
    unit: str = ""


def compare(
    changes: Sequence[Asked],
    shown: AccountStatement,
    within: tuple[float, float],
    unplaced: Sequence[Recorded] = (),
) -> list[Compared]:
    """Return what is said of each change that is wanted, and of each movement that is no change's.

    Of movements, those `within` a time count, in seconds since the epoch. What the ledger has as applied
    takes its movement first, then what is in doubt, and at last what it has as not applied. `unplaced` are
    changes of which no customer is known: each may have moved anything at its time.
    """
    ordered = sorted(changes, key=lambda each: _rank(each.change.state))
    units = {each.moves.unit for each in ordered} or {""}
    lines = [line for line in shown.lines if not line.cancelled and _moved(line, units)]
    found = _matched(ordered, lines)
    said = [
        _said(each, shown, None if at is None else lines[at])
        for each, at in zip(ordered, found, strict=True)
        if each.wanted
    ]
    taken = set(found)
    for at, line in enumerate(lines):
        if at not in taken and _is_within(line, within):
            agreement, why = _unexplained(ordered, line, unplaced)
            unit = next(unit for unit in sorted(units) if line.in_unit(unit) is not None)
            said.append(Compared(agreement, why, line=line, unit=unit))
    return said


def _unexplained(
    changes: Sequence[Asked], line: StatementLine, unplaced: Sequence[Recorded]
) -> tuple[Agreement, str]:
    """Say what a movement may be that is no change's by its amount."""
    if any(
        each.moves.amount is None and each.change.state not in FREE and is_of_its_time(each.change, line.at)
        for each in changes
    ):
        return Agreement.CANNOT_TELL, phrase("it may be of a change of which no amount is known")
    if line.of_order:
        return Agreement.MAY_BE_OURS, phrase("it is of an order, and no ledger has what orders give or take")
    if any(each.state not in FREE and is_of_its_time(each, line.at) for each in unplaced):
        return Agreement.MAY_BE_OURS, phrase(
            "at its time the ledger has a change that names no customer, such as a cancelled part of an order"
        )
    return Agreement.NOT_OURS, phrase("no change of this ledger explains it")


def _moved(line: StatementLine, units: Collection[str]) -> bool:
    """Say whether a line moved anything in one of the units of the changes."""
    return any(line.in_unit(unit) is not None for unit in units)


def _rank(state: State) -> int:
    return 0 if state in DONE else 2 if state in FREE else 1


def _said(each: Asked, shown: AccountStatement, line: StatementLine | None) -> Compared:
    agreement, note = _judged(each, shown, line)
    return Compared(agreement, note, each.change, line, each.moves.unit)


def _judged(each: Asked, shown: AccountStatement, line: StatementLine | None) -> tuple[Agreement, str]:
    state = each.change.state
    if state in FREE:
        if line is None and shown.is_empty:
            return Agreement.CANNOT_TELL, shown.note
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
    told = shown.is_complete(each.moves.unit) and each.moves.amount is not None and each.moves.certain
    return Agreement.IN_DOUBT, (
        phrase("no movement of its amount is there at its time: it seems not to be applied")
        if told
        else shown.note or phrase("the provider does not show what would tell it")
    )


def _absent(each: Asked, shown: AccountStatement) -> tuple[Agreement, str]:
    """Say what it means that no movement was found for a change that the ledger has as applied."""
    if each.moves.amount is None:
        return Agreement.CANNOT_TELL, phrase("by how much it moved the balance is not known")
    if not shown.is_complete(each.moves.unit):
        return Agreement.CANNOT_TELL, shown.note or phrase("the provider does not show what would tell it")
    if not each.moves.certain:
        return Agreement.CANNOT_TELL, phrase(
            "no movement of its amount is there: the provider may have taken less, or given it back"
        )
    if any(line.cancelled and _fits(each, line) for line in shown.lines):
        return Agreement.MISSING, phrase("a movement of its amount at its time was cancelled there")
    return Agreement.MISSING, shown.note or phrase("no movement of its amount is there at its time")


def _matched(changes: Sequence[Asked], lines: Sequence[StatementLine]) -> list[int | None]:
    """Return the movement of each change, by its place: as many as can be, those of the first before others.

    A change may take the movement of one before it where that finds another: augmenting paths (Kuhn 1955, by
    breadth first). What has found one keeps one.
    """
    sorted_lines = {unit: _by_amount(lines, unit) for unit in {each.moves.unit for each in changes}}
    fitting = [
        [at for _, at in _near(each.moves, sorted_lines[each.moves.unit]) if _fits(each, lines[at])]
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


Placed = tuple[Decimal, int]
"""The amount of a movement, and its place."""


def _by_amount(lines: Sequence[StatementLine], unit: str) -> list[Placed]:
    """Return the movements in a unit, sorted."""
    amounts = ((line.in_unit(unit), at) for at, line in enumerate(lines))
    return sorted((amount, at) for amount, at in amounts if amount is not None)


def _near(moves: MovedBy, placed: Sequence[Placed]) -> Sequence[Placed]:
    """Return those of the sorted movements that a change may have made."""
    if moves.amount is None:
        return ()
    begin = bisect_left(placed, moves.amount - moves.tolerance, key=itemgetter(0))
    return placed[begin : bisect_right(placed, moves.amount + moves.tolerance, key=itemgetter(0))]


def _fits(each: Asked, line: StatementLine) -> bool:
    """Say whether a movement may be that of a change."""
    moves, change = each.moves, each.change
    amount = line.in_unit(moves.unit)
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
