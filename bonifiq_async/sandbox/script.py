"""The script of a sandbox: what each request meets."""

import random
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Self, TypeVar

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.sandbox.capacity import Bucket, Latency, Limit, Outage, Retention
from bonifiq_async.sandbox.faults import FAULTS, TRANSIENT, Act, Fault
from bonifiq_async.sandbox.rules import Arrival, Chosen, Meeting, Rule

T = TypeVar("T")
RATE_LIMIT, AT_ONCE = "rate limit", "at once"
"""The names under which requests beyond a limit are counted."""
_BEYOND = {
    RATE_LIMIT: Fault(Act.STATUS, False, 429, retry_after="seconds"),
    AT_ONCE: Fault(Act.STATUS, False, 503),
}


def _all(kind: type[T], values: Iterable[T], name: str) -> tuple[T, ...]:
    """Return `values` if each is of a kind, else raise `ConfigurationError`."""
    if not isinstance(values, Iterable):
        raise ConfigurationError(f"{name} must be a list, not {values!r}.")
    given = tuple(values)
    for value in given:
        if not isinstance(value, kind):
            raise ConfigurationError(f"{name} must be made with {kind.__name__}(...), not {value!r}.")
    return given


class FaultScript:
    """Decides for each request whether it fails, and how.

    The first of these that has a word on a request decides it: `sequence` names faults for the requests in
    order of arrival ("" leaves one alone); then `outages`; what is beyond `limit`; the first of `rules`
    that fits; and chance: each request fails with probability `rate`, drawn with `seed` from `among`.
    `seconds` is what a Retry-After asks for. `latency` delays every answer, `retention` says for how long
    a used key is known. Raises `ConfigurationError` for a name that is not in `FAULTS`, and for a setting
    that cannot be meant.
    """

    def __init__(
        self,
        sequence: Iterable[str] = (),
        *,
        rate: float = 0.0,
        seed: int = 0,
        among: Iterable[str] = TRANSIENT,
        seconds: int = 1,
        rules: Iterable[Rule] = (),
        latency: Latency = Latency(),
        limit: Limit = Limit(),
        outages: Iterable[Outage] = (),
        retention: Retention = Retention(),
    ) -> None:
        chosen = Chosen(seed, rate, among, seconds, sequence)
        self._sequence, self._among = deque(chosen.sequence), chosen.among
        self._rate, self.seconds = chosen.rate, chosen.seconds
        self._random = random.Random(seed)
        self._outages = _all(Outage, outages, "outages")
        self._rules = _all(Rule, rules, "rules")
        _all(Latency, (latency,), "latency")
        _all(Limit, (limit,), "limit")
        _all(Retention, (retention,), "retention")
        # Each has a source of its own, so that one more rule does not change what the others draw.
        self._chances = [random.Random(f"{seed} rule {at}") for at in range(len(self._rules))]
        self._struck: list[Counter[str | None]] = [Counter() for _ in self._rules]
        self._latency, self._lateness = latency, random.Random(f"{seed} latency")
        self._limit, self._bucket = limit, Bucket(limit)
        self.retention = retention
        self.met: Counter[str] = Counter()

    @classmethod
    def from_toml(cls, source: str | Path) -> Self:
        """Read a script from the file at a `Path`, or from a text in TOML.

        Raises `ConfigurationError`, which names the line.
        """
        from bonifiq_async.sandbox.script_file import parts_of

        return cls(**parts_of(source))

    @classmethod
    def from_file(cls, path: Path) -> "FaultScript":
        """Read a script from a `.toml` file, or take the name `script` of a `.py` file, which is run.

        Raises `ConfigurationError`, which names the line.
        """
        if path.suffix != ".py":
            return cls.from_toml(path)
        from bonifiq_async.sandbox.script_file import script_in

        script = script_in(path)
        if not isinstance(script, FaultScript):
            raise ConfigurationError(
                f"{path} gives the name script to no FaultScript. Nothing was started; write "
                "script = FaultScript(...) there."
            )
        return script

    @property
    def left(self) -> tuple[str, ...]:
        """The part of the sequence that no request has met yet."""
        return tuple(self._sequence)

    @property
    def next_in_sequence(self) -> str:
        """The fault that the sequence holds for the next request, "" if none."""
        return self._sequence[0] if self._sequence else ""

    def draw(self) -> Fault | None:
        """Return the next fault of the sequence, or of chance after it; None if the request goes well."""
        if self._sequence:
            return self._noted(self._sequence.popleft())
        if self._rate and self._random.random() < self._rate:
            return self._noted(self._random.choice(self._among))
        return None

    def meet(self, arrival: Arrival) -> Meeting:
        """Return what a request meets."""
        late = self._latency.of(arrival.at_once, self._lateness.random())
        if self._sequence:
            return self._meeting(self._sequence.popleft(), late)
        for outage in self._outages:
            if outage.covers(arrival.elapsed):
                return self._meeting(outage.fault, late)
        beyond = self._beyond(arrival)
        if beyond:
            return self._meeting(beyond, 0.0, self._limit.retry_after)
        for at, rule in enumerate(self._rules):
            name = self._struck_by(at, rule, arrival)
            if name:
                return self._meeting(name, late, rule.retry_after)
        if self._rate and self._random.random() < self._rate:
            return self._meeting(self._random.choice(self._among), late)
        return Meeting(late=late)

    def _beyond(self, arrival: Arrival) -> str:
        """Return which limit a request is beyond, "" if none."""
        if self._limit.at_once is not None and arrival.at_once > self._limit.at_once:
            return AT_ONCE
        return "" if self._bucket.take(arrival.elapsed) else RATE_LIMIT

    def _struck_by(self, at: int, rule: Rule, arrival: Arrival) -> str:
        """Return the fault that a rule has for a request, "" if it does not fit."""
        struck = self._struck[at]
        if not rule.fits(
            arrival, self._chances[at].random(), struck=struck.total(), struck_key=struck[arrival.key]
        ):
            return ""
        struck[arrival.key] += 1
        return self._chances[at].choice(rule.fault)

    def _meeting(self, name: str, late: float, retry_after: int | None = None) -> Meeting:
        return Meeting(self._noted(name), name, late, self.seconds if retry_after is None else retry_after)

    def _noted(self, name: str) -> Fault | None:
        if not name:
            return None
        self.met[name] += 1
        return _BEYOND[name] if name in _BEYOND else FAULTS[name]
