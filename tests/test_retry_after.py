"""Retry-After in every form that servers and proxies send it: never a wait shorter than asked."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from bonifiq_async.retry_after import retry_after

NOW = datetime(2015, 10, 21, 7, 28, 0, tzinfo=UTC).timestamp()
IN_60_S = "Wed, 21 Oct 2015 07:29:00 GMT"
IN_120_S = "Wed, 21 Oct 2015 07:30:00 GMT"


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
        pytest.param(["soon"], None, id="a word"),
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
    assert retry_after(values, now=NOW) == seconds


@pytest.mark.parametrize(
    ("values", "milliseconds", "seconds"),
    [
        pytest.param([], ["1500"], 1.5, id="alone"),
        pytest.param(["2"], ["1500"], 1.5, id="finer than the seconds"),
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
    assert retry_after(values, milliseconds=milliseconds, now=NOW) == seconds


@pytest.mark.parametrize("skew", [-86400, -30, 0, 30, 86400])
def test_date_is_counted_from_the_answers_own_clock(skew: int) -> None:
    theirs = NOW + skew
    until = format_datetime(datetime.fromtimestamp(theirs + 90, UTC), usegmt=True)
    answered = format_datetime(datetime.fromtimestamp(theirs, UTC), usegmt=True)
    assert retry_after([until], date=answered, now=NOW) == 90.0


@pytest.mark.parametrize("date", [None, "", "yesterday", "60", "Mon, 32 Jan 2016 00:00:00 GMT"])
def test_unreadable_clock_leaves_our_own(date: str | None) -> None:
    assert retry_after([IN_60_S], date=date, now=NOW) == 60.0


def test_seconds_do_not_depend_on_any_clock() -> None:
    assert retry_after(["60"], date="Thu, 01 Jan 1970 00:00:00 GMT", now=NOW) == 60.0
