"""What is said where FastStream is missing; the body of a message as it came."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from bonifiq_async._log import logger
from bonifiq_async._model.errors import ConfigurationError

if TYPE_CHECKING:
    from faststream.message import StreamMessage

AHEAD = 4
"""Events that are taken from the broker for each change that may be in flight: several of one customer wait
for each other, and others must be there to go on with."""


@contextmanager
def needs(extra: str) -> Iterator[None]:
    """Say which extra is missing where an import within fails. Raises `ConfigurationError`."""
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"bonifiq_async.faststream.{extra} cannot import {error.name}. Nothing was sent; install the "
            f"extra: pip install 'bonifiq-async[{extra}]'."
        ) from error


async def undecoded(message: "StreamMessage[object]") -> object:
    """Decode nothing: the consumer reads the body, and puts aside what cannot be read.

    FastStream's own decoder raises before a handler is called, so that a poison event would stay for ever.
    """
    return message.body


async def beat(sign: Callable[[], Awaitable[object]], seconds: float) -> None:
    """Call `sign` every so many seconds, so that the broker knows that events are held."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await sign()
        except Exception as error:  # noqa: BLE001 - the broker is away: the ledger answers what comes twice
            logger.warning("no sign of life reached the broker: %s", error)


@asynccontextmanager
async def beating(sign: Callable[[], Awaitable[object]], seconds: float) -> AsyncIterator[None]:
    """Give signs of life within."""
    heart = asyncio.create_task(beat(sign, seconds))
    try:
        yield
    finally:
        heart.cancel()
