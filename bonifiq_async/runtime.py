"""Input/output: the clock, the sleep and the random source, in one place so that tests can replace them."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from attrs import frozen


@frozen
class Runtime:
    """What a client takes from its surroundings.

    `monotonic` (seconds) measures durations; `wall` (seconds since the epoch) reads dates;
    `sleep` waits seconds; `random` gives numbers from 0 up to 1.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random
