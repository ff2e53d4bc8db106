"""Retry-After in every form that servers and proxies send it: never a wait shorter than asked."""

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from one_test import one_test

from bonifiq_async._policy.retry_after import AHEAD, BEHIND, AskedWait, in_words, retry_after

NOW = datetime(2015, 10, 21, 7, 28, 0, tzinfo=UTC).timestamp()
IN_60_S = "Wed, 21 Oct 2015 07:29:00 GMT"
IN_120_S = "Wed, 21 Oct 2015 07:30:00 GMT"


def asked(
    values: Iterable[str], milliseconds: Iterable[str] = (), date: str | None = None, now: float = NOW
) -> float | None:
    """Return the seconds that the headers ask for."""
    wait = retry_after(values, milliseconds=milliseconds, date=date, now=now)
    return None if wait is None else wait.seconds


@one_test
@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        pytest.param([], None, id="no header"),
        pytest.param(["0"], 0.0, id="zero"),
        pytest.param(["60"], 60.0, id="seconds"),
        pytest.param(["60.5"], 60.5, id="fraction"),
        pytest.param([" 60\t"], 60.0, id="blanks around"),
        pytest.param(["00060"], 60.0, id="leading zeros"),
        pytest.param(["86400"], 86400.0, id="a day"),
        pytest.param(["9" * 400], 1e9, id="huge"),
        pytest.param([IN_60_S], 60.0, id="IMF-fixdate"),
        pytest.param(["Wednesday, 21-Oct-15 07:29:00 GMT"], 60.0, id="RFC 850 date"),
        pytest.param(["Wed Oct 21 07:29:00 2015"], 60.0, id="asctime date"),
        pytest.param(["wed, 21 oct 2015 07:29:00 gmt"], 60.0, id="date in small letters"),
        pytest.param(["Wed, 21 Oct 2015 04:29:00 -0300"], 60.0, id="date with an offset"),
        pytest.param(["Wed, 21 Oct 2015 07:27:59 GMT"], 0.0, id="past date"),
        pytest.param(["Thu, 01 Jan 1970 00:00:00 GMT"], 0.0, id="epoch"),
        pytest.param(["Fri, 21 Oct 2016 07:28:00 GMT"], 366 * 86400.0, id="date in a year"),
        pytest.param(["Fri, 31 Dec 9999 23:59:59 GMT"], 1e9, id="last date"),
        pytest.param(["60", "120"], 120.0, id="two headers: the longer"),
        pytest.param(["120", "60"], 120.0, id="two headers: whatever the order"),
        pytest.param(["soon", "60"], 60.0, id="two headers: one is garbage"),
        pytest.param(["30", IN_60_S], 60.0, id="two headers: seconds and a date"),
        pytest.param(["60, 120"], 120.0, id="joined seconds"),
        pytest.param(["120,60"], 120.0, id="joined without a blank"),
        pytest.param([f"{IN_60_S}, {IN_120_S}"], 120.0, id="joined dates"),
        pytest.param([f"30, {IN_60_S}"], 60.0, id="joined seconds and a date"),
        pytest.param([""], None, id="empty"),
        pytest.param(["  "], None, id="blank"),
        pytest.param(["-5"], None, id="negative"),
        pytest.param(["+5"], None, id="plus sign"),
        pytest.param(["soon"], None, id="a text"),
        pytest.param(["60s"], None, id="with a unit"),
        pytest.param(["60 seconds"], None, id="with a word"),
        pytest.param(["PT60S"], None, id="ISO 8601 duration"),
        pytest.param(["2015-10-21T07:29:00Z"], None, id="ISO 8601 date"),
        pytest.param(["Mon, 32 Jan 2016 00:00:00 GMT"], None, id="no such day"),
        pytest.param(["Wed, 21 Oct 99999999999 07:29:00 GMT"], None, id="no such year"),
        pytest.param(["1e3"], None, id="exponent"),
        pytest.param(["0x10"], None, id="hexadecimal"),
        pytest.param(["1_000"], None, id="Python's underscore"),
        pytest.param([".5"], None, id="no digit before the point"),
        pytest.param(["5."], None, id="no digit after the point"),
        pytest.param(["nan"], None, id="nan"),
        pytest.param(["inf"], None, id="inf"),
        pytest.param(["Infinity"], None, id="infinity"),
        pytest.param(["６０"], None, id="fullwidth digits"),
        pytest.param(["٦٠"], None, id="Arabic digits"),
        pytest.param(["6²"], None, id="superscript digit"),
    ],
)
def test_header(values: list[str], seconds: float | None) -> None:
    assert asked(values) == seconds


