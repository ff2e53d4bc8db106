"""Why there was no whole answer, in plain words: at once, in the error and in the progress line of a run."""

import asyncio
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from conftest import CHANGED, change, fast, http
from console import rows
from talking_server import TalkingServer, answers, speaking, trust

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    Effect,
    NotAppliedError,
    OutcomeUnknownError,
    PoolLimits,
    StopReason,
    Timeouts,
    Verdict,
)
from bonifiq_async._model.evidence import Evidence, Failure, HandOver
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._transport.session import SessionManager
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.terminal.progress_text import hold_up

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
SECRET = "s3cr3t-k3y"
OK = b"HTTP/1.1 200 OK\r\n"
BODIES = {"POST": b"{}", "GET": None}


def old(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return the TLS context of a server that has TLS 1.0 alone."""
    made = speaking(certificate)
    made.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1
    return made


def unlike(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return the TLS context of a server without a cipher in common with the client."""
    made = speaking(certificate)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers("CAMELLIA128-SHA:@SECLEVEL=0")
    return made


UNTRUSTED: dict[str, tuple[Callable[[trustme.CA], ssl.SSLContext], str]] = {
    "an expired certificate": (
        lambda ca: speaking(ca.issue_cert("localhost", not_before=NOW - 9 * DAY, not_after=NOW - DAY)),
        "its certificate has expired",
    ),
    "a certificate not yet valid": (
        lambda ca: speaking(ca.issue_cert("localhost", not_before=NOW + DAY, not_after=NOW + 9 * DAY)),
        "its certificate is not valid yet: is this machine's clock right?",
    ),
    "an unknown authority": (
        lambda _: speaking(trustme.CA().issue_cert("localhost")),
        "its certificate comes from an authority that this machine does not know",
    ),
    "another name": (
        lambda ca: speaking(ca.issue_cert("other.example")),
        "its certificate is for another host name",
    ),
}
NO_TLS = {
    "TLS 1.0 alone": (old, "it speaks no version of TLS that is safe enough: 1.2 or newer is needed"),
    "no cipher in common": (unlike, "it refuses the TLS handshake: no cipher or version is in common"),
}


def of(server: TalkingServer, method: str = "POST") -> PreparedRequest:
    """Return a request to a server."""
    return PreparedRequest(method, server.url, "/", BODIES[method])


async def attempt(server: TalkingServer, method: str, scheme: str | None = None) -> Evidence:
    """Make one attempt of a request."""
    session = SessionManager({}, timeouts=Timeouts(connect=5.0), pool=PoolLimits())
    url = server.url if scheme is None else f"{scheme}:{server.url.partition(':')[2]}"
    try:
        return await session.attempt(PreparedRequest(method, url, "/", BODIES[method]), 5.0, HandOver())
    finally:
        await session.aclose()


def where(server: TalkingServer) -> str:
    """Return the name of a server in an error."""
    return server.url.partition("//")[2]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize(("made", "words"), UNTRUSTED.values(), ids=UNTRUSTED)
async def test_a_certificate_that_cannot_be_trusted(made, words, method, authority, monkeypatch) -> None:
    """Nothing is sent to its server."""
    trust(authority, monkeypatch)
    with TalkingServer(answers(CHANGED), context=made(authority)) as server:
        evidence = await attempt(server, method)
        assert (evidence.sent, evidence.failure) == (False, Failure.UNTRUSTED)
        assert evidence.detail == f"{where(server)}: {words}"
        assert server.reached == []


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize(("made", "words"), NO_TLS.values(), ids=NO_TLS)
async def test_a_handshake_that_fails(made, words, method, authority, monkeypatch) -> None:
    trust(authority, monkeypatch)
    with TalkingServer(answers(CHANGED), context=made(authority.issue_cert("localhost"))) as server:
        evidence = await attempt(server, method)
        assert (evidence.sent, evidence.failure) == (False, Failure.CONNECT)
        assert evidence.detail == f"{where(server)}: {words}"


def alert(number: int) -> bytes:
    """Return a fatal alert of TLS (RFC 8446, section 6)."""
    return bytes([21, 3, 3, 0, 2, 2, number])


ANSWERS_TO_TLS = {
    "plain HTTP": (
        http(b"", status="400 Bad Request"),
        "it does not speak TLS there: is it plain http, or another port?",
    ),
    "the alert of an old version": (
        alert(70),
        "it speaks no version of TLS that is safe enough: 1.2 or newer is needed",
    ),
    "the alert of an unknown name": (alert(112), "it does not know this host name (TLS)"),
    "an alert like any other": (alert(80), "it ended TLS with the alert 'internal error'"),
    "nothing": (b"", "it broke the connection off within the TLS handshake"),
}


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize(("data", "words"), ANSWERS_TO_TLS.values(), ids=ANSWERS_TO_TLS)
async def test_what_is_no_handshake(data: bytes, words: str, method: str) -> None:
    with TalkingServer(answers(CHANGED), greeting=data, reads=0) as server:
        server.stop()  # closes after its answer
        evidence = await attempt(server, method, "https")
        assert (evidence.sent, evidence.failure) == (False, Failure.CONNECT)
        assert evidence.detail == f"{where(server)}: {words}"


async def test_http_to_a_port_of_tls(way: str, authority) -> None:
    """It answers with an alert, or closes; the request was sent."""
    with TalkingServer(answers(CHANGED), context=speaking(authority.issue_cert("localhost"))) as server:
        evidence = await attempt(server, "POST", "http")
        assert (evidence.sent, evidence.status) == (True, None)
        assert evidence.detail in {
            "it speaks TLS there: is it https, or another port?",
            "the connection was closed without an answer",
            "Connection reset by peer",
        }


MALFORMED = {
    "a header of 9,000 bytes": (
        OK + b"X: " + SECRET.encode() * 900 + b"\r\n\r\n",
        "a line in the answer's head has more than 8,190 bytes",
    ),
    "a reason of 9,000 bytes": (
        b"HTTP/1.1 200 " + SECRET.encode() * 900 + b"\r\n\r\n",
        "a line in the answer's head has more than 8,190 bytes",
    ),
    "two equal lengths": (
        OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        "the answer has the header Content-Length twice",
    ),
    "200 headers": (OK + b"X: 1\r\n" * 200 + b"\r\n", "the answer has more than 128 headers"),
    "a length and chunks": (
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
        "the answer has a Content-Length beside a Transfer-Encoding",
    ),
    "a length that is no number": (
        OK + b"Content-Length: " + SECRET.encode() + b"\r\n\r\n",
        "the answer's Content-Length is not a number",
    ),
    "a header without a colon": (
        OK + SECRET.encode() + b"\r\n\r\n",
        "a header of the answer cannot be read",
    ),
    "a header with a null": (
        OK + b"X: " + SECRET.encode() + b"\0\r\n\r\n",
        "a header of the answer cannot be read",
    ),
    "no HTTP": (b"220 " + SECRET.encode() + b" ready\r\n", "what came back is not HTTP/1.1"),
    "TLS": (alert(70), "it speaks TLS there: is it https, or another port?"),
    "a broken chunk": (
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "the answer's body is not chunked as it says",
    ),
}
BROKEN = {
    "no answer": (b"", "the connection was closed without an answer"),
    "half a head": (OK + b"Conte", "the answer's head broke off"),
    "half a body": (OK + b"Content-Length: 20\r\n\r\n{}", "the answer's body broke off"),
    "no gzip": (
        OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        "the answer's body cannot be unpacked as its Content-Encoding says",
    ),
}
LOST = {**{name: (*row, Failure.MALFORMED) for name, row in MALFORMED.items()}}
LOST |= {name: (*row, Failure.DISCONNECTED) for name, row in BROKEN.items()}


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("method", BODIES)
@pytest.mark.parametrize(("data", "words", "failure"), LOST.values(), ids=LOST)
async def test_an_answer_that_breaks_the_rules(data, words, failure, method) -> None:
    """The text is the library's: an answer may repeat a secret of the request."""
    with TalkingServer(lambda _: data, reads=1) as server:
        server.stop()
        evidence = await attempt(server, method)
    assert (evidence.sent, evidence.failure, evidence.detail) == (True, failure, words)


@pytest.mark.usefixtures("way")
async def test_what_cannot_be_reached(deaf_url: str) -> None:
    """A port without a server, an unknown name, and no answer to the first packet."""
    with TalkingServer(answers(CHANGED)) as server:
        pass
    limits = Timeouts(connect=0.05)
    for url, words in (
        (server.url, f"connection refused at {where(server)}"),
        ("https://nowhere.invalid", "nowhere.invalid:443: its name is not known"),
        (deaf_url, f"{deaf_url.partition('//')[2]}: no connection in time"),
    ):
        session = SessionManager({}, timeouts=limits, pool=PoolLimits())
        evidence = await session.attempt(PreparedRequest("POST", url, "/", b"{}"), 5.0, HandOver())
        await session.aclose()
        assert (evidence.sent, evidence.detail) == (False, words)


# --- where the cause is shown ---


def client_of(server: TalkingServer, **settings: object) -> BonifiQClient:
    """Return a client that tries twice."""
    settings = {"retry": fast(max_attempts=2), "timeouts": Timeouts(connect=5.0, attempt=5.0)} | settings
    return BonifiQClient(BasicCredentials("token", SECRET), base_url=server.url, **settings)


async def test_the_error_and_its_attempts_say_why(authority, monkeypatch, caplog) -> None:
    trust(authority, monkeypatch)
    caplog.set_level("INFO", "bonifiq_async")
    made, words = UNTRUSTED["an expired certificate"]
    with TalkingServer(answers(CHANGED), context=made(authority)) as server:
        async with client_of(server) as client:
            with pytest.raises(NotAppliedError, match=f"never sent .*{words}") as caught:
                await client.customers.change_cashback(change())
            with pytest.raises(NotAppliedError, match=words):
                await client.customers.points("ANA")
    assert {attempt.cause for attempt in caught.value.attempts} == {f"{where(server)}: {words}"}
    assert len([said for said in caplog.messages if words in said and said.startswith("retry")]) == 2


async def test_a_loss_says_why(caplog) -> None:
    data, words = MALFORMED["two equal lengths"]
    with TalkingServer(lambda _: data) as server:
        async with client_of(server) as client:
            with pytest.raises(OutcomeUnknownError, match=f"got no whole answer .{words}") as caught:
                await client.customers.change_cashback(change())
    assert [attempt.cause for attempt in caught.value.attempts] == [words] * 2
    assert [attempt.verdict for attempt in caught.value.attempts] == [Verdict.LOST] * 2
    assert any(words in said for said in caplog.messages)  # of a change that ends as unknown


async def test_an_answer_has_no_cause() -> None:
    with TalkingServer(answers(CHANGED)) as server:
        async with client_of(server) as client:
            outcome = await client.customers.change_cashback(change())
    assert [attempt.cause for attempt in outcome.attempts] == [None]


@pytest.mark.parametrize("rows", [1, 40])
async def test_a_certificate_stops_a_run_at_once(rows: int, authority, monkeypatch) -> None:
    """A person must correct it; a quarter of an hour of probes does not. Nothing was sent."""
    trust(authority, monkeypatch)
    made, words = UNTRUSTED["an expired certificate"]
    with TalkingServer(answers(CHANGED), context=made(authority)) as server:
        async with client_of(server, retry=fast(max_attempts=12)) as client:
            batch = CashbackBatch(client)
            async with asyncio.timeout(10):
                outcomes = [outcome async for outcome in batch.run(change(str(n)) for n in range(rows))]
    assert words in str(batch.stopped_by) and "nothing else was sent" in str(batch.stopped_by)
    assert {outcome.effect for outcome in outcomes} <= {Effect.NOT_APPLIED}
    assert {outcome.reason for outcome in outcomes} <= {StopReason.OUTAGE, StopReason.STOPPED}
    assert server.reached == []


async def test_the_progress_line_says_why_nothing_succeeds() -> None:
    """At once, and only as long as it is true."""
    good = asyncio.Event()
    data, words = MALFORMED["200 headers"]
    seen = []
    with TalkingServer(lambda _: http(CHANGED) if good.is_set() else data) as server:
        async with client_of(server, retry=fast(max_attempts=100, base=0.01)) as client:
            batch = CashbackBatch(client)

            async def run() -> None:
                async for _ in batch.run([change("1")]):
                    pass

            running = asyncio.create_task(run())
            async with asyncio.timeout(5):
                while not (seen and words in seen[-1]):
                    await asyncio.sleep(0.01)
                    seen.append(hold_up(batch.flow_state) or "")
            good.set()
            await running
    assert f"the last try failed: {words}" in seen[-1]


COMMANDS = {
    "a file": (("apply", "changes.csv", "--yes"), Exit.STOPPED),
    "a read": (("balance", "ana"), Exit.STOPPED),
}


@pytest.mark.slow
@pytest.mark.parametrize(("command", "code"), COMMANDS.values(), ids=COMMANDS)
def test_the_console_says_so_and_ends(command, code, console, authority, monkeypatch) -> None:
    """Within seconds, with the command to run once it is corrected."""
    trust(authority, monkeypatch)
    console.write("changes.csv", *rows(5))
    made, words = UNTRUSTED["another name"]
    with TalkingServer(answers(CHANGED), context=made(authority)) as server:
        began = time.monotonic()
        settings = {"BONIFIQ_BASE_URL": server.url, "BONIFIQ_API_TOKEN": "t", "BONIFIQ_API_KEY": SECRET}
        ended = console(*command, **settings)
        assert f"{where(server)}: {words}" in " ".join(ended.err.split())
        assert server.reached == []
    assert ended.code == code
    assert time.monotonic() - began < 30
