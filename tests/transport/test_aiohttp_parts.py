"""The fast path uses parts of aiohttp: where one is missing, the public path is used and logged once."""

import asyncio
import logging
import sys
from collections import Counter
from types import FrameType

import aiohttp
import pytest
from conftest import CHANGED
from talking_server import TalkingServer, answers

from bonifiq_async import PoolLimits, Timeouts
from bonifiq_async._model.evidence import Evidence, Failure, HandOver
from bonifiq_async._policy.request import PreparedRequest
from bonifiq_async._transport import aiohttp_parts, fast_path
from bonifiq_async._transport.aiohttp_parts import NEEDED, PASSED_BY, AiohttpParts
from bonifiq_async._transport.connector import KeptConnector
from bonifiq_async._transport.session import SessionManager

BODIES = {"POST": b"{}", "GET": None}


@pytest.fixture
def server():
    """A provider that accepts everything."""
    with TalkingServer(answers(CHANGED)) as server:
        yield server


def manager() -> SessionManager:
    """Return a session that the client owns."""
    return SessionManager({}, timeouts=Timeouts(connect=2.0), pool=PoolLimits())


async def attempt(session: SessionManager, server: TalkingServer, method: str = "POST") -> Evidence:
    """Make one attempt of a request."""
    request = PreparedRequest(method, server.url, "/", BODIES[method])
    return await session.attempt(request, 5.0, HandOver())


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log messages about the fast path."""
    return [text for text in caplog.messages if "fast path" in text]


def test_the_versions_are_exact() -> None:
    """A prefix would admit a release that was not tried."""
    assert all(version.count(".") == 2 and not version.endswith(".") for version in aiohttp_parts.TRIED)
    assert aiohttp.__version__ in aiohttp_parts.TRIED


NOT_SURE = {
    "a version that was not tried": ("TRIED", ("3.14.", "3.14"), "not tried with aiohttp"),
    "an attribute that is gone": (
        "NEEDED",
        {**NEEDED, "connector.TCPConnector": ("_get", "_gone")},
        "no connector.TCPConnector._gone",
    ),
    "a class that is gone": ("NEEDED", {**NEEDED, "client_proto.Gone": ()}, "no client_proto.Gone"),
    "a module that is gone": ("NEEDED", {**NEEDED, "gone.Gone": ()}, "no gone.Gone"),
}


@pytest.mark.parametrize(("name", "value", "why"), NOT_SURE.values(), ids=NOT_SURE)
async def test_what_is_not_sure_is_not_used(name, value, why, server, monkeypatch, caplog) -> None:
    """Each request is still sent; the log says so once."""
    caplog.set_level(logging.INFO, "bonifiq_async")
    monkeypatch.setattr(aiohttp_parts, name, value)
    session = manager()
    for method in (*BODIES, *BODIES):
        evidence = await attempt(session, server, method)
        assert (evidence.sent, evidence.status, evidence.failure) == (True, 200, None)
    await session.aclose()
    (why_not,) = said(caplog)
    assert why in why_not
    assert [record.levelname for record in caplog.records if "fast path" in record.message] == ["INFO"]


GONE = {
    "the time limit of a connection": ("client_proto", "ResponseHandler", "_on_read_timeout"),
    "the number of waiting answers": ("streams", "DataQueue", "__len__"),
}


@pytest.mark.parametrize(("module", "owner", "name"), GONE.values(), ids=GONE)
async def test_a_part_that_aiohttp_does_not_need_may_be_missing(
    module, owner, name, server, monkeypatch
) -> None:
    """The session does not need it, nor does the check of a connection before its use."""
    monkeypatch.delattr(getattr(getattr(aiohttp, module), owner), name)
    session = manager()
    for method in (*BODIES, *BODIES):
        evidence = await attempt(session, server, method)
        assert (evidence.sent, evidence.status, evidence.failure) == (True, 200, None)
    await session.aclose()
    assert [line for line, _ in server.reached] == [0] * 4


async def test_a_fault_before_the_request_was_sent_changes_to_the_public_path(
    server, monkeypatch, caplog
) -> None:
    """In the same attempt, and permanently: an unforeseen fault does not end as "not applied" either."""
    caplog.set_level(logging.INFO, "bonifiq_async")

    async def broken(self: KeptConnector, key: object) -> None:
        raise AttributeError("no such part", name="_conns")

    monkeypatch.setattr(KeptConnector, "kept", broken)
    session = manager()
    for _ in range(3):
        evidence = await attempt(session, server)
        assert (evidence.sent, evidence.requests, evidence.status) == (True, 1, 200)
    await session.aclose()
    (why_not,) = said(caplog)
    assert "AttributeError _conns" in why_not


async def test_a_fault_after_the_request_was_sent_loses_one_answer_and_no_other(server, monkeypatch) -> None:
    """It may have been applied; the next attempt uses the public path."""

    async def broken(*_: object) -> None:
        raise AttributeError("no such part", name="readany")

    monkeypatch.setattr(fast_path, "read_within", broken)
    session = manager()
    first, second = [await attempt(session, server) for _ in range(2)]
    await session.aclose()
    assert (first.sent, first.requests, first.failure) == (True, 1, Failure.LOCAL)
    assert (second.status, second.failure) == (200, None)


# --- what is compared before each request ---


async def ways(tried: tuple[str, ...], server: TalkingServer, monkeypatch) -> Counter[str]:
    """Return the methods of aiohttp's classes that a request on a kept connection calls."""
    monkeypatch.setattr(aiohttp_parts, "TRIED", tried)
    taken: Counter[str] = Counter()
    home = aiohttp.__path__[0]

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(home):
            taken[frame.f_code.co_qualname] += 1

    session = manager()
    for method in BODIES:
        for noted in (False, True):
            sys.setprofile(note if noted else None)
            try:
                assert (await attempt(session, server, method)).status == 200
            finally:
                sys.setprofile(None)
    await session.aclose()
    return taken


