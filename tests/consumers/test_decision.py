"""What an outcome means for its event, by the table; and what makes an event poison."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from conftest import change
from events import to_change
from one_test import one_test

from bonifiq_async import (
    Attempt,
    AuthenticationError,
    CashbackChange,
    ChangeKeyConflict,
    Effect,
    NotAppliedError,
    Outcome,
    PayloadError,
    RefusedError,
    StopReason,
    Verdict,
)
from bonifiq_async.consumers.decision import (
    A_WHILE,
    BY_EFFECT,
    BY_REASON,
    Ack,
    Aside,
    Retry,
    decision_of,
    kind_of,
)
from bonifiq_async.consumers.event import LARGEST, change_of, read_json

PAGE = Path(__file__).parent.parent.parent / "docs" / "explanation" / "consumers.md"


def ended(effect: Effect, reason: StopReason | None = None, error: object = None, **more: object) -> Outcome:
    return Outcome(change(), effect, None, (), error, None, reason, **more)


UNPROCESSED = Attempt(1, Verdict.UNPROCESSED, 401, True, datetime(2026, 1, 2, tzinfo=UTC), 0.1, 0.0)
OLD = AuthenticationError("this signature is too old", status=401)


@one_test
@pytest.mark.parametrize(
    ("outcome", "decision"),
    [
        (ended(Effect.APPLIED), Ack),
        (ended(Effect.ALREADY_APPLIED, StopReason.REMEMBERED), Ack),
        (ended(Effect.ALREADY_APPLIED, StopReason.ANSWERED, used_elsewhere=True), Aside),
        (ended(Effect.REFUSED, StopReason.ANSWERED, RefusedError("no", status=422)), Aside),
        (ended(Effect.REFUSED, StopReason.INTERCEPTED, AuthenticationError("a page", status=403)), Retry),
        (ended(Effect.REFUSED, StopReason.ANSWERED, AuthenticationError("no", status=401)), Retry),
        (evolve(ended(Effect.REFUSED, StopReason.ANSWERED, OLD), attempts=(UNPROCESSED,)), Aside),
        (ended(Effect.NOT_APPLIED, None, ChangeKeyConflict("another")), Aside),
        (ended(Effect.NOT_APPLIED, None, PayloadError("not valid", path="value")), Aside),
        (ended(Effect.NOT_APPLIED, StopReason.ATTEMPTS_SPENT, NotAppliedError("429")), Retry),
        (ended(Effect.UNKNOWN, StopReason.ATTEMPTS_SPENT), Retry),
        (ended(Effect.UNKNOWN, StopReason.HELD), Retry),
        (ended(Effect.UNKNOWN, StopReason.UNREADABLE), Retry),
        (ended(Effect.UNKNOWN, StopReason.ANSWERED), Aside),
        (ended(Effect.UNKNOWN, StopReason.NO_SAFE_REPEAT), Aside),
        (ended(Effect.UNKNOWN, StopReason.UNSETTLED), Aside),
        (ended(Effect.UNKNOWN, StopReason.REMEMBERED), Aside),
    ],
)
def test_outcome_means(outcome: Outcome, decision: type) -> None:
    assert type(decision_of(outcome)) is decision
    assert decision_of(outcome).outcome is outcome


def test_every_effect_has_an_answer_and_the_page_shows_each() -> None:
    assert set(BY_EFFECT) == set(Effect)
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (\w+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    shown = {(effect, reason.strip()): answer for effect, reason, answer in rows}
    table = {(effect.name, "any other"): answer.value for effect, answer in BY_EFFECT.items()}
    table |= {(effect.name, reason.value): answer.value for (effect, reason), answer in BY_REASON.items()}
    assert shown == table


@one_test
@pytest.mark.parametrize(
    ("outcome", "seconds"),
    [
        (ended(Effect.NOT_APPLIED, StopReason.STOPPED, NotAppliedError("stopped")), 0.0),
        (ended(Effect.REFUSED, StopReason.ANSWERED, AuthenticationError("no", status=401)), 0.0),
        (
            ended(Effect.NOT_APPLIED, StopReason.RETRY_AFTER_TOO_LONG, NotAppliedError("", retry_after=7.0)),
            7.0,
        ),
        (ended(Effect.UNKNOWN, StopReason.DEADLINE, NotAppliedError("")), A_WHILE),
        (ended(Effect.UNKNOWN), A_WHILE),
    ],
)
def test_seconds_until_an_event_is_due_again(outcome: Outcome, seconds: float) -> None:
    assert decision_of(outcome) == Retry(seconds, outcome)


def test_an_event_put_aside_says_why() -> None:
    refused = ended(Effect.REFUSED, StopReason.ANSWERED, RefusedError("no such customer"))
    assert decision_of(refused) == Aside("no such customer", refused)
    elsewhere = decision_of(ended(Effect.ALREADY_APPLIED, None, used_elsewhere=True))
    assert "key was used before" in elsewhere.why


def test_json_has_exact_decimals() -> None:
    body = b'\xef\xbb\xbf{"id": "7", "customer": "ANA", "amount": 0.10000000000000000001}'
    assert change_of(body, to_change).value == Decimal("0.10000000000000000001")
    assert change_of({"id": "7", "customer": "ANA", "amount": 1}, to_change).value == 1


@one_test
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b"not json", "not JSON"),
        (b'{"id": "7", "amount": 1, "amount": 100, "customer": "ANA"}', "twice"),
        (b'{"id": "7", "amount": 1}', "KeyError: 'customer'"),
        (b"[]", "TypeError"),
        (b"null", "TypeError"),
        (b'{"id": "7", "customer": "ANA", "amount": "1"}', "amount"),
        (b'{"id": "7", "customer": "ANA", "amount": 0}', "zero"),
        (b'{"id": null, "customer": "ANA", "amount": 1}', "reference"),
        (b" " * LARGEST + b"1", "longer"),
    ],
)
def test_poison(body: bytes, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        change_of(body, to_change)


def test_a_fault_of_the_program_is_not_taken_for_poison() -> None:
    def broken(event: object) -> CashbackChange:
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError):
        change_of(b"{}", broken)
    assert read_json(b'{"a": 1.50}') == {"a": Decimal("1.50")}
    assert kind_of(ended(Effect.APPLIED)).value == "ack"
