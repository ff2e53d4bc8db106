"""A real browser, driven over its DevTools protocol: what a page loads, logs and shows.

The protocol: chromedevtools.github.io/devtools-protocol.
"""

import asyncio
import base64
import contextlib
import itertools
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
from attrs import field, frozen
from on_this_machine import skip_without

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@frozen
class Seen:
    """What a page did while it was open: the addresses that it loaded, and the console's messages."""

    requests: list[str] = field(factory=list)
    console: list[str] = field(factory=list)


class Tab:
    """A page of a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.seen = Seen()

    async def ask(self, method: str, **parameters: object) -> dict[str, object]:
        """Give a command, and return its result."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return (await self._until(lambda message: message.get("id") == number))["result"]

    async def visit(self, url: str) -> Seen:
        """Open an address, and return what the page does from now on."""
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.ask(f"{domain}.enable")
        await self.ask("Page.navigate", url=url)
        await self._until(lambda message: message.get("method") == "Page.loadEventFired")
        return self.seen

    async def show(self, *, width: int, dark: bool = False) -> bool:
        """Show the page in a window of this width, light or dark; say whether it fits."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.ask("Emulation.setEmulatedMedia", features=[scheme])
        return await self.value("document.documentElement.scrollWidth <= innerWidth") is True

    async def value(self, script: str) -> object:
        """Return the value of an expression in the page."""
        return (await self.ask("Runtime.evaluate", expression=script))["result"].get("value")

    async def picture(self, path: Path) -> None:
        """Write the whole page, as it is shown, into a PNG."""
        shot = await self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    async def paper(self, path: Path) -> None:
        """Write the page to a PDF file."""
        made = await self.ask("Page.printToPDF", preferCSSPageSize=True, paperWidth=8.27, paperHeight=11.69)
        path.write_bytes(base64.b64decode(made["data"]))

    async def _until(self, wanted: Callable[[dict[str, object]], bool]) -> dict[str, object]:
        while True:
            message = await asyncio.wait_for(self._socket.receive_json(), 30)
            name, said = message.get("method"), message.get("params", {})
            if name == "Network.requestWillBeSent":
                self.seen.requests.append(said["request"]["url"])
            elif name == "Log.entryAdded":
                self.seen.console.append(said["entry"]["text"])
            elif name in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                self.seen.console.append(str(said))
            if wanted(message):
                return message


@contextlib.asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Tab]:
    """Start a browser whose files are in `folder`, and give its one page; without one, skip the test."""
    skip_without(CHROMIUM, "no Chromium is installed here")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0")
    process = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        *options,
        f"--user-data-dir={folder / 'browser'}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(60):
            while not (line := await process.stderr.readline()).startswith(b"DevTools listening on "):
                assert line, "the browser ended at once"
        host = line.decode().split("//")[1].split("/")[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{host}/json/list") as answer:
                [page] = [each for each in await answer.json() if each["type"] == "page"]
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Tab(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        drained = asyncio.ensure_future(process.stderr.read())
        await process.wait()
        await drained
