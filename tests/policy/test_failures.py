"""The error of a delivery, without a delivery: its class, and that its text says what is known."""

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve
from one_test import one_test

from bonifiq_async import (
    AuthenticationError,
    BonifiQError,
    CustomerNotFound,
    Effect,
    NotAppliedError,
    Notice,
    OutcomeUnknownError,
    PayloadError,
    RefusedError,
    RetryAfterTooLong,
    StopReason,
    Verdict,
)
from bonifiq_async._model.evidence import ErrorAnswer, Evidence, Failure, Reading, Refusal
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async._model.outcome import Attempt
from bonifiq_async._policy.failures import (
    KEPT_ANSWER,
    WAY_OUT,
    WITHOUT_KEY,
    denied_by_a_repeat,
    error_of,
    said_beside,
)
from bonifiq_async._policy.history import Delivered
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK, POINTS

KEY = "ADD-ANA-10-1"
UNKEYED = evolve(CHANGE_CASHBACK, repeat=RepeatClass.NEVER)


def attempt(verdict: Verdict, status: int | None = None, number: int = 1, **more: Any) -> Attempt:
    return Attempt(number, verdict, status, True, datetime(2026, 1, 2, tzinfo=UTC), 0.1, 0.0, **more)


LOST = attempt(Verdict.LOST)
THROTTLED = attempt(Verdict.THROTTLED, 429, 2)
NO = attempt(Verdict.REFUSED, 400, 2)


def no(refusal: Refusal = Refusal.OTHER, **said: Any) -> Reading[Any]:
    return Reading(Verdict.REFUSED, refusal=refusal, said=ErrorAnswer(**{"status": 400} | said))


def refused(reading: Reading[Any] | None, *attempts: Attempt, **more: Any) -> Delivered[Any]:
    return Delivered(Effect.REFUSED, StopReason.ANSWERED, attempts or (NO,), reading, **more)


def unknown(reason: StopReason, *attempts: Attempt, **more: Any) -> Delivered[Any]:
    return Delivered(Effect.UNKNOWN, reason, attempts, **more)


def given_up(reason: StopReason, *attempts: Attempt, **more: Any) -> Delivered[Any]:
    return Delivered(Effect.NOT_APPLIED, reason, attempts, **more)


def error(delivered: Delivered[Any], operation: Any = CHANGE_CASHBACK, key: str | None = KEY) -> BonifiQError:
    found = error_of(operation, delivered, key)
    assert found is not None
    return found


@pytest.mark.parametrize("effect", [Effect.APPLIED, Effect.ALREADY_APPLIED])
def test_a_success_has_none(effect: Effect) -> None:
    assert error_of(CHANGE_CASHBACK, Delivered(effect, StopReason.ANSWERED), KEY) is None


@pytest.mark.parametrize(
    ("reading", "kind", "shared"),
    [
        (None, RefusedError, None),
        (no(), RefusedError, None),
        (no(Refusal.CUSTOMER), CustomerNotFound, None),
        (no(Refusal.CREDENTIALS), AuthenticationError, True),
        (no(Refusal.SIGN_IN), AuthenticationError, False),
        (no(Refusal.PAGE), RefusedError, None),
        (no(Refusal.PROXY), AuthenticationError, True),
    ],
)
def test_a_refusal_changed_nothing(
    reading: Reading[Any] | None, kind: type[BonifiQError], shared: bool | None
) -> None:
    found = error(refused(reading))
    assert type(found) is kind
    assert found.effect is Effect.REFUSED
    assert "Nothing changed" in str(found) and KEY in str(found)
    assert getattr(found, "shared", None) is shared


@one_test
@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (None, "(no reason given)"),
        (no(code="07", message="Not\x07 \n now"), r"(status 400, 07, Not\x07 now)"),
        (no(code="07", code_name="Customer_Blocked"), "(status 400, Customer_Blocked)"),
        (no(error_code=0), "(status 400, 0)"),
        (no(status=404), "(status 404, is the base URL right?)"),
        (no(status=404, message="gone"), "(status 404, gone)"),
        (no(status=404, message="404: Not Found"), "(status 404, 404: Not Found, is the base URL right?)"),
        (no(status=404, message="Not found."), "(status 404, Not found., is the base URL right?)"),
        (no(status=404, code="9", message="Not Found"), "(status 404, 9, Not Found)"),
        (no(status=404, message="customer not found"), "(status 404, customer not found)"),
    ],
)
def test_the_message_of_the_provider_is_on_one_line(reading: Reading[Any] | None, words: str) -> None:
    assert words in str(error(refused(reading)))


