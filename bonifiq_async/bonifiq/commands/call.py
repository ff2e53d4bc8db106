"""Makes one call with the client of the environment."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from bonifiq_async.cli.terminal.dialogue import interruptible

if TYPE_CHECKING:
    from bonifiq_async.bonifiq.client import BonifiQClient

T = TypeVar("T")


def called(call: "Callable[[BonifiQClient], Awaitable[T]]") -> T:
    """Return what a call returns; Ctrl-C ends it."""
    import asyncio

    from bonifiq_async.bonifiq.client import BonifiQClient

    async def within() -> T:
        async with BonifiQClient.from_env() as client:
            return await call(client)

    with interruptible():
        return asyncio.run(within())
