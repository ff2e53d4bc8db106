"""Silence of a server that lasts no real time: the client's clock goes forward once a request has arrived."""

import asyncio
from collections.abc import Iterable

from bonifiq_async.sandbox import Arrival, FaultScript, Meeting
from bonifiq_async.sandbox.faults import Act


def forward(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Let `seconds` pass at once for the timers of `loop`."""
    former = loop.time
    loop.time = lambda: former() + seconds  # type: ignore[method-assign]


class SilentScript(FaultScript):
    """A script under whose silence `seconds` pass at once in the loop that runs where it is made.

    The limit of an attempt can then be so long that it ends no other attempt on a busy machine.
    """

    def __init__(self, sequence: Iterable[str], seconds: float) -> None:
        super().__init__(sequence)
        self._client, self._seconds = asyncio.get_running_loop(), seconds

    def meet(self, arrival: Arrival) -> Meeting:
        """See `FaultScript.meet`."""
        met = super().meet(arrival)
        if met.fault is not None and met.fault.act is Act.SILENCE:
            # In a later step of the sandbox's loop: the change takes effect in this one.
            later = asyncio.get_running_loop().call_soon
            later(self._client.call_soon_threadsafe, forward, self._client, self._seconds)
        return met
