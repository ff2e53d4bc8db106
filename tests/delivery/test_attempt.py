"""The watch of a delivery over an attempt: whether it may be sent, and what the head of its answer asks."""

import pytest
from attrs import define, field
from conftest import Clock

from bonifiq_async._delivery.attempt import WORTH_A_TURN, Waits, Watch
from bonifiq_async._limits.shared import SharedLimit
from bonifiq_async._policy.budget import Deadline
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._policy.wait_scope import FIRSTS
from bonifiq_async.testing.virtual_time import EPOCH

NOW = 1_000.0


@define
class Place:
    """A batch that records the waits reported to it."""

    told: list[float] = field(factory=list)
    most = 1
    waits = False

    def told_to_wait(self, seconds: float, *, shared: bool = False) -> None:
        self.told.append(seconds)


def waits_of(clock: Clock, *batches: Place) -> Waits:
    limit = SharedLimit(clock.runtime())
    for batch in batches:
        limit.add(batch)
    return Waits(120.0, lambda: clock.now, lambda: EPOCH + clock.now, limit)


def watch_over(waits: Waits, *, ends: float = NOW + 60, key: str = "a") -> Watch:
    request = PreparedRequest("POST", "https://provider", "/change", b"{}", key)
    return Watch(waits, request, Deadline(ends))


@pytest.mark.parametrize(
    ("held", "ends", "may"),
    [
        pytest.param(float("-inf"), NOW + 1, True, id="never held"),
        pytest.param(NOW, NOW + 1, True, id="held until now"),
        pytest.param(NOW + 0.001, NOW + 1, False, id="held"),
        pytest.param(NOW - 1, NOW, False, id="its time is just over"),
        pytest.param(NOW - 1, NOW - 1, False, id="its time is over"),
    ],
)
def test_what_may_leave(held: float, ends: float, may: bool, clock: Clock) -> None:
    waits = waits_of(clock)
    waits.limit.hold.until = held
    watch = watch_over(waits, ends=ends)
    assert (watch.may_send(), watch.withheld) == (may, not may)


def test_an_even_pace_counts_from_the_moment_before_the_write(clock: Clock) -> None:
    waits = waits_of(clock)
    admission = waits.limit.known()
    admission.pacer.took(NOW, 100.0, even=True)
    clock.now = NOW + 0.5
    assert watch_over(waits).may_send()
    assert admission.pacer.wait(clock.now) == pytest.approx(0.01, rel=0.5)


def test_a_head_that_asks_holds_all_from_when_it_came(clock: Clock) -> None:
    """When the body arrives, its call has that much less to wait."""
    place = Place()
    waits = waits_of(clock, place)
    watch = watch_over(waits)
    watch.head(500, (("Retry-After", "30"),))
    assert (waits.limit.hold.until, place.told, watch.alone) == (NOW + 30, [30.0], False)
    assert [watch.left(NOW + passed) for passed in (0, 10, 40)] == [30.0, 20.0, 0.0]


def test_a_head_that_asks_for_nothing_holds_none(clock: Clock) -> None:
    place = Place()
    waits = waits_of(clock, place)
    watch = watch_over(waits)
    watch.head(404, (("Content-Type", "text/plain"),))
    assert (waits.limit.hold.until, place.told, watch.asked, watch.left(NOW)) == (
        float("-inf"),
        [],
        None,
        None,
    )


def held_alone(waits: Waits, clock: Clock) -> Watch:
    """Return the watch of a request that is asked to wait alone."""
    for number in range(FIRSTS + 2):
        watch = watch_over(waits)
        watch.first = 0 < number <= FIRSTS
        if number == FIRSTS + 1:
            waits.scope.passed("b", clock.now + 1)
            clock.now += 2
        watch.head(429, (("Retry-After", "30"),))
    return watch


def test_one_that_is_asked_alone_holds_no_other(clock: Clock) -> None:
    place = Place()
    waits = waits_of(clock, place)
    watch = held_alone(waits, clock)
    assert (watch.alone, watch.left(clock.now)) == (True, 30.0)
    assert (waits.limit.hold.until, place.told) == (NOW + 30, [30.0] * (FIRSTS + 1))


def test_by_how_much_a_wait_is_lengthened(clock: Clock) -> None:
    """The last request asked to wait goes first, one asked in vain goes last; others go at random."""
    waits = waits_of(clock)

    def drawn(key: str, asked: float | None) -> float:
        watch = watch_over(waits, key=key)
        if asked is not None:
            watch.head(429, (("Retry-After", str(asked)),))
        return watch.chance(lambda: 0.5)()

    assert drawn("a", None) == 0.5
    assert drawn("b", WORTH_A_TURN) == 0.0
    assert drawn("c", WORTH_A_TURN / 2) == 0.5
    assert watch_over(waits, key="b").chance(lambda: 0.5)() == 0.5
    assert held_alone(waits_of(clock), clock).chance(lambda: 0.5)() == 1.0


def test_which_attempt_is_the_first_after_a_hold(clock: Clock) -> None:
    waits = waits_of(clock)
    waits.limit.hold.extend(NOW, 30.0, 30.0)
    assert [waits.begins(NOW + moment) for moment in (0, 30.5, 31)] == [True, True, False]
    waits.limit.hold.extend(NOW + 40, 30.0, 30.0)
    assert waits.begins(NOW + 71) is True
