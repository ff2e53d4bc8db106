"""What a provider takes and how long it thinks: latency, limits, outages, and for how long it knows a key.

Frozen values that are asked with numbers: no clock and no random source inside.
"""

from attrs import define, field, frozen, validators

from bonifiq_async._model import validation
from bonifiq_async.sandbox.faults import known
from bonifiq_async.sandbox.rules import wait


@frozen
class Latency:
    """Answers take `seconds`, and up to `jitter` seconds more.

    Beyond `at_once` requests at once all take longer in proportion, so that no more are done in a second.
    """

    seconds: float = field(default=0.0, validator=validation.limit)
    jitter: float = field(default=0.0, validator=validation.limit)
    at_once: int | None = field(default=None, validator=validators.optional(validation.count))

    def of(self, at_once: int, chance: float) -> float:
        """Return the seconds of an answer while `at_once` are being served; `chance` is from 0 up to 1."""
        crowd = 1.0 if self.at_once is None else max(1.0, at_once / self.at_once)
        return (self.seconds + self.jitter * chance) * crowd


@frozen
class Limit:
    """At most `per_second` requests a second, with `burst` seconds' worth saved up; 429 beyond.

    At most `at_once` requests at once; 503 beyond. `retry_after` is what the 429 asks for, in seconds.
    """

    per_second: float | None = field(default=None, validator=validators.optional(validation.setting))
    burst: float = field(default=1.0, validator=validation.setting)
    retry_after: int = field(default=1, validator=wait)
    at_once: int | None = field(default=None, validator=validators.optional(validation.count))


@define
class Bucket:
    """The requests that a `Limit` still takes, at a moment in seconds."""

    limit: Limit
    _tokens: float | None = None
    _last: float = 0.0

    def take(self, now: float) -> bool:
        """Take a request, and say whether there was one to take."""
        rate = self.limit.per_second
        if rate is None:
            return True
        full = max(1.0, rate * self.limit.burst)
        before = full if self._tokens is None else self._tokens
        self._tokens, self._last = min(full, before + (now - self._last) * rate), now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _fault(name: object) -> str:
    return known([str(name)])[0]


@frozen
class Outage:
    """Every request meets `fault` from `begins` for `lasts` seconds, counted from the first request."""

    begins: float = field(validator=validation.limit)
    lasts: float = field(validator=validation.setting)
    fault: str = field(default="503-before", converter=_fault)

    def covers(self, elapsed: float) -> bool:
        """Say whether it lasts `elapsed` seconds after the first request."""
        return self.begins <= elapsed < self.begins + self.lasts


@frozen
class Retention:
    """A used key is forgotten after `seconds`, or after so many further `requests`; by default never."""

    seconds: float | None = field(default=None, validator=validators.optional(validation.setting))
    requests: int | None = field(default=None, validator=validators.optional(validation.count))

    def remembers(self, seconds: float, requests: int) -> bool:
        """Say whether a key is known so many seconds and requests after it was used."""
        return (self.seconds is None or seconds < self.seconds) and (
            self.requests is None or requests <= self.requests
        )
