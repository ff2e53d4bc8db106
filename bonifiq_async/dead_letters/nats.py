"""Those of NATS JetStream: one is published to its subject, and confirmed, before it is deleted."""

from collections.abc import AsyncIterator

from attrs import frozen

from bonifiq_async.dead_letters.letter import DeadLetter, no_such, reached
from bonifiq_async.faststream.extra import needs
from bonifiq_async.faststream.nats import BEFORE, WHY, dead_letters_of

with needs("nats"):
    import nats
    from nats.aio.client import Client
    from nats.errors import Error
    from nats.js import JetStreamContext
    from nats.js.api import RawStreamMsg
    from nats.js.errors import NotFoundError

OWN = ("Nats-", WHY)
"""How the headers of a dead letter begin that are not the event's: NATS' own are about its publication."""


@frozen
class NatsLetters:
    """See `DeadLetters`; `stream` is the name of the stream with the events."""

    url: str
    stream: str

    async def letters(self) -> AsyncIterator[DeadLetter]:
        """See `DeadLetters.letters`."""
        connection = await self._connected()
        async with connection:
            async for message in self._messages(connection.jetstream()):
                why = (message.headers or {}).get(WHY)
                yield DeadLetter(str(message.seq), message.data or b"", why)

    async def replay(self) -> int:
        """See `DeadLetters.replay`."""
        connection, count = await self._connected(), 0
        async with connection:
            jetstream = connection.jetstream()
            async for message in self._messages(jetstream):
                found = message.headers or {}
                headers = {name: text for name, text in found.items() if not name.startswith(OWN)}
                subject = (message.subject or "").removeprefix(BEFORE)
                await jetstream.publish(subject, message.data or b"", headers=headers or None)
                await jetstream.delete_msg(dead_letters_of(self.stream), message.seq or 0)
                count += 1
        return count

    async def _connected(self) -> Client:
        async def say_nothing(_: Exception) -> None:
            """What fails is raised, too."""

        with reached(Error):
            return await nats.connect(
                self.url,
                allow_reconnect=False,
                max_reconnect_attempts=1,  # this one is of the first connection, too
                reconnect_time_wait=0.1,
                error_cb=say_nothing,
            )

    async def _messages(self, jetstream: JetStreamContext) -> AsyncIterator[RawStreamMsg]:
        name = dead_letters_of(self.stream)
        try:
            state = (await jetstream.stream_info(name)).state
        except NotFoundError as error:
            raise no_such("stream", name) from error
        for number in range(state.first_seq, state.last_seq + 1) if state.messages else ():
            try:
                yield await jetstream.get_msg(name, number)
            except NotFoundError:  # it was given back before
                continue


def opened(url: str, name: str) -> NatsLetters:
    """Return those of the stream `name`."""
    return NatsLetters(url, name)
