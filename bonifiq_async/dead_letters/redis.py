"""Those of Redis Streams: one is added to the events and deleted in one transaction."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, cast

from attrs import frozen

from bonifiq_async.dead_letters.letter import DeadLetter, no_such, reached
from bonifiq_async.faststream.extra import needs
from bonifiq_async.faststream.redis import ENTRY, WHY, body_of, dead_letters_of

with needs("redis"):
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

if TYPE_CHECKING:
    from redis.typing import EncodableT

Entries = list[tuple[bytes, dict[bytes, bytes]]]


@frozen
class RedisLetters:
    """See `DeadLetters`."""

    url: str
    stream: str

    async def letters(self) -> AsyncIterator[DeadLetter]:
        """See `DeadLetters.letters`."""
        async with Redis.from_url(self.url) as redis:
            for name, fields in await self._entries(redis):
                yield DeadLetter(name.decode(), body_of(fields), fields[WHY.encode()].decode())

    async def replay(self) -> int:
        """See `DeadLetters.replay`."""
        async with Redis.from_url(self.url) as redis:
            found = await self._entries(redis)
            for name, fields in found:
                event: dict[EncodableT, EncodableT] = {
                    key: value for key, value in fields.items() if key not in (WHY.encode(), ENTRY.encode())
                }
                async with redis.pipeline(transaction=True) as both:
                    both.xadd(self.stream, event)
                    both.xdel(dead_letters_of(self.stream), name)
                    await both.execute()
            return len(found)

    async def _entries(self, redis: Redis) -> Entries:
        dead = dead_letters_of(self.stream)
        with reached(RedisError):
            await redis.ping()
        if not await redis.exists(self.stream, dead):  # the first dead letter makes its stream
            raise no_such("stream", self.stream)
        return cast(Entries, await redis.xrange(dead))


def opened(url: str, name: str) -> RedisLetters:
    """Return those of the stream `name`."""
    return RedisLetters(url, name)
