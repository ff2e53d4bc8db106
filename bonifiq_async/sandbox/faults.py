"""What can go wrong with a request, as a table, and which request meets which fault."""

import enum
import random
from collections import Counter, deque
from collections.abc import Iterable, Mapping

from attrs import frozen

from bonifiq_async.errors import ConfigurationError


class Act(enum.Enum):
    """What the server does to the connection or to the answer."""

    CLOSE_UNREAD = "accept the connection and close it without reading"
    CLOSE = "read the request and close (FIN)"
    RESET = "read the request and reset (RST)"
    HALF_HEAD = "send half a response head and close"
    HALF_BODY = "send a head and half a body and close"
    SILENCE = "read the request and never answer"
    SLOW = "answer late"
    STATUS = "answer with an error status"
    HTML = "answer 200 with a proxy's HTML page"


@frozen
class Fault:
    """One way to fail. `applies` says whether the request takes effect first."""

    act: Act
    applies: bool
    status: int = 200
    retry_after: str | None = None
    seconds: float = 0.0


def _both(name: str, act: Act, status: int = 200) -> dict[str, Fault]:
    return {f"{name}-before": Fault(act, False, status), f"{name}-after": Fault(act, True, status)}


FAULTS: Mapping[str, Fault] = {
    "close-unread": Fault(Act.CLOSE_UNREAD, False),
    **_both("close", Act.CLOSE),
    **_both("reset", Act.RESET),
    **_both("half-head", Act.HALF_HEAD),
    **_both("half-body", Act.HALF_BODY),
    **_both("silence", Act.SILENCE),
    "slow": Fault(Act.SLOW, True, seconds=0.05),
    "429": Fault(Act.STATUS, False, 429),
    "429-seconds": Fault(Act.STATUS, False, 429, retry_after="seconds"),
    "429-date": Fault(Act.STATUS, False, 429, retry_after="date"),
    "429-long": Fault(Act.STATUS, False, 429, retry_after="long"),
    "503-seconds": Fault(Act.STATUS, False, 503, retry_after="seconds"),
    **_both("500", Act.STATUS, status=500),
    **_both("502", Act.STATUS, status=502),
    **_both("503", Act.STATUS, status=503),
    **_both("504", Act.STATUS, status=504),
    "400": Fault(Act.STATUS, False, 400),
    "401": Fault(Act.STATUS, False, 401),
    "403": Fault(Act.STATUS, False, 403),
    "404": Fault(Act.STATUS, False, 404),
    "409": Fault(Act.STATUS, False, 409),
    "422": Fault(Act.STATUS, False, 422),
    **_both("html", Act.HTML),
}
"""Every fault by name. `-before` fails without an effect, `-after` once the effect is in the books."""

TRANSIENT = tuple(
    name
    for name, fault in FAULTS.items()
    if fault.act not in (Act.SLOW, Act.HTML, Act.SILENCE)
    and (fault.act is not Act.STATUS or fault.status in (429, 500, 502, 503, 504))
    and fault.retry_after is None
)
"""The faults that a repeat can cure, without those that take long; the usual choice for chance."""


class FaultScript:
    """Decides for each request whether it fails, and how: an exact sequence first, then chance.

    `sequence` names faults for the requests in order of arrival ("" leaves one alone). After it, each
    request fails with probability `rate`, drawn with `seed` from `among`. `seconds` is what a
    Retry-After asks for. Raises `ConfigurationError` for a name that is not in `FAULTS`.
    """

    def __init__(
        self,
        sequence: Iterable[str] = (),
        *,
        rate: float = 0.0,
        seed: int = 0,
        among: Iterable[str] = TRANSIENT,
        seconds: int = 1,
    ) -> None:
        self._sequence = deque(sequence)
        self._among = tuple(among)
        unknown = sorted({*self._sequence, *self._among} - {*FAULTS, ""})
        if unknown:
            raise ConfigurationError(
                f"No fault is called {', '.join(unknown)}; there are: {', '.join(FAULTS)}."
            )
        self._rate = rate
        self._random = random.Random(seed)
        self.seconds = seconds
        self.met: Counter[str] = Counter()

    @property
    def left(self) -> tuple[str, ...]:
        """The part of the sequence that no request has met yet."""
        return tuple(self._sequence)

    @property
    def next_in_sequence(self) -> str:
        """The fault that the sequence holds for the next request, "" if none."""
        return self._sequence[0] if self._sequence else ""

    def draw(self) -> Fault | None:
        """Return the fault of the next request, None if it goes well."""
        if self._sequence:
            name = self._sequence.popleft()
        elif self._rate and self._random.random() < self._rate:
            name = self._random.choice(self._among)
        else:
            return None
        if not name:
            return None
        self.met[name] += 1
        return FAULTS[name]
