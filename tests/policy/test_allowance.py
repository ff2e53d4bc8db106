"""What answers say of limits: recorded headers of known APIs, and what no limiter may be led astray by."""

import json
import math
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async._policy.rate_limit.allowance import LONGEST_TEXT, MOST, READ, Allowance, allowances
from bonifiq_async._policy.rate_limit.fields import FARTHEST, MOST_MEMBERS

RECORDED = json.loads((Path(__file__).parent.parent / "data" / "rate_limit_headers.json").read_text("utf-8"))
"""Each API with the address of its source, what it says, and the allowances: limit, remaining, reset, window.

`now`, in seconds since the epoch, is chosen to fit the example. Of Rocket.Chat only the moment is recorded.
"""
NOW = 1_700_000_000.0


def read(*headers: tuple[str, str], now: float = NOW) -> tuple[Allowance, ...]:
    return allowances(headers, now=now)


@one_test
@pytest.mark.parametrize("row", RECORDED, ids=[row["api"] for row in RECORDED])
def test_a_known_api(row: dict) -> None:
    said = read(*row["headers"].items(), now=row["now"])
    numbers = [(each.limit, each.remaining, each.reset, each.window) for each in said]
    assert [[n if n is None else round(n, 6) for n in each] for each in numbers] == row["allowances"]


def x(
    limit: str | None = "100", remaining: str | None = "50", reset: str | None = "30"
) -> list[tuple[str, str]]:
    said = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset}
    return [(name, value) for name, value in said.items() if value is not None]


POLICY = '"default";q=100;w=60'
A_MINUTE = ("RateLimit-Policy", "100;w=60")
HALF = Allowance(100, 50, 30)
AT_ANY_TIME = Allowance(100, 50)
LEFT = {
    "as it is": (x(), HALF),
    "names in capitals": ([(name.upper(), value) for name, value in x()], HALF),
    "a fraction": (x(reset="29.5"), Allowance(100, 50, 29.5)),
    "negative": (x(remaining="-1"), Allowance(100, None, 30)),
    "negative limit": (x(limit="-1"), Allowance(None, 50, 30)),
    "no limit": (x(limit="0"), Allowance(None, 50, 30)),
    "huge": (x(limit="9" * 400), Allowance(None, 50, 30)),
    "more than anything": (x(limit="2147483647"), Allowance(None, 50, 30)),
    "more left than the limit": (x(remaining="101"), Allowance(100, None, 30)),
    "infinite": (x(remaining="inf"), Allowance(100, None, 30)),
    "not a number": (x(remaining="NaN"), Allowance(100, None, 30)),
    "with an exponent": (x(remaining="1e1"), Allowance(100, None, 30)),
    "other digits": (x(remaining="٥٠"), Allowance(100, None, 30)),
    "bytes that are no text": (x(remaining="5\udcff0"), Allowance(100, None, 30)),
    "a text": (x(remaining="unlimited"), Allowance(100, None, 30)),
    "empty": (x(remaining=""), Allowance(100, None, 30)),
    "twice the same": ([*x(), *x()], HALF),
    "joined by a proxy": (x(limit="100, 100", remaining="50,50", reset="30, 30"), HALF),
    "twice, and they differ": ([*x(), ("x-ratelimit-remaining", "49")], Allowance(100, None, 30)),
    "twice, and one is no number": (x(remaining="50, x"), Allowance(100, None, 30)),
    "limits that differ": (x(limit="100, 50"), Allowance(None, 50, 30)),
    "moments of two roundings": ([*x(), ("x-ratelimit-reset", "31")], Allowance(100, 50, 31)),
    "moments that differ": ([*x(), ("x-ratelimit-reset", "32")], AT_ANY_TIME),
    "a date and a number": (x(reset=f"30, {formatdate(NOW + 30, usegmt=True)}"), HALF),
    "a moment": (x(reset=f"{NOW + 30:.0f}"), HALF),
    "in thousandths": (x(reset=f"{(NOW + 30) * 1e3:.0f}"), HALF),
    "in millionths": (x(reset=f"{(NOW + 30) * 1e6:.0f}"), HALF),
    "an HTTP date": (x(reset=formatdate(NOW + 30, usegmt=True)), HALF),
    "RFC 3339": (x(reset="2023-11-14T22:13:50Z"), HALF),
    "with an offset": (x(reset="2023-11-14T19:13:50-03:00"), HALF),
    "without one": (x(reset="2023-11-14 22:13:50"), HALF),
    "the first year": (x(reset="0001-01-01T00:00:00+23:59"), AT_ANY_TIME),
    "soon": (x(reset="soon"), AT_ANY_TIME),
    "just past": (x(reset=f"{NOW - 1:.0f}"), AT_ANY_TIME),
    "now": (x(reset="0"), AT_ANY_TIME),
    "a year and a day": (x(reset=f"{FARTHEST + 1:.0f}"), AT_ANY_TIME),
    "a year and a day from now": (x(reset=f"{NOW + FARTHEST + 1:.0f}"), AT_ANY_TIME),
    "too long to be read": (x(remaining="50" + "," * LONGEST_TEXT), Allowance(100, None, 30)),
    "after its window": ([*x(reset="62"), A_MINUTE], Allowance(100, 50, None, 60)),
    "at the end of its window": ([*x(reset="61"), A_MINUTE], Allowance(100, 50, 61, 60)),
    "a policy that has a name": ([*x(), ("RateLimit-Policy", POLICY)], Allowance(100, 50, 30, 60)),
    "a policy of bytes": ([*x(), ("RateLimit-Policy", f'{POLICY};qu="content-bytes"')], HALF),
    "a window of nothing": (x(limit="100, 100;w=0"), HALF),
    "a window that is no number": (x(limit="100, 100;w=x"), HALF),
    "nothing left": (x(remaining="0"), Allowance(100, 0, 30)),
    "nothing left, until when is not said": (x(remaining="0", reset=None), ()),
    "nothing left, and the moment is past": (x(remaining="0", reset="0"), ()),
    "a limit alone": (x(remaining=None, reset=None), ()),
    "a moment alone": (x(limit=None, remaining=None), ()),
    "what is left alone": (x(limit=None, reset=None), Allowance(None, 50)),
    "a limit and a moment": (x(remaining=None), Allowance(100, None, 30)),
    "reset-after goes first": ([*x(), ("X-RateLimit-Reset-After", "29.25")], Allowance(100, 50, 29.25)),
    "reset-after cannot be read": ([*x(), ("X-RateLimit-Reset-After", "?")], HALF),
    "used": ([("X-Shopify-Shop-Api-Call-Limit", "0/40")], Allowance(40, 40)),
    "all used": ([("X-Shopify-Shop-Api-Call-Limit", "40/40")], ()),
    "more used than there is": ([("X-Shopify-Shop-Api-Call-Limit", "41/40")], ()),
    "used of nothing": ([("X-Shopify-Shop-Api-Call-Limit", "32")], ()),
}  # fmt: skip
"""The header, and the allowance read from it."""


