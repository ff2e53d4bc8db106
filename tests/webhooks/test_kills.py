"""A receiver killed at a named point: the next delivery of the event finds what its ledger knows."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from webhook_servers import SECRET, SIGNED, VERIFIER, by_asgi, event, post

from bonifiq_async import SqliteLedger
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.webhooks import WebhookReceiver

CHILD = """
import asyncio, os, signal, sys
from aiohttp import web
from bonifiq_async import SqliteLedger
from bonifiq_async.webhooks import Verifier, WebhookReceiver, aiohttp_handler

def die():
    os.kill(os.getpid(), signal.SIGKILL)

async def handle(event):
    if sys.argv[1] == "before it is handled":
        die()
    with open("handled", "a") as lines:
        print(event.uuid, file=lines)
    if sys.argv[1] == "before it is noted":
        die()

class Ledger(SqliteLedger):
    async def end(self, *given):
        noted = await super().end(*given)
        die()

async def main():
    async with Ledger("l") as ledger:
        receiver = WebhookReceiver(handle, Verifier("X-Shop-Secret", "SECRET"), ledger=ledger)
        app = web.Application()
        app.router.add_post("/", aiohttp_handler(receiver))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print("http://127.0.0.1:%d" % runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
""".replace("SECRET", SECRET)
POINTS = {"before it is handled": (0, 1), "before it is noted": (1, 2), "before it is acknowledged": (1, 1)}
"""How often the event was handled when the process was killed there, and after it was delivered again."""


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_receiver(point: str, tmp_path: Path) -> None:
    """What was not noted is handled again, at once; what was noted never is."""

    def handled() -> int:
        lines = tmp_path / "handled"
        return len(lines.read_text().splitlines()) if lines.exists() else 0

    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, point, cwd=tmp_path, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    url = (await child.stdout.readline()).decode().strip()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await post(url, event(), SIGNED)
    assert await child.wait() == -signal.SIGKILL
    assert handled() == POINTS[point][0]

    async def handle(given: object) -> None:
        with (tmp_path / "handled").open("a") as lines:
            print("again", file=lines)

    async with (
        SqliteLedger(tmp_path / "l") as ledger,
        by_asgi(WebhookReceiver(handle, VERIFIER, ledger=ledger, within=2)) as url,
    ):
        assert [await post(url, event(), SIGNED) for _ in range(2)] == [200, 200]
    assert handled() == POINTS[point][1]
    assert [each.state for each in recorded(SqliteReader(tmp_path / "l"), set(State))] == [State.APPLIED]
