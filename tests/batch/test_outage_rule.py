"""When a run sees an outage, and when it asks again: the rule alone, with time as an argument."""

import pytest

from bonifiq_async.batch.outage import (
    A_WHILE,
    ALIKE,
    CHANGES,
    FIRST_PROBE,
    LAST_PROBE,
    OUTAGE,
    FailureCause,
    OutageState,
    cause_of,
)


def failing(times: int, *, changes: int = CHANGES, at: float = 0.0, in_flight: int = 1) -> OutageState:
    """Return the state after so many failures in a row, at one moment, of so many changes."""
    outage = OutageState(0.0)
    outage.sent(in_flight)
    names = [object() for _ in range(changes)]
    for number in range(times):
        outage.failed(names[number % changes], at, probe=False)
    return outage


@pytest.mark.parametrize(
    ("outage", "out"),
    [
        (failing(OUTAGE), True),
        (failing(OUTAGE - 1), False),
        (failing(99, changes=CHANGES - 1, at=99.0), False),
        (failing(OUTAGE, in_flight=OUTAGE), False),
        (failing(2 * OUTAGE, in_flight=OUTAGE), True),
        (failing(OUTAGE, in_flight=OUTAGE, at=A_WHILE), True),
        (failing(OUTAGE, in_flight=OUTAGE, at=A_WHILE - 0.1), False),
    ],
    ids=["failures", "too few", "of few changes", "a burst", "all in flight twice", "for a while", "not yet"],
)
def test_what_is_an_outage(outage: OutageState, out: bool) -> None:
    assert (outage.probe_at is not None) is out
    assert outage.lasts(200.0) == 200.0 - outage.since  # also where few fail because there are no others


def test_only_probes_delay_the_next_probe_and_each_delay_is_longer() -> None:
    outage, waits = failing(OUTAGE), []
    for _ in range(10):
        at = outage.probe_at
        outage.failed(object(), at, probe=False)
        assert outage.probe_at == at
        outage.failed(object(), at, probe=True)
        waits.append(outage.probe_at - at)
    assert waits == [min(LAST_PROBE, FIRST_PROBE * 2**number) for number in range(1, 11)]


def test_one_good_answer_ends_it() -> None:
    outage = failing(OUTAGE)
    assert outage.never
    assert outage.succeeded(7.0, 3) is True
    assert outage.succeeded(8.0, 3) is False
    assert (outage.probe_at, outage.good_at, outage.never, outage.lasts(9.0)) == (None, 8.0, False, 0.0)
    for number in range(OUTAGE - 1):
        outage.failed(number, 99.0, probe=False)
    assert outage.probe_at is None
    outage.failed(OUTAGE, 99.0, probe=False)
    assert outage.probe_at == 99.0 + FIRST_PROBE


DOWN, OUT, BUSY = FailureCause(None, "down"), FailureCause(503, "out"), FailureCause(429, "busy", asks=True)
AT_START = {
    "one way for long": ([DOWN] * ALIKE, 30.0, True),
    "one way, not for long": ([DOWN] * ALIKE, 29.9, False),
    "too few tries": ([DOWN] * (ALIKE - 1), 99.0, False),
    "two ways": ([DOWN, OUT, DOWN, DOWN], 99.0, False),
    "asked to come back": ([BUSY] * 9, 99.0, False),
    "for so long that how does not matter": ([DOWN, OUT], 900.0, True),
}


@pytest.mark.parametrize(("causes", "at", "over"), AT_START.values(), ids=AT_START)
def test_a_run_without_any_success_waits_for_a_short_while(causes, at: float, over: bool) -> None:
    for good in (False, True):
        outage = OutageState(0.0)
        if good:
            outage.failed("x", 0.0, probe=False, cause=OUT)
            outage.succeeded(0.0, 1)
        for cause in causes:
            outage.failed("x", 0.0, probe=False, cause=cause)
        assert outage.gives_up(at, 900.0, 30.0) is (at >= 900.0 if good else over)
        assert outage.gives_up(at, 900.0, None) is (at >= 900.0)


@pytest.mark.parametrize(
    ("status", "detail", "text"),
    [
        (None, "connection refused at h:1", "connection refused at h:1"),
        (503, "", "503: Service Unavailable"),
        (503, "the answer's body broke off", "the answer's body broke off"),
        (200, "", "200: the answer does not fit the contract"),
        (599, "", "599: a status without a name"),
        (None, "", ""),
    ],
)
def test_why_a_try_failed_in_words(status: int | None, detail: str, text: str) -> None:
    assert str(cause_of(status, detail)) == text


@pytest.mark.parametrize(
    ("outage", "held", "due", "left"),
    [
        (failing(1), 0.0, [], None),
        (failing(1), 5.0, [], 5.0),
        (failing(1), 0.0, [9.0, 7.0], 7.0),
        (failing(1), 8.0, [7.0], 8.0),
        (failing(OUTAGE), 0.0, [7.0], FIRST_PROBE),
        (failing(OUTAGE, at=-99.0), 0.0, [7.0], 0.0),
    ],
    ids=["nothing waits", "held", "the first that waits", "held longer", "a probe", "overdue"],
)
def test_when_something_is_sent_again(outage: OutageState, held: float, due, left: float | None) -> None:
    assert outage.next_try(0.0, held, due) == left


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("connection refused", "Nothing has succeeded for 1,200 s (connection refused)"),
        ("", "Nothing has succeeded for 1,200 s"),
    ],
)
def test_what_is_said_of_it_has_its_cause(detail: str, words: str) -> None:
    outage = failing(1)
    outage.cause = FailureCause(None, detail)
    assert outage.in_words(1200.0) == words
