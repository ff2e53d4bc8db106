"""What a ledger answers to a caller that wants to send a change: the rule alone, without a ledger."""

from decimal import Decimal

import pytest
from attrs import evolve

from bonifiq_async.ledger.protocol import (
    CLOCK_TOLERANCE,
    DONE,
    FIRST,
    FREE,
    Conflict,
    Granted,
    Held,
    Intent,
    Row,
    Ruling,
    Settled,
    State,
    Unsettled,
    rival,
    rule,
)

NOW, FOREVER, MINE = 1_000.0, float("inf"), "me"
INTENT = Intent("change", "KEY", b"digest", "ANA", Decimal(10), "/path", b"{}", ("p", "a"))
ROW = Row(b"digest", State.CLAIMED, True, 3, MINE, NOW + 60, NOW - 100, "ANA", Decimal(10))


def ruled(row: Row | None, *, repeatable: bool = True, retention: float = FOREVER) -> Ruling:
    return rule(row, INTENT, now=NOW, owner=MINE, repeatable=repeatable, retention=retention)


def test_a_change_without_a_row_is_sent() -> None:
    assert ruled(None) == FIRST


@pytest.mark.parametrize("in_doubt", [True, False])
@pytest.mark.parametrize("state", [State.REFUSED, State.NOT_APPLIED])
def test_what_came_to_nothing_is_free_for_any_change(state: State, in_doubt: bool) -> None:
    row = evolve(ROW, state=state, digest=b"another", in_doubt=in_doubt)
    assert ruled(row, repeatable=False) == Granted(4, in_doubt, cleared=True)


@pytest.mark.parametrize("state", sorted({*State} - {State.REFUSED, State.NOT_APPLIED}, key=str))
def test_a_key_stands_for_one_change(state: State) -> None:
    assert ruled(evolve(ROW, state=state, digest=b"another")) == Conflict("ANA", Decimal(10))


@pytest.mark.parametrize("state", sorted(DONE, key=str))
def test_what_is_applied_is_settled(state: State) -> None:
    assert ruled(evolve(ROW, state=state)) == Settled(used_elsewhere=state is State.USED_ELSEWHERE)


def test_a_sender_that_runs_is_waited_for() -> None:
    assert ruled(evolve(ROW, owner="other")) == Held("other", 60.0)


@pytest.mark.parametrize(
    "row",
    [ROW, evolve(ROW, owner="other", lease_until=NOW), evolve(ROW, state=State.UNKNOWN, owner="other")],
    ids=["my own", "of an owner that is gone", "that ended"],
)
def test_a_doubt_is_sent_again_where_a_repeat_does_no_harm(row: Row) -> None:
    assert ruled(row) == Granted(4, True)
    refused = ruled(row, repeatable=False)
    assert isinstance(refused, Unsettled) and "apply it twice" in refused.reason


@pytest.mark.parametrize(
    ("first_sent", "retention", "again"),
    [
        (NOW - 100, 100.0, True),
        (NOW - 100, 99.0, False),
        (NOW - 100, FOREVER, True),
        (NOW + CLOCK_TOLERANCE, 50.0, True),
        (NOW + CLOCK_TOLERANCE + 1, 50.0, False),
        (NOW + CLOCK_TOLERANCE + 1, FOREVER, True),
    ],
    ids=[
        "just known",
        "forgotten",
        "known for ever",
        "clocks differ",
        "clock set back",
        "set back, for ever",
    ],
)
def test_a_key_that_the_provider_may_have_forgotten_is_not_repeated(
    first_sent: float, retention: float, again: bool
) -> None:
    ruling = ruled(evolve(ROW, first_sent=first_sent), retention=retention)
    assert isinstance(ruling, Granted if again else Unsettled)


@pytest.mark.parametrize("state", State)
def test_a_rival_operation_has_the_key_unless_it_is_free(state: State) -> None:
    """Whatever its outcome, and whichever process claims it: the key stands for that change."""
    row = evolve(ROW, state=state, customer_id="BIA", value=Decimal(7))
    assert rival(row, "other") == (None if state in FREE else Conflict("BIA", Decimal(7), "other"))
    assert rival(None, "other") is None