@one_test
@pytest.mark.parametrize(("headers", "believed"), LEFT.values(), ids=LEFT)
def test_what_is_believed(headers: list[tuple[str, str]], believed: Allowance | tuple[()]) -> None:
    assert read(*headers) == (() if believed == () else (believed,))


NAMED = {
    "with its policy": (('"default";r=50;t=30',), POLICY, [Allowance(100, 50, 30, 60)]),
    "a name without quotes": (("default;r=50;t=30",), POLICY, [Allowance(100, 50, 30, 60)]),
    "a name with signs in it": (('"a,b;c=d\\"";r=5;t=3',), '"a,b;c=d\\"";q=9;w=6', [Allowance(9, 5, 3, 6)]),
    "a policy alone": ((), POLICY, [Allowance(100, None, None, 60)]),
    "a policy that cannot be read": (("default;r=50;t=30",), "default;q=-1;w=60", [Allowance(None, 50, 30)]),
    "a policy without a window": (('"default";r=50',), '"default";q=100', [Allowance(100, 50)]),
    "a state alone": (('"default";r=50;t=30',), "", [Allowance(None, 50, 30)]),
    "two states": (
        ('"day";r=9000;t=80000, "burst";r=5;t=1',),
        '"burst";q=10;w=1, "day";q=10000;w=86400',
        [Allowance(10000, 9000, 80000, 86400), Allowance(10, 5, 1, 1)],
    ),
    "in two headers": (('"a";r=5;t=3', '"b";r=1;t=3'), "", [Allowance(None, 1, 3), Allowance(None, 5, 3)]),
    "twice the same": (('"a";r=5;t=3', '"a";r=5;t=3'), "", [Allowance(None, 5, 3)]),
    "twice, and they differ": (('"a";r=5;t=3', '"a";r=6;t=3'), "", []),
    "two that say the same": (('"a";r=5;t=3', '"b";r=5;t=3'), "", [Allowance(None, 5, 3)]),
    "two partitions": (
        ('"a";r=5;t=3;pk=:eA==:, "a";r=6;t=3;pk=:eQ==:',),
        "",
        [Allowance(None, 5, 3), Allowance(None, 6, 3)],
    ),
    "bytes": (('"bytes";r=5;t=3',), '"bytes";q=100;w=60;qu="content-bytes"', []),
    "at once": ((), '"places";q=100;qu="concurrent-requests";w=1', []),
    "requests, as it says": ((), '"default";q=100;w=60;qu="requests"', [Allowance(100, None, None, 60)]),
    "negative": (('"default";r=-5;t=30',), POLICY, [Allowance(100, None, 30, 60)]),
    "no numbers": (('"default";r=?1;t=:eA==:',), POLICY, [Allowance(100, None, None, 60)]),
    "nothing is left": (('"default";r=0',), '"default";q=100', []),
    "not closed": (('"default;r=50;t=30',), POLICY, [Allowance(100, None, None, 60)]),
    "2023": (("limit=100, remaining=50, reset=30",), "100;w=60", [Allowance(100, 50, 30, 60)]),
    "2023, and it differs": (
        ("limit=100, remaining=50, reset=30, remaining=49",),
        "",
        [Allowance(100, None, 30)],
    ),
    "2023, another policy": (
        ("limit=100, remaining=50, reset=30",),
        "10;w=1",
        [Allowance(100, 50, 30), Allowance(10, None, None, 1)],
    ),
    "two windows of one limit": (
        ("limit=100, remaining=50, reset=30",),
        "100;w=60, 100;w=3600",
        [Allowance(100, None, None, 3600), Allowance(100, 50, 30), Allowance(100, None, None, 60)],
    ),
    "many members": (tuple([f'"{n}";r={n}' for n in range(1, 99)]), "", MOST_MEMBERS),
    "commas alone": ((",;,;,",), ",,", []),
}
"""The headers `RateLimit`, `RateLimit-Policy`, and what is believed of them, or of how many something is."""


