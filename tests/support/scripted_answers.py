"""A provider that gives its answers in the order of a script, whatever is asked."""

import asyncio

import attrs
from conftest import fast, read_request

from bonifiq_async import BasicCredentials, BonifiQClient

LOST = b""
"""No answer: the connection is closed."""


@attrs.define
class Script:
    """Gives its answers in order, and holds one that is None back for good."""

    answers: list[bytes | None]
    bodies: list[bytes] = attrs.field(factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self.bodies.append((await read_request(reader))[1])
        answer = self.answers.pop(0)
        if answer is None:
            await asyncio.sleep(60)
        else:
            writer.write(answer)


def client_at(url: str, **settings: object) -> BonifiQClient:
    """Return a client of a provider at `url` that retries fast."""
    return BonifiQClient(BasicCredentials("t", "k"), base_url=url, **{"retry": fast(), **settings})
