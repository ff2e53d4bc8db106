"""What is said where FastStream is missing; the body of a message as it came; events begun in their order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from bonifiq_async._log import logger
from bonifiq_async._model.errors import ConfigurationError

if TYPE_CHECKING:
    from faststream.message import StreamMessage

AHEAD = 4
"""Events that are taken from the broker for each change that may be in flight: several of one customer wait
for each other, and others must be there to go on with."""


class InOrder:
    """Settles many events at once, begun in the order in which their handler is called.

    FastStream's own workers (`max_workers`) may begin events in another order than they came in. There are
    `AHEAD` permits for each change that may be in flight, of which there are `width`; `follow` is given the
    task of each event.
    """

    def __init__(self, width: int, follow: "Callable[[asyncio.Task[object]], None]") -> None:
        self._follow = follow
        self._permits = asyncio.Semaphore(AHEAD * width)

    async def begin(self, settle: Callable[[], Coroutine[object, object, object]]) -> None:
        """Begin to settle an event when there is a permit for it."""
        await self._permits.acquire()
        task = asyncio.create_task(settle())
        task.add_done_callback(self._ended)
        self._follow(task)

    def _ended(self, task: "asyncio.Task[object]") -> None:
        self._permits.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("an event was not acknowledged, and comes again: %s", error)


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
    """Decode nothing: a handler gets the message, and the consumer reads its body, or puts it aside.

    FastStream's own decoder raises before a handler is called, so that a poison event would stay for ever.
    Its context, which gives a handler the message, asks a pool of threads: messages overtake there.
    """
    return message


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