def test_it_has_the_members_of_the_answer() -> None:
    reading = no(code="07", code_name="Blocked", error_code=16, request_id="of the body")
    found = error(refused(reading, NO, asked=3.0))
    assert (found.change_key, found.status, found.code, found.code_name, found.retry_after) == (
        KEY,
        400,
        "07",
        "Blocked",
        3.0,
    )
    assert (found.request_id, found.error_code) == ("of the body", 16)
    assert found.attempts == (NO,)
    named = attempt(Verdict.REFUSED, 400, request_id="of the head")
    assert error(refused(reading, named)).request_id == "of the head"


@one_test
@pytest.mark.parametrize(
    ("delivered", "words"),
    [
        (unknown(StopReason.NO_SAFE_REPEAT, LOST), "attempt 1 was sent and got no whole answer."),
        (unknown(StopReason.NO_SAFE_REPEAT, THROTTLED), "attempt 2 was throttled with status 429."),
        (
            unknown(StopReason.DEADLINE, LOST, THROTTLED),
            "attempt 1 was sent and got no whole answer, and",
        ),
        (unknown(StopReason.DEADLINE, note="3 s"), "ended unknown, and the deadline leaves no time (3 s)."),
        (unknown(StopReason.ANSWERED, LOST, NO, reading=no(code="07")), "refused (status 400, 07)."),
        (unknown(StopReason.ANSWERED, LOST, NO), "its repeat was refused (no reason given)."),
        (unknown(StopReason.HELD, note="pid 7"), "applied: another call or process is sending it (pid 7)."),
        (unknown(StopReason.UNSETTLED), "left it in doubt, and it must not be sent again."),
        (unknown(StopReason.UNREADABLE, LOST), "(it is not what was asked)"),
        (
            unknown(StopReason.UNREADABLE, LOST, reading=Reading(Verdict.UNREADABLE, problem="no JSON")),
            "(no JSON)",
        ),
        (unknown(StopReason.RETRY_AFTER_TOO_LONG, LOST, asked=90.0, note="90 s"), "asks to wait 90 s"),
        (unknown(StopReason.RETRY_AFTER_TOO_LONG, LOST), "asks to wait longer than allowed"),
        (
            unknown(StopReason.NO_SAFE_REPEAT, attempt(Verdict.BROKEN, 500), reading=no(message="oh")),
            "failed at the provider with status 500 (oh).",
        ),
    ],
)
def test_a_doubt_is_reported_with_its_cause(delivered: Delivered[Any], words: str) -> None:
    found = error(delivered)
    assert type(found) is OutcomeUnknownError
    assert found.effect is Effect.UNKNOWN
    assert words in str(found) and WAY_OUT[RepeatClass.KEYED] in str(found)


@pytest.mark.parametrize(
    ("key", "way_out"), [(None, WITHOUT_KEY), (KEY, WAY_OUT[RepeatClass.NEVER])], ids=["bare", "named"]
)
def test_no_message_says_to_repeat_a_write_without_de_duplication(key: str | None, way_out: str) -> None:
    assert str(error(unknown(StopReason.NO_SAFE_REPEAT, LOST), UNKEYED, key)).endswith(way_out)


@pytest.mark.parametrize(
    ("delivered", "answer"),
    [
        (
            unknown(StopReason.UNREADABLE, LOST, evidence=Evidence(True, 1, body=b"x" * 9999)),
            b"x" * KEPT_ANSWER,
        ),
        (unknown(StopReason.UNREADABLE, LOST), None),
        (unknown(StopReason.DEADLINE, LOST, evidence=Evidence(True, 1, body=b"x")), None),
    ],
    ids=["unreadable", "without evidence", "readable"],
)
def test_the_beginning_of_an_unreadable_answer_is_kept(delivered: Delivered[Any], answer: bytes) -> None:
    assert error(delivered).answer == answer  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("delivered", "words"),
    [
        (given_up(StopReason.CLOSED), "given up: the client was closed."),
        (given_up(StopReason.ATTEMPTS_SPENT, THROTTLED), "(last: attempt 2 was throttled with status 429)"),
        (
            given_up(
                StopReason.DEADLINE,
                evolve(attempt(Verdict.NOT_SENT), cause="no route"),
                reading=no(message="slow"),
            ),
            "(last: attempt 1 was never sent (no route) (slow))",
        ),
        (
            given_up(StopReason.DEADLINE, attempt(Verdict.ACCEPTED), evidence=Evidence(True, 1)),
            "1 accepted)",
        ),
    ],
)
def test_a_change_that_was_given_up_may_be_made_again(delivered: Delivered[Any], words: str) -> None:
    found = error(delivered)
    assert type(found) is NotAppliedError
    assert words in str(found) and "Nothing changed; it may be made again." in str(found)


