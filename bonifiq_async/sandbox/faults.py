"""What can go wrong with a request, as a table."""

import enum
from collections.abc import Iterable, Mapping

from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError


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


def known(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` if each is in `FAULTS`, else raise `ConfigurationError`."""
    given = tuple(names)
    unknown = sorted({*given} - {*FAULTS})
    if unknown:
        raise ConfigurationError(f"No fault is called {', '.join(unknown)}; there are: {', '.join(FAULTS)}.")
    return given