def bases(names: dict[str, tuple[str, ...]]) -> set[str]:
    """Return the same methods under the classes that define them: `BaseConnector.connect`."""
    found = set()
    for path, attributes in names.items():
        module, _, name = path.partition(".")
        kind = getattr(sys.modules[f"aiohttp.{module}"], name)
        for attribute in attributes:
            owner = next(each for each in kind.__mro__ if attribute in vars(each))
            found.add(f"{owner.__name__}.{attribute}")
    return found


async def test_every_method_that_is_bypassed_is_compared(server, monkeypatch) -> None:
    """As a profile of both paths shows; what the fast path itself calls need not be compared."""
    fast = await ways(aiohttp_parts.TRIED, server, monkeypatch)
    public = await ways((), server, monkeypatch)
    kinds = {name.partition(".")[2] for name in PASSED_BY} | {"BaseConnector", "BaseProtocol"}
    passed_by = {way for way in public.keys() - fast.keys() if way.split(".")[0] in kinds and "<" not in way}
    passed_by = {
        way for way in passed_by if not way.split(".")[1].startswith(("__reset", "__del__"))
    }  # private to one class, or the collector
    assert passed_by >= {"ClientSession._request", "ClientRequest.send", "ClientResponse.start"}
    assert passed_by - bases(PASSED_BY) == set()


@pytest.mark.parametrize("path", PASSED_BY)
async def test_a_replacement_of_each_of_them_is_noticed(path: str, server, monkeypatch) -> None:
    """A replacement during the use of a session turns the fast path off; its end turns it on again."""
    session = manager()
    await attempt(session, server)
    parts = AiohttpParts(session.ready(), asyncio.get_running_loop())
    module, _, name = path.partition(".")
    for attribute in PASSED_BY[path]:
        assert parts.foreign() is None
        with monkeypatch.context() as patch:
            patch.setattr(getattr(sys.modules[f"aiohttp.{module}"], name), attribute, lambda *_: None)
            assert parts.foreign() is not None, attribute
    assert parts.foreign() is None
    await session.aclose()