def test_a_wait_that_is_too_long_has_a_kind_of_its_own() -> None:
    found = error(given_up(StopReason.RETRY_AFTER_TOO_LONG, THROTTLED, asked=900.0, note="900 s"))
    assert type(found) is RetryAfterTooLong
    assert found.retry_after == 900.0


def test_a_read_never_ends_as_unknown() -> None:
    """It ends as given up, refused or unreadable."""
    lost = error(unknown(StopReason.ATTEMPTS_SPENT, LOST), POINTS, None)
    assert type(lost) is NotAppliedError
    assert "It only reads" in str(lost) and f"The call {POINTS.name}" in str(lost)
    assert type(error(unknown(StopReason.ANSWERED, LOST, NO, reading=no()), POINTS, None)) is RefusedError


@pytest.mark.parametrize(
    ("reading", "path", "words"),
    [
        (None, "$", "it is not what was asked"),
        (Reading(Verdict.UNREADABLE), "$", "it is not what was asked"),
        (Reading(Verdict.UNREADABLE, path="$.Name", problem="a number"), "$.Name", "a number"),
        (
            Reading(Verdict.UNREADABLE, problem="no JSON", said=ErrorAnswer(400, message="gone")),
            "$",
            "status 400, no JSON: gone",
        ),
        (
            Reading(Verdict.UNREADABLE, problem="no Result", said=ErrorAnswer(200, code="05")),
            "$",
            "contract: no Result: 05",
        ),
    ],
)
def test_a_read_that_cannot_be_understood(reading: Reading[Any] | None, path: str, words: str) -> None:
    found = error(unknown(StopReason.UNREADABLE, LOST, reading=reading), POINTS, None)
    assert isinstance(found, PayloadError)
    assert (found.path, found.effect) == (path, Effect.NOT_APPLIED)
    assert words in str(found)


def test_a_notice_is_one_line() -> None:
    part = Notice("05", "PartiallyAdded", 1, "4.00 of 10.00 was added")
    assert said_beside(part) == "warning 05 PartiallyAdded: 4.00 of 10.00 was added"
    assert said_beside(Notice(message="a\n b\x1b[2J")) == "a b\\x1b[2J"
    assert said_beside(Notice(severity=7)) == "severity 7"
    assert said_beside(Notice()) == ""


def answered(status: int, *headers: tuple[str, str], failure: Failure | None = None) -> Evidence:
    return Evidence(True, 1, status, headers, failure=failure)


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        (answered(200, failure=Failure.TOO_LARGE), "it is larger than is read"),
        (
            answered(301, ("Location", "/v1\x1b[2J")),
            r"status 301, it points to /v1\x1b[2J, and a redirect is not followed: is the base URL right?",
        ),
        (
            answered(307, ("location", "/" + "a" * 500)),
            f"status 307, it points to /{'a' * 199}, and a redirect is not followed: is the base URL right?",
        ),
        (
            answered(302),
            "status 302, it points elsewhere, and a redirect is not followed: is the base URL right?",
        ),
        (answered(304), "status 304, which proves nothing"),
        (answered(999), "status 999, which proves nothing"),
    ],
)
def test_an_answer_that_was_not_read_is_described_by_its_head(evidence: Evidence, words: str) -> None:
    change = error(unknown(StopReason.UNREADABLE, LOST, evidence=evidence))
    assert f"the answer does not fit the contract ({words})." in str(change)
    read = error(given_up(StopReason.UNREADABLE, LOST, evidence=evidence), POINTS, None)
    assert f"does not fit the contract: {words}." in str(read)


def test_a_repeat_that_denies_is_named_with_the_attempt_in_doubt() -> None:
    """The doubt is of the last attempt that may have done it, and the answer that of the repeat."""
    attempts = (LOST, attempt(Verdict.LOST, 502, 2), attempt(Verdict.ACCEPTED, 200, 3, request_id="r-3"))
    found = denied_by_a_repeat(CHANGE_CASHBACK, attempts)
    assert found.effect is Effect.UNKNOWN and "attempt 2" in str(found)
    assert (found.attempts, found.status, found.request_id) == (attempts, 200, "r-3")
