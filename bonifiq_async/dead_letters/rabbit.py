"""Those of RabbitMQ: they are taken from the queue and given back, which keeps their order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from attrs import frozen

from bonifiq_async.dead_letters.letter import DeadLetter, no_such, reached
from bonifiq_async.faststream.extra import needs
from bonifiq_async.faststream.rabbit import dead_letters_of

with needs("rabbit"):
    import aio_pika
    from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
    from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity

QUIET = 1.0
"""Seconds without a message after which all have come."""
MOST = 60_000
"""Messages that are taken at once at the most."""


@frozen
class RabbitLetters:
    """See `DeadLetters`."""

    url: str
    queue: str

    async def letters(self) -> AsyncIterator[DeadLetter]:
        """See `DeadLetters.letters`."""
        found: list[DeadLetter] = []

        async def look(_: AbstractChannel, message: AbstractIncomingMessage) -> None:
            found.append(DeadLetter(message.message_id or "", message.body, None))

        await self._each(look)
        for letter in found:
            yield letter

    async def replay(self) -> int:
        """See `DeadLetters.replay`: one is published, and confirmed, before it is acknowledged."""
        count = 0

        async def give_back(channel: AbstractChannel, message: AbstractIncomingMessage) -> None:
            nonlocal count
            copy = aio_pika.Message(
                message.body,
                message_id=message.message_id,
                content_type=message.content_type,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            )
            await channel.default_exchange.publish(copy, self.queue)
            await message.ack()
            count += 1

        await self._each(give_back)
        return count

    async def _each(
        self, handle: Callable[[AbstractChannel, AbstractIncomingMessage], Awaitable[None]]
    ) -> None:
        with reached(AMQPError):
            connection = await aio_pika.connect(self.url)
        async with connection:
            channel = await connection.channel()
            await channel.set_qos(MOST)
            messages: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
            name = dead_letters_of(self.queue)
            try:
                queue = await channel.get_queue(name)
            except ChannelNotFoundEntity as error:
                raise no_such("queue", name) from error
            await queue.consume(messages.put)
            there_now = queue.declaration_result.message_count or 0
            for _ in range(there_now):  # a consumer may put what is given back aside again, without end
                try:
                    message = await asyncio.wait_for(messages.get(), QUIET)
                except TimeoutError:
                    return
                await handle(channel, message)


def opened(url: str, name: str) -> RabbitLetters:
    """Return those of the queue `name`."""
    return RabbitLetters(url, name)
