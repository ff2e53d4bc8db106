"""What is said where FastStream is missing; bodies as they came; events in order; signs of life."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from bonifiq_async._log import logger
from bonifiq_async._model.errors import ConfigurationError

if TYPE_CHECKING:
    from faststream.message import StreamMessage

H = TypeVar("H")

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


class Heart(Generic[H]):
    """Gives signs of life of all that is held, every so many seconds while anything is.

    `sign` is called with all of it. A broker that is away is no fault: the ledger answers what comes twice.
    """

    def __init__(self, sign: Callable[[Collection[H]], Awaitable[object]], seconds: float) -> None:
        self._sign, self._seconds = sign, seconds
        self._held: set[H] = set()
        self._beating: asyncio.Task[None] | None = None

    @contextmanager
    def holding(self, item: H) -> Iterator[None]:
        """Hold `item` within."""
        self.add(item)
        try:
            yield
        finally:
            self.remove(item)

    def add(self, item: H) -> None:
        """Hold an item from now on."""
        self._held.add(item)
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat())

    def remove(self, item: H) -> None:
        """Hold it no more."""
        self._held.discard(item)
        if not self._held and self._beating is not None:
            self._beating.cancel()
            self._beating = None

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._sign(list(self._held))
            except Exception as error:  # noqa: BLE001 - see above
                logger.warning("no sign of life reached the broker: %s", error)
