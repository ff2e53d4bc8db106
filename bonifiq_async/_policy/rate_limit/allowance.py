"""How many requests a provider allows, and until when, by what the head of an answer says of it.

It is read from good answers too, so that a batch knows before it is refused. Sources:
draft-ietf-httpapi-ratelimit-headers in its forms of 2021 to 2026 (`RateLimit` and `RateLimit-Policy`; before
them `RateLimit-Limit`, `-Remaining` and `-Reset`), and the `X-RateLimit-*` of gateways and providers, which
no document defines. See docs/explanation/rate-limit-headers.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from bonifiq_async._model.evidence import Headers, values_of
from bonifiq_async._model.values import fixed
from bonifiq_async._policy.rate_limit.fields import FARTHEST, MOST_MEMBERS, agreed, members, number, until
from bonifiq_async._policy.retry_after import epoch_of, single_values

MOST = 1e9
"""Requests; a number above it limits nothing."""
ROUNDING = 1.0
"""Seconds by which two statements of one moment may differ: most are rounded to whole seconds."""
LONGEST_TEXT = 1_000
"""Characters of a header that is read."""

UNITS: Mapping[str, float] = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3_600.0,
    "day": 86_400.0,
    "month": 2_678_400.0,
    "year": 31_622_400.0,
}
"""Seconds of the windows that a header can have in its name; of a month or a year the longest."""
FAMILIES, ROLES = ("ratelimit", "x-ratelimit", "x-rate-limit"), ("limit", "remaining", "reset", "reset-after")
READ: Mapping[str, tuple[str, str]] = {
    "ratelimit": ("ratelimit", "state"),
    "ratelimit-policy": ("ratelimit", "policy"),
    **{f"{family}-{role}": (family, role) for family in FAMILIES for role in ROLES},
    "x-rate-limit": ("x-rate-limit", "limit"),
    **{f"x-ratelimit-{role}-{unit}": (unit, role) for unit in UNITS for role in ROLES[:2]},
    "x-shopify-shop-api-call-limit": ("shopify", "used/limit"),
}
"""The headers that are read: of each, what it belongs to, and which part of that it says."""
NUMBERS = (*ROLES, "used/limit")
"""The parts that say one number each."""
REQUESTS = ("request", "requests")
"""The units of a quota of requests; others count bytes, or what is in flight at once."""


@fixed
class Allowance:
    """What one limit of a provider allows; None for what was not said, or cannot be believed.

    In each `window` of so many seconds `limit` requests, of which `remaining` are left until `reset` seconds
    after the answer. Every number is finite, at most `MOST` requests or `FARTHEST` seconds, and above 0.
    `remaining` alone may be 0, and then it is known until when. A `reset` far ahead may have been meant in
    another unit: a request is worth a try long before it.
    """

    limit: float | None = None
    remaining: float | None = None
    reset: float | None = None
    window: float | None = None

    @property
    def pace(self) -> float:
        """Requests a second with which what is left lasts until there is more; infinity if not known."""
        if self.remaining is None:
            amount, span = self.limit, self.window or self.reset
        else:
            amount, span = self.remaining, self.reset or self.window
        return float("inf") if amount is None or span is None else amount / span

    def says_no_more_than(self, other: "Allowance") -> bool:
        """Say whether everything that this one says is said by `other`, too."""
        return (
            self.limit in (None, other.limit)
            and self.remaining in (None, other.remaining)
            and self.reset in (None, other.reset)
            and self.window in (None, other.window)
        )


@fixed
class _Policy:
    """A limit and its window, known by its name, else by its limit; `counted`: it is of requests."""

    name: str | None = None
    limit: float | None = None
    window: float | None = None
    counted: bool = True


@fixed
class _State:
    """What is left of a limit, as it was said: nothing of it is believed yet."""

    name: str | None
    limit: float | None
    remaining: float | None
    reset: float | None
    window: float | None = None


def allowances(headers: Headers, *, now: float) -> tuple[Allowance, ...]:
    """Return what the head of an answer says of the provider's limits; the one that binds soonest is first.

    A moment is counted from the answer's own `date` where that can be read (the two clocks may differ), else
    from `now`, in seconds since the epoch. Nothing raises. A header that stands twice, and says two things,
    says nothing.
    """
    said: dict[str, dict[str, list[str]]] = {}
    for name, value in headers:
        if (key := name.lower()) in READ and len(value) <= LONGEST_TEXT:
            group, part = READ[key]
            said.setdefault(group, {}).setdefault(part, []).append(value)
    if not said:
        return ()
    dates = values_of("date", headers)
    answered = epoch_of(dates[0]) if dates else None
    reference = now if answered is None else answered
    states: list[_State] = []
    policies: list[_Policy] = []
    for group, parts in said.items():
        if "state" in parts:
            states += _by_name(parts["state"], reference)
        if any(part in parts for part in NUMBERS):
            states.append(_by_header(group, parts, reference))
        for part in ("policy", "limit"):
            if part in parts:
                policies += _policies(parts[part])
    found = [each for each in _joined(states, policies) if each is not None]
    return tuple(found) if len(found) < 2 else tuple(sorted(_distinct(found), key=lambda each: each.pace))


def _distinct(found: Sequence[Allowance]) -> list[Allowance]:
    """Return those that say something that no other says."""
    distinct: list[Allowance] = []
    for each in found:
        if each not in distinct and not any(
            each.says_no_more_than(other) for other in found if each != other
        ):
            distinct.append(each)
    return distinct


def _joined(states: Sequence[_State], policies: Sequence[_Policy]) -> Iterator[Allowance | None]:
    """Yield each state together with its policy, then each policy."""
    for state in states:
        own = [each for each in policies if _is_of(each, state)]
        if not all(each.counted for each in own):
            continue
        policy = own[0] if own and all(each == own[0] for each in own) else _Policy()
        limit = policy.limit if state.limit is None else state.limit
        window = policy.window if state.window is None else state.window
        yield _believed(limit, state.remaining, state.reset, window)
    for each in policies:
        yield _believed(each.limit, None, None, each.window) if each.counted else None


def _is_of(policy: _Policy, state: _State) -> bool:
    if state.name is not None:
        return policy.name == state.name
    return policy.counted and policy.limit == state.limit


def _believed(
    limit: float | None, remaining: float | None, reset: float | None, window: float | None
) -> Allowance | None:
    """Return what can be believed; None where that says of no rate, and of nothing that is left."""
    limit = limit if limit is not None and 0 < limit <= MOST else None
    window = window if window is not None and 0 < window <= FARTHEST else None
    farthest = FARTHEST if window is None else min(FARTHEST, window + ROUNDING)
    reset = reset if reset is not None and 0 < reset <= farthest else None
    ends = reset is not None or window is not None
    if remaining is not None and (remaining > (limit or MOST) or (remaining == 0 and not ends)):
        remaining = None
    if remaining is None and (limit is None or not ends):
        return None
    return Allowance(limit, remaining, reset, window)


def _by_header(group: str, parts: Mapping[str, Sequence[str]], reference: float) -> _State:
    """Read the headers that say one number each."""
    limits = members(parts.get("limit", ()))
    plain = [item for item, more in limits if not _window(more)] or [item for item, _ in limits]
    limit = agreed([number(item) for item in plain])
    remaining = agreed([number(item) for item, _ in members(parts.get("remaining", ()))])
    if "used/limit" in parts:
        used, _, most = ",".join(parts["used/limit"]).partition("/")
        limit, taken = number(most), number(used)
        remaining = None if limit is None or taken is None or taken > limit else limit - taken
    resets = [until(each, reference) for each in islice(single_values(parts.get("reset", ())), MOST_MEMBERS)]
    after = agreed([number(each) for each in single_values(parts.get("reset-after", ()))])
    return _State(
        None, limit, remaining, agreed(resets, ROUNDING) if after is None else after, UNITS.get(group)
    )


def _by_name(values: Iterable[str], reference: float) -> Iterator[_State]:
    """Read `"default";r=50;t=30`, and the form of 2023: `limit=100, remaining=50, reset=30`."""
    states: dict[tuple[str, str | None], list[_State]] = {}
    pairs: dict[str, list[str]] = {}
    for item, more in members(values):
        key, equals, value = item.partition("=")
        if equals and "r" not in more:
            pairs.setdefault(key.strip(), []).append(value.strip())
        else:
            state = _State(item, None, number(more.get("r")), until(more.get("t", ""), reference))
            states.setdefault((item, more.get("pk")), []).append(state)
    if pairs:
        limit, remaining = (agreed([number(each) for each in pairs.get(key, ())]) for key in ROLES[:2])
        resets = [until(each, reference) for each in pairs.get("reset", ())]
        yield _State(None, limit, remaining, agreed(resets, ROUNDING))
    for same in states.values():
        if all(each == same[0] for each in same):
            yield same[0]


def _policies(values: Iterable[str]) -> Iterator[_Policy]:
    """Read `"default";q=100;w=60`, and the form before it: `100;w=60`."""
    for item, more in members(values):
        limit, window = number(item), _window(more)
        if limit is not None and window is not None:
            yield _Policy(None, limit, number(window))
        elif (quota := number(more.get("q"))) is not None:
            yield _Policy(item, quota, number(window), more.get("qu", "requests") in REQUESTS)


def _window(more: Mapping[str, str]) -> str | None:
    return more.get("w", more.get("window"))
