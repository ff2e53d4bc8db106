"""How long a provider asks to wait (RFC 9110, section 10.2.3), and how an error says it."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bonifiq_async._model.evidence import Headers, values_of
from bonifiq_async._model.values import fixed

SECONDS_OR_DATE = "retry-after"
"""The header of RFC 9110, section 10.2.3."""
MILLISECONDS = "retry-after-ms"
"""A variant that some gateways send."""
LONGEST = 1e9
"""Seconds, thirty years, that are read at the most: what is longer fits no clock."""
FIRST_MOMENT = 1e9
"""Seconds since the epoch (September 2001) from which on a number can be a moment."""
BEHIND, AHEAD = 86_400.0, 366 * 86_400.0
"""Seconds before and after now within which a number that large is a moment: a day, for clocks that differ,
and a year. Taken for a duration it would be more than thirty years."""
IN_TENTHS = 10.0
"""Seconds up to which a wait is shown in tenths: one of 0 s would be no wait."""
IN_SECONDS = 3_600.0
"""Seconds up to which a wait is shown as a number; a longer one is shown by its end."""

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


@fixed
class AskedWait:
    """A wait of so many `seconds`, counted from the answer.

    `moment` is the number that was read as a moment, although the header allows only a duration or a date.
    """

    seconds: float
    moment: str | None = None


def asked_wait(status: int, headers: Headers, *, now: float) -> AskedWait | None:
    """Return the wait that an answer with this head asks for, None when it asks for none.

    A Retry-After is honoured with every status from 300 to 599 (RFC 9110, section 10.2.3). With a 2xx it
    says when to look again at what was begun (a 202), not that others are too many: no call is held.
    `now` is in seconds since the epoch, for a Retry-After that is a date.
    """
    if not 300 <= status <= 599:
        return None
    values, milliseconds = values_of(SECONDS_OR_DATE, headers), values_of(MILLISECONDS, headers)
    if not values and not milliseconds:
        return None
    date = values_of("date", headers)
    return retry_after(values, milliseconds=milliseconds, date=date[0] if date else None, now=now)


def retry_after(
    values: Iterable[str], *, milliseconds: Iterable[str] = (), date: str | None = None, now: float
) -> AskedWait | None:
    """Return the wait that is asked for, or None when there is none in a form that can be understood.

    `values` are the Retry-After headers (seconds, or an HTTP date), `milliseconds` the `retry-after-ms`
    ones. The longest of all counts, so that no request leaves earlier than asked. A date is counted from
    the answer's own `date` header where it can be read (the two clocks may differ), else from `now`, in
    seconds since the epoch; so is a number that can only be a moment, in seconds or milliseconds since the
    epoch. A moment in the past is no wait at all; one of more than `LONGEST` seconds is cut.
    """
    answered = epoch_of(date) if date is not None else None
    reference = now if answered is None else answered
    waits = [
        _number(text, 1000, reference) for text in single_values(milliseconds) if _SECONDS.fullmatch(text)
    ]
    waits += [wait for text in single_values(values) if (wait := _wait(text, reference)) is not None]
    return max(waits, key=lambda wait: wait.seconds, default=None)


def in_words(seconds: float, now: float) -> str:
    """Return a wait from `now` (seconds since the epoch) as a person reads it: `90 s`, or its end."""
    if 0 < seconds < IN_TENTHS:
        return f"{max(seconds, 0.1):.1f}".removesuffix(".0") + " s"
    if seconds < IN_SECONDS:
        return f"{seconds:,.0f} s"
    return f"until {datetime.fromtimestamp(now + min(seconds, LONGEST), UTC):%Y-%m-%d %H:%M} UTC"


def _wait(text: str, reference: float) -> AskedWait | None:
    if _SECONDS.fullmatch(text):
        return _number(text, 1, reference)
    at = epoch_of(text)
    return None if at is None else AskedWait(min(max(0.0, at - reference), LONGEST))


def _number(text: str, unit: int, reference: float) -> AskedWait:
    """Read a number of seconds divided by `unit`: a duration, unless only a moment can be meant."""
    number = min(float(text), LONGEST * 1e6) / unit
    for at in (number, number / 1000) if unit == 1 else (number,):
        if at >= FIRST_MOMENT and reference - BEHIND <= at <= reference + AHEAD:
            return AskedWait(max(0.0, at - reference), text)
    return AskedWait(min(number, LONGEST))


def single_values(values: Iterable[str]) -> Iterable[str]:
    """Undo what proxies do to repeated headers: join them with commas, which dates have in them, too."""
    for value in values:
        weekday = ""
        for part in value.split(","):
            if part.strip().isalpha():
                weekday = part + ","
            else:
                yield (weekday + part).strip()
                weekday = ""


def epoch_of(value: str) -> float | None:
    """Read an HTTP date in any of its three forms (RFC 9110, section 5.6.7), in seconds since the epoch."""
    if not any(char.isalpha() for char in value):
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
