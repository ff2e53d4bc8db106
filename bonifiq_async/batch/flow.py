"""How many changes are in flight, and how many start in a second."""

from attrs import field, frozen, validators

from bonifiq_async import door
from bonifiq_async.runtime import Runtime


@frozen
class FlowControl:
    """At most `max_in_flight` changes at once; with `max_rate`, at most so many begin in a second.

    The client's pool is a second limit: `PoolLimits.connections` requests at once.
    """

    max_in_flight: int = field(default=256, validator=door.count)
    max_rate: float | None = field(default=None, validator=validators.optional(door.setting))


class Pacer:
    """Gives every change its own moment, first come first served, and never two closer than the rate."""

    def __init__(self, max_rate: float | None, runtime: Runtime) -> None:
        self._interval = 0.0 if max_rate is None else 1 / max_rate
        self._runtime = runtime
        self._next = float("-inf")

    async def turn(self) -> None:
        """Wait for the next free moment."""
        if not self._interval:
            return
        now = self._runtime.monotonic()
        moment = max(now, self._next)
        self._next = moment + self._interval
        if moment > now:
            await self._runtime.sleep(moment - now)
