"""The virtual clock under its documented name: `from bonifiq_async.virtual_time import VirtualClock`.

    clock = VirtualClock()
    client = BonifiQClient(credentials, runtime=clock.runtime)

Waits of the client then pass at once, in the order in which they would have ended. `EPOCH` is what its wall
clock shows at its monotonic time 0; after `QUIET` turns of the loop without a new wait, it moves on.

The clock itself, and the rest of what is for tests of programs that use this library, is in
`bonifiq_async.testing`.
"""

from bonifiq_async.testing.virtual_time import EPOCH, QUIET, VirtualClock

__all__ = ["EPOCH", "QUIET", "VirtualClock"]
