"""The environment names a proxy, if it is trusted; no other setting of it reaches a provider."""

import asyncio
import base64
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from attrs import define, field
from conftest import fast
from console import rows
from sides import Side, side_of, sides
from talking_server import TalkingServer, speaking, trust
from witness import at, good

from bonifiq_async import ConfigurationError, Effect, NotAppliedError, Outcome, Timeouts
from bonifiq_async.cli.exit_codes import Exit

BONIFIQ, RABA7NI = side_of("bonifiq"), side_of("raba7ni")
every_side = pytest.mark.parametrize("side", sides(), ids=lambda side: side.name)
PASSWORD = "of-something-else"


@define
class Proxy:
    """A real proxy: it passes requests on, and makes tunnels. `heads` are the request heads that it got."""

    port: int = 0
    heads: list[str] = field(factory=list)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        method, target, _ = head.split(" ", 2)
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        there, back = await asyncio.open_connection(url.hostname, url.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            back.write(head.replace(target, url.path, 1).encode())
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write what is read, until it ends."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@pytest.fixture
async def proxy(monkeypatch, tmp_path: Path) -> AsyncIterator[Proxy]:
    """A proxy that the environment names, beside a `.netrc` with a password for the provider's host."""
    proxy = Proxy()
    server = await asyncio.start_server(proxy.talk, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine localhost login user password {PASSWORD}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    yield proxy
    server.close()
    await server.wait_closed()


def provider(context: ssl.SSLContext | None = None) -> TalkingServer:
    """Return a provider of either kind that accepts everything."""
    server = TalkingServer(lambda _: good(server.heads[-1]), context=context)
    return server


def fields(head: bytes | str) -> dict[str, str]:
    """Return the headers of a request."""
    text = head if isinstance(head, str) else head.decode()
    lines = [line.split(": ", 1) for line in text.split("\r\n")[1:] if line]
    return {name.lower(): value for name, value in lines}


async def calls(side: Side, url: str, **settings: object) -> Outcome:
    """Make a change and a read; return the outcome of the change."""
    limits = Timeouts(connect=5.0, attempt=5.0, call=10.0)
    async with side.client(at(url, side), timeouts=limits, **settings) as client:
        outcome = await side.make(client, side.change())
        await side.read(client)
        return outcome


@every_side
@pytest.mark.parametrize("session", ["own", "borrowed"])
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
async def test_only_the_proxy_is_used(side: Side, secure, session, proxy, authority, monkeypatch) -> None:
    """A password in a `.netrc` for the provider's host has another purpose."""
    trust(authority, monkeypatch)
    context = speaking(authority.issue_cert("localhost")) if secure else None
    with provider(context) as server:
        if session == "own":
            outcome = await calls(side, server.url, trust_env=True)
        else:
            async with aiohttp.ClientSession(trust_env=True) as borrowed:
                outcome = await calls(side, server.url, session=borrowed)
        assert (outcome.effect, len(outcome.attempts)) == (Effect.APPLIED, 1)
        heads = server.heads
    assert len(heads) == 2
    assert len(proxy.heads) == 1  # its connection is kept
    assert all(any(secret in head.decode() for secret in side.secrets) for head in heads)
    assert base64.b64encode(f"user:{PASSWORD}".encode()) not in b"".join(heads)


async def test_a_proxy_that_has_credentials_is_given_them(proxy, monkeypatch) -> None:
    """Those in its own setting; the provider does not see them."""
    monkeypatch.setenv("HTTP_PROXY", f"http://me:hidden@127.0.0.1:{proxy.port}")
    with provider() as server:
        assert (await calls(BONIFIQ, server.url, trust_env=True)).effect is Effect.APPLIED
    assert {fields(head)["proxy-authorization"] for head in proxy.heads} == {"Basic bWU6aGlkZGVu"}


async def test_a_session_that_signs_in_by_itself_still_does(proxy, monkeypatch) -> None:
    """The owner of the session has set it on purpose."""
    monkeypatch.setenv("NETRC", os.devnull)  # aiohttp refuses it beside a password in a setting
    with provider() as server:
        async with aiohttp.ClientSession(trust_env=True, headers={"Authorization": "mine"}) as borrowed:
            limits = Timeouts(connect=5.0, attempt=5.0, call=10.0)
            made = at(server.url, RABA7NI)
            async with RABA7NI.client(made, timeouts=limits, session=borrowed) as client:
                await RABA7NI.read(client)
        assert [fields(head)["authorization"] for head in server.heads] == ["mine"]


NAMED = {
    "without a scheme": ("127.0.0.1:{port}", "", 1),
    "with one": ("http://127.0.0.1:{port}", "", 1),
    "for other hosts": ("http://127.0.0.1:{port}", "localhost", 0),
    "for other ports": ("http://127.0.0.1:{port}", "localhost:{own}", 0),
    "for none": ("http://127.0.0.1:{port}", "*", 0),
    "empty": ("", "", 0),
}


@pytest.mark.parametrize(("named", "but_for", "passed"), NAMED.values(), ids=NAMED)
async def test_how_a_proxy_is_named(named, but_for, passed, proxy, monkeypatch, caplog) -> None:
    """NO_PROXY excepts hosts; requests without a proxy may use the fast path."""
    caplog.set_level(logging.INFO, "bonifiq_async")
    with provider() as server:
        monkeypatch.setenv("HTTP_PROXY", named.format(port=proxy.port))
        monkeypatch.setenv("NO_PROXY", but_for.format(own=urlsplit(server.url).port))
        assert (await calls(BONIFIQ, server.url, trust_env=True)).effect is Effect.APPLIED
    assert len(proxy.heads) == passed
    assert sum("the environment names a proxy" in said for said in caplog.messages) == passed


@pytest.mark.parametrize("named", ["socks5://me:hidden@127.0.0.1:1080", "http://", "http://[::1"])
async def test_a_proxy_that_cannot_be_used_is_refused(named: str, proxy, monkeypatch) -> None:
    """Nothing is sent, not even without the proxy."""
    monkeypatch.setenv("HTTP_PROXY", named)
    with provider() as server:
        async with BONIFIQ.client(at(server.url, BONIFIQ), trust_env=True) as client:
            for call in (client.outcome_of(BONIFIQ.change()), BONIFIQ.read(client)):
                with pytest.raises(ConfigurationError, match="HTTP_PROXY names a proxy") as caught:
                    await call
                assert "hidden" not in str(caught.value)
            assert client.in_doubt() == ()
        assert server.reached == []


async def test_a_proxy_that_is_down_is_named(proxy, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    monkeypatch.setenv("HTTP_PROXY", f"http://me:hidden@127.0.0.1:{port}")
    with pytest.raises(NotAppliedError, match=f"connection refused at the proxy 127.0.0.1:{port}") as caught:
        await read("http://127.0.0.1:9", trust_env=True)
    assert "hidden" not in str(caught.value)


async def read(url: str, **settings: object) -> object:
    """Read a balance with a client that tries twice."""
    settings = {"retry": fast(max_attempts=2)} | settings
    async with BONIFIQ.client(at(url, BONIFIQ), **settings) as client:
        return await BONIFIQ.read(client)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("reached", [False, True], ids=["no connection", "a connection"])
async def test_an_unused_proxy_is_named_where_the_connection_fails(reached: bool, proxy, caplog) -> None:
    """In the error, and once in the log; where the provider is reached without it, nothing is logged."""
    caplog.set_level(logging.INFO, "bonifiq_async")
    with provider() as server:
        if reached:
            await read(server.url)
    if not reached:
        words = r"connection refused at \S+; HTTP_PROXY is set, and not used"
        with pytest.raises(NotAppliedError, match=words):
            await read(server.url)
    assert sum("trust_env=True" in said for said in caplog.messages) == (not reached)
    assert proxy.heads == []


def test_the_console_names_a_proxy_that_it_does_not_use(console, monkeypatch) -> None:
    """It uses none of the environment, and says so where there is no connection."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with provider() as server:
        pass
    settings = {"BONIFIQ_BASE_URL": server.url, "BONIFIQ_API_TOKEN": "t", "BONIFIQ_API_KEY": "key"}
    console.write("changes.csv", *rows(1))
    ended = console("apply", "changes.csv", "--yes", "--give-up-after", "1", **settings)
    assert ended.code == Exit.STOPPED
    assert "HTTP_PROXY is set, and not used" in " ".join(ended.err.split())
