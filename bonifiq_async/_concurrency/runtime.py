"""The clock, the sleep and the random source, in one place so that tests can replace them."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from attrs import field, frozen

from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.values import public


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs here; raises `no_loop` where none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise no_loop() from None


def no_loop() -> ConfigurationError:
    """Return what is raised where no event loop of asyncio runs, as under trio."""
    return ConfigurationError(
        "No event loop of asyncio runs here. Nothing was sent; this library needs asyncio: asyncio.run, or "
        "anyio with asyncio as its backend, and not trio."
    )


@public
@frozen
class Runtime:
    """What a client takes from its surroundings.

    `monotonic` (seconds) measures durations; `wall` (seconds since the epoch) reads dates;
    `sleep` waits seconds and is awaited; `random` gives numbers from 0 up to 1. Raises `ConfigurationError`
    for another kind of callback.
    """

    monotonic: Callable[[], float] = field(default=time.monotonic, validator=validation.callback())
    wall: Callable[[], float] = field(default=time.time, validator=validation.callback())
    sleep: Callable[[float], Awaitable[None]] = field(
        default=asyncio.sleep, validator=validation.callback(1.0, awaited=True)
    )
    random: Callable[[], float] = field(default=random.random, validator=validation.callback())
