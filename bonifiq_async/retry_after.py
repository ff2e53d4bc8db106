"""Decisions: how long a provider asks to wait (RFC 9110, section 10.2.3)."""

import re
from collections.abc import Iterable
from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST = 1e9
"""Seconds, thirty years, that are read at the most: what is longer fits no clock."""

_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


def retry_after(
    values: Iterable[str], *, milliseconds: Iterable[str] = (), date: str | None = None, now: float
) -> float | None:
    """Return the seconds to wait, or None when nobody asked in a form that can be understood.

    `values` are the Retry-After headers (seconds, or an HTTP date), `milliseconds` the
    `retry-after-ms` ones, which are the finer and win. Several of a kind: the longest counts, so that
    nobody sends earlier than asked. An HTTP date is counted from the answer's own `date` header where
    it can be read (the two clocks may differ), else from `now`, in seconds since the epoch. A date in
    the past is no wait at all; one of more than `LONGEST` seconds is cut.
    """
    fine = [float(text) / 1000 for text in _split(milliseconds) if _SECONDS.fullmatch(text)]
    if fine:
        return min(max(fine), LONGEST)
    answered = _epoch(date) if date is not None else None
    reference = now if answered is None else answered
    waits = [wait for value in _split(values) if (wait := _wait(value, reference)) is not None]
    return min(max(waits), LONGEST) if waits else None


def _wait(value: str, reference: float) -> float | None:
    if _SECONDS.fullmatch(value):
        return float(value)
    at = _epoch(value)
    return None if at is None else max(0.0, at - reference)


def _split(values: Iterable[str]) -> Iterable[str]:
    """Undo what proxies do to repeated headers: join them with commas, which dates have in them, too."""
    for value in values:
        weekday = ""
        for part in value.split(","):
            if part.strip().isalpha():
                weekday = part + ","
            else:
                yield (weekday + part).strip()
                weekday = ""


def _epoch(value: str) -> float | None:
    """Read an HTTP date in any of its three forms (RFC 9110, section 5.6.7), in seconds since the epoch."""
    if not any(char.isalpha() for char in value):
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