@one_test
@pytest.mark.parametrize(("states", "policy", "believed"), NAMED.values(), ids=NAMED)
def test_the_headers_of_the_draft(
    states: tuple[str, ...], policy: str, believed: list[Allowance] | int
) -> None:
    said = read(*[("RateLimit", state) for state in states], ("RateLimit-Policy", policy))
    assert (len(said) if isinstance(believed, int) else [*said]) == believed


def test_the_moment_is_counted_from_the_answers_own_clock() -> None:
    """The clock of this machine is three days off."""
    dated = [("Date", formatdate(NOW, usegmt=True)), *x(reset=f"{NOW + 30:.0f}")]
    assert read(*dated, now=NOW + 3 * 86_400) == (HALF,)
    assert read(("Date", "yesterday"), *x(reset=f"{NOW + 30:.0f}")) == (HALF,)
    assert read(("Date", formatdate(NOW - 9, usegmt=True)), *x()) == (HALF,)


def test_the_one_that_binds_soonest_is_first() -> None:
    """By the pace with which what is left lasts; what says of no pace is last."""
    order = [
        Allowance(1000, 0, 5, 60),
        Allowance(1000, 1, 10, 60),
        Allowance(None, 12, None, 60),
        Allowance(30, None, 100, 60),
        Allowance(30, None, 20),
        Allowance(1000, 1),
        Allowance(1000),
    ]
    assert [each.pace for each in order] == [0.0, 0.1, 0.2, 0.5, 1.5, math.inf, math.inf]


def test_a_head_that_is_long_and_broken_takes_no_time() -> None:
    """Each quote could be the first of a text without end: to look for the end of each took seconds."""
    quotes = [("RateLimit", '"' + '\\"' * 499), *[("RateLimit", '\\"' * 500)] * 40]
    dates = [("X-RateLimit-Reset", ",".join(["a1"] * 300))] * 3_000
    began = time.process_time()
    assert read(*quotes, *dates) == ()
    assert time.process_time() - began < 1.0


HOSTILE = st.one_of(
    st.text(),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
    st.sampled_from(
        ["0", "1", "60", f"{NOW:.0f}", "1e400", "9" * 400, "-1", "nan", "٣", '"', '"a";r=1;t=1', "5/4"]
    ),
    st.text('"\\,;=rtqwpk0159 /-:.'),
)


@given(st.lists(st.tuples(st.sampled_from([*READ, "date"]), HOSTILE)), st.floats(allow_nan=False))
@example(
    [("x-ratelimit-limit", "1"), ("x-ratelimit-reset", "1"), ("date", "Mon, 01 Jan 0001 00:00:00 +2359")], NOW
)
def test_whatever_an_answer_says_stays_within_bounds(headers: list[tuple[str, str]], now: float) -> None:
    """Nothing raises, every number is within its bounds, and no limiter waits for what has no end."""
    for each in allowances(tuple(headers), now=now):
        assert each.limit is None or 0 < each.limit <= MOST
        assert each.remaining is None or 0 <= each.remaining <= (each.limit or MOST)
        assert all(span is None or 0 < span <= FARTHEST for span in (each.reset, each.window))
        assert each.pace > 0 or each.reset or each.window
