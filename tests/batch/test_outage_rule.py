"""When a run takes its provider for out, and when it asks again: the rule alone, time being an argument."""

import pytest

from bonifiq_async.batch.outage import A_WHILE, CHANGES, FIRST_PROBE, LAST_PROBE, OUTAGE, OutageState


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
    assert outage.lasts(200.0) == 200.0 - outage.since  # also where few fail, for want of others


def test_probes_alone_put_the_next_off_and_ever_further() -> None:
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