@one_test
@pytest.mark.parametrize(
    ("values", "milliseconds", "seconds"),
    [
        pytest.param([], ["1500"], 1.5, id="alone"),
        pytest.param(["2"], ["1500"], 2.0, id="the seconds are longer"),
        pytest.param(["1"], ["1500"], 1.5, id="the milliseconds are longer"),
        pytest.param(["60"], ["100"], 60.0, id="much shorter than the seconds"),
        pytest.param([IN_60_S], ["100"], 60.0, id="much shorter than the date"),
        pytest.param([], ["0"], 0.0, id="zero"),
        pytest.param([], ["12.5"], 0.0125, id="fraction"),
        pytest.param([], ["1500", "2500"], 2.5, id="two headers"),
        pytest.param([], ["1500, 2500"], 2.5, id="joined"),
        pytest.param(["2"], ["soon"], 2.0, id="garbage leaves the seconds"),
        pytest.param(["2"], ["-1"], 2.0, id="negative leaves the seconds"),
        pytest.param(["2"], [IN_60_S], 2.0, id="a date leaves the seconds"),
        pytest.param([], ["nan"], None, id="nan"),
    ],
)
def test_milliseconds(values: list[str], milliseconds: list[str], seconds: float | None) -> None:
    assert asked(values, milliseconds) == seconds


@pytest.mark.parametrize("skew", [-86400, -30, 0, 30, 86400])
def test_date_is_counted_from_the_answers_own_clock(skew: int) -> None:
    theirs = NOW + skew
    until = format_datetime(datetime.fromtimestamp(theirs + 90, UTC), usegmt=True)
    answered = format_datetime(datetime.fromtimestamp(theirs, UTC), usegmt=True)
    assert asked([until], date=answered) == 90.0


@pytest.mark.parametrize("date", [None, "", "yesterday", "60", "Mon, 32 Jan 2016 00:00:00 GMT"])
def test_with_an_unreadable_date_the_own_clock_counts(date: str | None) -> None:
    assert asked([IN_60_S], date=date) == 60.0


def test_seconds_do_not_depend_on_any_clock() -> None:
    assert asked(["60"], date="Thu, 01 Jan 1970 00:00:00 GMT") == 60.0


def moment(after: float, scale: int = 1) -> str:
    """Return the time `after` seconds from now as a number."""
    return f"{(NOW + after) * scale:.0f}"


@one_test
@pytest.mark.parametrize(
    ("values", "milliseconds", "wait"),
    [
        pytest.param([moment(3)], [], AskedWait(3.0, moment(3)), id="seconds since the epoch"),
        pytest.param([moment(3) + ".5"], [], AskedWait(3.5, moment(3) + ".5"), id="with a fraction"),
        pytest.param([moment(3, 1000)], [], AskedWait(3.0, moment(3, 1000)), id="milliseconds since then"),
        pytest.param([], [moment(3, 1000)], AskedWait(3.0, moment(3, 1000)), id="in its own header"),
        pytest.param([moment(-3)], [], AskedWait(0.0, moment(-3)), id="just past"),
        pytest.param(
            [moment(-BEHIND)], [], AskedWait(0.0, moment(-BEHIND)), id="past by a clock that differs"
        ),
        pytest.param([moment(-BEHIND - 1)], [], AskedWait(1e9), id="long past: no moment"),
        pytest.param([moment(AHEAD)], [], AskedWait(AHEAD, moment(AHEAD)), id="a year ahead"),
        pytest.param([moment(AHEAD + 1)], [], AskedWait(1e9), id="farther ahead: no moment"),
        pytest.param(["1000000000"], [], AskedWait(1e9), id="a number from long ago"),
        pytest.param(["5", moment(3)], [], AskedWait(5.0), id="the longer is a duration"),
        pytest.param(["2", moment(3)], ["100"], AskedWait(3.0, moment(3)), id="the longer is a moment"),
    ],
)
def test_a_number_that_can_only_be_a_moment(
    values: list[str], milliseconds: list[str], wait: AskedWait
) -> None:
    assert retry_after(values, milliseconds=milliseconds, now=NOW) == wait


def test_a_moment_is_counted_from_the_answers_own_clock() -> None:
    """The clock of this machine is three days off."""
    answered = format_datetime(datetime.fromtimestamp(NOW, UTC), usegmt=True)
    assert asked([moment(3)], date=answered, now=NOW + 3 * 86_400) == 3.0


@pytest.mark.parametrize("clock", [0.0, 1e6, 1e8], ids=str)
def test_a_clock_that_was_never_set_turns_no_duration_into_a_moment(clock: float) -> None:
    for seconds in (0.0, 1.0, 60.0, clock, clock + 5):
        assert retry_after([f"{seconds:.0f}"], now=clock) == AskedWait(seconds)


@one_test
@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0 s"),
        (0.004, "0.1 s"),
        (0.25, "0.2 s"),
        (2.0, "2 s"),
        (121.4, "121 s"),
        (3_599.0, "3,599 s"),
        (3_600.0, "until 2015-10-21 08:28 UTC"),
        (86_400.0, "until 2015-10-22 07:28 UTC"),
        (1e9, "until 2047-06-29 09:14 UTC"),
        (float("inf"), "until 2047-06-29 09:14 UTC"),
    ],
)
def test_a_wait_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds, NOW) == words
