"""What the evidence of one attempt proves, and the worst effect after it."""

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from one_test import one_test

from bonifiq_async._model.evidence import Evidence, Failure, HandOver
from bonifiq_async._model.outcome import Attempt, Effect, Verdict
from bonifiq_async._policy.retry_after import AskedWait, asked_wait
from bonifiq_async._policy.verdict import answers_a_repeat, leaves_doubt, transport_verdict

NOW = datetime(2015, 10, 21, 7, 28, 0, tzinfo=UTC).timestamp()
TO_READ = None
"""The transport proves nothing more: there is a complete answer to read."""


def verdict(
    status: int | None,
    *,
    sent: bool = True,
    failure: Failure | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Verdict | None:
    evidence = Evidence(sent=sent, requests=int(sent), status=status, failure=failure, headers=headers)
    asks = status is not None and asked_wait(status, headers, now=NOW) is not None
    return transport_verdict(evidence, asks=asks)


ODD_4XX = {408, 425, 429}


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param(range(100, 200), Verdict.UNREADABLE, id="1xx"),
        pytest.param(range(200, 300), TO_READ, id="2xx"),
        pytest.param(range(300, 400), Verdict.UNREADABLE, id="3xx"),
        pytest.param(set(range(400, 500)) - ODD_4XX, TO_READ, id="4xx"),
        pytest.param([408, 425], Verdict.BROKEN, id="4xx about the transfer"),
        pytest.param([429], Verdict.THROTTLED, id="429"),
        pytest.param([407], TO_READ, id="a proxy's"),
        pytest.param(range(500, 600), Verdict.BROKEN, id="5xx without Retry-After"),
        pytest.param([0, 99, 600, 999], Verdict.UNREADABLE, id="no HTTP status"),
    ],
)
def test_status(statuses: Iterable[int], expected: Verdict | None) -> None:
    assert {status: verdict(status) for status in statuses} == dict.fromkeys(statuses, expected)


@one_test
@pytest.mark.parametrize("failure", [None, *Failure])
@pytest.mark.parametrize(("sent", "expected"), [(False, Verdict.NOT_SENT), (True, Verdict.LOST)])
def test_without_an_answer_only_the_hand_over_counts(
    failure: Failure | None, sent: bool, expected: Verdict
) -> None:
    assert verdict(None, sent=sent, failure=failure) is expected


@one_test
@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.DISCONNECTED, Failure.MALFORMED, Failure.LOCAL])
@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 404])
def test_cut_answer_is_lost(status: int, failure: Failure) -> None:
    assert verdict(status, failure=failure) is Verdict.LOST


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Verdict.UNREADABLE),
        (302, Verdict.UNREADABLE),
        (400, TO_READ),
        (401, TO_READ),
        (429, Verdict.THROTTLED),
        (500, Verdict.BROKEN),
    ],
)
def test_answer_above_the_limit(status: int, expected: Verdict | None) -> None:
    assert verdict(status, failure=Failure.TOO_LARGE) is expected


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.DISCONNECTED, Failure.MALFORMED])
@pytest.mark.parametrize(("status", "expected"), [(429, Verdict.THROTTLED), (500, Verdict.BROKEN)])
def test_cut_body_of_an_error_changes_nothing(status: int, expected: Verdict, failure: Failure) -> None:
    assert verdict(status, failure=failure) is expected


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.DISCONNECTED, Failure.MALFORMED])
def test_a_cut_413_is_lost_also_where_it_asks_to_wait(failure: Failure) -> None:
    """The missing part of its body may report a result."""
    assert verdict(413, failure=failure, headers=(("Retry-After", "60"),)) is Verdict.LOST


RETRY_AFTER = [
    pytest.param(("Retry-After", "0"), 0.0, id="zero"),
    pytest.param(("Retry-After", "60"), 60.0, id="seconds"),
    pytest.param(("RETRY-AFTER", "60"), 60.0, id="name in capitals"),
    pytest.param(("Retry-After", "Wed, 21 Oct 2015 07:29:00 GMT"), 60.0, id="date"),
    pytest.param(("Retry-After", "Wed, 21 Oct 2015 07:00:00 GMT"), 0.0, id="past date"),
    pytest.param(("Retry-After-Ms", "1500"), 1.5, id="milliseconds"),
    pytest.param(("Retry-After", "soon"), None, id="garbage"),
    pytest.param(("Retry-After", "-1"), None, id="negative"),
    pytest.param(("X-Retry-After", "60"), None, id="another header"),
]


