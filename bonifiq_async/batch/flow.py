"""How many changes are in flight, how many requests leave in a second, and when a run gives up.

The pace is kept as by the GCRA (ITU-T I.371). See docs/explanation/adaptive-limit.md.
"""

from attrs import field, frozen, validators

from bonifiq_async._model import validation
from bonifiq_async._model.values import public


@public
@frozen
class FlowControl:
    """At most `max_in_flight` changes at once; with `max_rate`, at most so many requests in a second.

    The number in flight begins at `initial` and adapts to what the provider takes, between 1 and
    `max_in_flight`; the client's pool (`PoolLimits.connections`) is a second limit. When nothing succeeds
    for `give_up_after` seconds in which it is tried, the run stops; after `give_up_at_start`, if that is set,
    where nothing has ever succeeded and every try fails in one way: then a setting is probably wrong.
    """

    max_in_flight: int = field(default=256, validator=validation.count)
    initial: int = field(default=8, validator=validation.count)
    max_rate: float | None = field(default=None, validator=validators.optional(validation.setting))
    give_up_after: float = field(default=900.0, validator=validation.setting)
    give_up_at_start: float | None = field(default=None, validator=validators.optional(validation.setting))


@public
@frozen
class FlowState:
    """What is going on in a run.

    `in_flight` requests of at most `limit`; `rate` is the pace in force, requests a second, if there is
    one. `held` are the seconds that the provider still asks to wait. `failing` are the seconds for which
    nothing has succeeded though it was tried, once these are some; `paused` the same in an outage, in which
    only probes go out; else None. `waiting` changes failed, and wait to be sent again. While nothing
    succeeds, `cause` says in words why the last try failed, and `status` is that of its answer, if there was
    one; `alike` says that all tries since the last success failed so. `next_try` are the seconds until the
    next one, None where something is on its way. `kind` is the kind of limit that was found, in words, and
    `known_for` the seconds since then.
    """

    in_flight: int
    limit: int
    rate: float | None
    held: float
    paused: float | None
    failing: float | None = None
    waiting: int = 0
    cause: str | None = None
    status: int | None = None
    alike: bool = False
    next_try: float | None = None
    kind: str | None = None
    known_for: float | None = None


class Pacer:
    """Gives every request its own moment, and never lets more than the rate through in a second.

    A moment that was missed, because the machine was busy, is made up for within `SLACK`.
    """

    SLACK = 0.02
    """Seconds."""

    def __init__(self, max_rate: float | None) -> None:
        self._own = float("inf") if max_rate is None else max_rate
        self._next = float("-inf")

    def wait(self, now: float) -> float:
        """Return the seconds until the next request may leave."""
        return self._next - now if self._next > now else 0.0

    def took(self, now: float, pace: float, *, even: bool = False) -> None:
        """Note that a request leaves now, while the provider takes `pace` in a second, evenly or not."""
        since = self._next if not even and now - self._next <= self.SLACK else now
        self._next = since + 1 / (pace if pace < self._own else self._own)

    def follows(self, pace: float) -> bool:
        """Say whether it is `pace` that keeps requests waiting, and not the rate that was set."""
        return pace < self._own

    def rate(self, pace: float) -> float | None:
        """Return the rate in force."""
        rate = min(self._own, pace)
        return None if rate == float("inf") else rate
