"""A way to a PostgreSQL server that can be cut: before what is sent arrives, or before its answer does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from attrs import define, evolve, field

from bonifiq_async.ledger.postgres.database import Database


@define
class Wire:
    """What passes between a ledger and its server.

    `cut` says what happens to the next message with `text` in it: it is `"sent"` on and its answer is not, or
    `"held"` back. Then the connection ends. `down` takes no connection at all.
    """

    database: Database
    cut: str = ""
    text: bytes = b"key"
    down: bool = False
    cuts: int = 0
    connections: int = 0
    _talks: set["asyncio.Task[None]"] = field(factory=set)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes, until a side ends or the wire is cut."""
        if self.down:
            writer.transport.abort()
            return
        place = urlsplit(self.database.dsn)
        self.connections += 1
        there, back = await asyncio.open_connection(place.hostname, place.port)
        swallowing, answered = asyncio.Event(), asyncio.Event()

        async def onward() -> None:
            while data := await reader.read(65536):
                if self.cut and self.text in data:
                    self.cuts += 1
                    kind, self.cut = self.cut, ""
                    if kind == "sent":
                        swallowing.set()
                        back.write(data)
                        await answered.wait()  # so it is committed
                    return
                back.write(data)

        async def backward() -> None:
            while data := await there.read(65536):
                if swallowing.is_set():
                    answered.set()
                else:
                    writer.write(data)

        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        both = [asyncio.create_task(onward()), asyncio.create_task(backward())]
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            writer.transport.abort()
            back.transport.abort()
            self._talks.discard(task)

    def sever(self) -> None:
        """End all connections, and take none until `down` is false."""
        self.down = True
        for each in self._talks:
            each.cancel()


@contextlib.asynccontextmanager
async def a_wire(database: Database) -> AsyncIterator[tuple[Wire, Database]]:
    """Give a wire to a server, and the same schema through it."""
    wire = Wire(database)
    server = await asyncio.start_server(wire.talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = urlsplit(database.dsn)
    try:
        yield wire, evolve(database, dsn=f"postgresql://{place.username}@127.0.0.1:{port}{place.path}")
    finally:
        wire.sever()
        server.close()
        await asyncio.sleep(0)
