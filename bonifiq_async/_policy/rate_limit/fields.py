"""The parts of headers on limits: lists with parameters, numbers, and moments in their common forms.

The lists are split here and not by a library for structured fields (RFC 9651): most of what providers send is
no structured field, and such a library has to refuse it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bonifiq_async._policy.retry_after import FIRST_MOMENT, epoch_of

FARTHEST = 366 * 86_400.0
"""Seconds of the longest window that is believed: a year."""
MOST_MEMBERS = 16
"""Members of a list that are read."""

_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_QUOTED = r'"(?:[^"\\]|\\.?)*+"?'  # one that is not closed ends with the text: no second look for its end
_MEMBER = re.compile(rf'(?:{_QUOTED}|[^",])+')
_PART = re.compile(rf'(?:{_QUOTED}|[^";])+')
_OFFSET = re.compile(r"\b(?:GMT|UTC)(?=[+-][0-9])", re.ASCII)
_SCALES = (1.0, 1e3, 1e6, 1e9)


def members(values: Iterable[str]) -> list[tuple[str, Mapping[str, str]]]:
    """Return the members of a list that may stand in several headers, each with its parameters.

    As in `100;w=60`, without the quotes around either. What is quoted stays whole.
    """
    whole = ",".join(values)
    if _NUMBER.fullmatch(whole):  # as most are
        return [(whole, {})]
    found: list[tuple[str, Mapping[str, str]]] = []
    for text in _MEMBER.findall(whole)[:MOST_MEMBERS]:
        item, *more = [part.strip() for part in _PART.findall(text)] or [""]
        pairs = [part.partition("=") for part in more]
        found.append((item.strip('"'), {key.strip(): value.strip(' "') for key, _, value in pairs}))
    return found


def number(text: str | None) -> float | None:
    """Return a number that is not negative; None where `text` is anything else."""
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None


def agreed(numbers: Sequence[float | None], within: float = 0.0) -> float | None:
    """Return the largest of numbers that differ by no more than `within`; None where one is missing."""
    known = [each for each in numbers if each is not None]
    if not known or len(known) < len(numbers) or max(known) - min(known) > within:
        return None
    return max(known)


def until(text: str, reference: float) -> float | None:
    """Return when a window ends, in seconds from `reference` (seconds since the epoch); below 0 if it has.

    It is a duration in seconds; a moment in seconds since the epoch, or in thousandths or less of them; or a
    date, as in RFC 3339, in HTTP or in JavaScript.
    """
    seconds = number(text)
    if seconds is None:
        at = _date(text)
        return None if at is None else at - reference
    if seconds < FIRST_MOMENT:
        return seconds
    ends = (seconds / scale - reference for scale in _SCALES)
    return next((end for end in ends if end <= FARTHEST), None)


def _date(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except ValueError:
        return epoch_of(_OFFSET.sub("", text))