@one_test
@pytest.mark.parametrize(("header", "seconds"), RETRY_AFTER)
@pytest.mark.parametrize(("status", "otherwise"), [(503, Verdict.BROKEN), (413, TO_READ)])
def test_what_is_throttled_when_it_asks_to_wait(
    header: tuple[str, str], seconds: float | None, status: int, otherwise: Verdict | None
) -> None:
    expected = otherwise if seconds is None else Verdict.THROTTLED
    assert verdict(status, headers=(header,)) is expected


@one_test
@pytest.mark.parametrize("status", [status for status in range(100, 600) if status not in (413, 503)])
def test_a_wait_changes_the_verdict_of_no_other_status(status: int) -> None:
    assert verdict(status, headers=(("Retry-After", "60"),)) is verdict(status)


@pytest.mark.parametrize(("header", "seconds"), RETRY_AFTER)
def test_asked_wait(header: tuple[str, str], seconds: float | None) -> None:
    wait = asked_wait(429, (header,), now=NOW)
    assert (None if wait is None else wait.seconds) == seconds


def test_a_wait_is_asked_for_by_every_status_that_is_no_success() -> None:
    """A 202 asks for a wait before the next look at its result."""
    header = (("Retry-After", "60"),)
    asking = {status for status in range(1_000) if asked_wait(status, header, now=NOW) is not None}
    assert asking == set(range(300, 600))


def test_the_longer_of_two_headers_counts() -> None:
    wait = asked_wait(429, (("retry-after-ms", "100"), ("Retry-After", "60")), now=NOW)
    assert wait == AskedWait(60.0)


def test_asked_wait_is_counted_from_the_answers_date() -> None:
    headers = (
        ("Retry-After", "Wed, 21 Oct 2015 09:29:00 GMT"),
        ("Date", "Wed, 21 Oct 2015 09:28:00 GMT"),
    )
    assert asked_wait(429, headers, now=NOW) == AskedWait(60.0)


@one_test
@pytest.mark.parametrize(
    ("given", "status", "effect"),
    [
        (Verdict.NOT_SENT, None, Effect.NOT_APPLIED),
        (Verdict.THROTTLED, 429, Effect.NOT_APPLIED),
        (Verdict.THROTTLED, 503, Effect.UNKNOWN),
        (Verdict.BROKEN, 500, Effect.UNKNOWN),
        (Verdict.BROKEN, 502, Effect.UNKNOWN),
        (Verdict.BROKEN, 503, Effect.UNKNOWN),
        (Verdict.BROKEN, 504, Effect.UNKNOWN),
        (Verdict.BROKEN, 408, Effect.UNKNOWN),
        (Verdict.LOST, None, Effect.UNKNOWN),
        (Verdict.LOST, 200, Effect.UNKNOWN),
        (Verdict.UNREADABLE, 200, Effect.UNKNOWN),
        (Verdict.UNREADABLE, 302, Effect.UNKNOWN),
        (Verdict.REFUSED, 400, Effect.NOT_APPLIED),
    ],
)
def test_contribution_when_the_call_is_given_up(given: Verdict, status: int | None, effect: Effect) -> None:
    assert leaves_doubt(given, status) is (effect is Effect.UNKNOWN)


def test_by_default_every_request_may_be_sent_and_no_head_is_read() -> None:
    hand_over = HandOver()
    hand_over.head(429, (("Retry-After", "60"),))
    assert hand_over.may_send() is True
    assert (hand_over.done, hand_over.withheld) == (False, False)


@pytest.mark.parametrize(
    ("verdicts", "about_an_earlier"),
    [
        ([Verdict.REFUSED], False),
        ([Verdict.THROTTLED, Verdict.REFUSED], False),
        ([Verdict.LOST, Verdict.REFUSED], True),
        ([Verdict.LOST, Verdict.THROTTLED, Verdict.REFUSED], True),
        ([Verdict.THROTTLED, Verdict.LOST], False),
    ],
)
def test_an_answer_after_a_doubt_may_be_about_an_earlier_attempt(
    verdicts: list[Verdict], about_an_earlier: bool
) -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    attempts = [
        Attempt(number, each, None, True, moment, 0.1, 0.0) for number, each in enumerate(verdicts, 1)
    ]
    assert answers_a_repeat(attempts) is about_an_earlier
