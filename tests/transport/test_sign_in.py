"""Signing in by attempt: fresh headers each time, nothing sent without them, and no secret shown."""

import asyncio
from collections.abc import Mapping
from typing import Unpack

import pytest
from conftest import CHANGED, fast, http, read_request

from bonifiq_async import BonifiQClient, ConfigurationError, Effect, Timeouts, Verdict
from bonifiq_async._model.operation import Operation, RepeatClass
from bonifiq_async._model.secret import Secret
from bonifiq_async._policy.request import PreparedRequest, prepare
from bonifiq_async._provider.connection import ConnectionOptions
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.calls.caller import Caller
from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.bonifiq.customers import Customers
from bonifiq_async.bonifiq.payloads import CustomerPoints

pytestmark = pytest.mark.usefixtures("way")


class Fresh:
    """Credentials that sign each attempt with another number, and record what they were given."""

    _given = BasicCredentials("a", "b")
    headers, secrets, fingerprint = _given.headers, _given.secrets, _given.fingerprint

    def __init__(self, *errors: BaseException | None) -> None:
        self.errors = list(errors)
        self.asked: list[tuple[bytes | None, float]] = []

    async def sign(self, request: PreparedRequest, now: float) -> Mapping[str, str | Secret]:
        self.asked.append((request.body, now))
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        return {"X-Signature": Secret(f"signature-{len(self.asked)}"), "X-Time": "plain"}


class Signing(BonifiQClient):
    """A client whose every attempt is signed, as that of a provider that asks for it."""

    def __init__(self, sign_in: Fresh, **options: Unpack[ConnectionOptions]) -> None:
        calls, address = self._connect(sign_in, **options)
        self.customers = Customers(Caller(calls, address, AnswerReader()))


def client_of(url: str, sign_in: Fresh, **settings: object) -> BonifiQClient:
    """Return a client whose every attempt is signed by `sign_in`."""
    return Signing(sign_in, base_url=url, retry=fast(max_attempts=3), **settings)


async def served(raw_server: object, *answers: bytes) -> tuple[str, list[bytes]]:
    """Serve the answers in order; return the URL, and the heads that arrive."""
    heads: list[bytes] = []
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head, _ = await read_request(reader)
            heads.append(head)
            writer.write(left.pop(0))

    return await raw_server(serve), heads


async def add(client: BonifiQClient) -> object:
    return await client.customers.add_cashback("ANA", 10, reason="r", change_key="k")


async def test_each_attempt_is_signed_once_and_afresh(raw_server) -> None:
    url, heads = await served(raw_server, http(b"{}", status="500 No"), http(CHANGED))
    sign_in = Fresh()
    async with client_of(url, sign_in) as client:
        outcome = await add(client)
    assert outcome.effect is Effect.APPLIED
    assert [b"X-Signature: signature-%d\r\n" % number in head for number, head in enumerate(heads, 1)] == [
        True,
        True,
    ]
    assert [head.count(b"X-Signature") for head in heads] == [1, 1]
    assert all(b"X-Time: plain\r\n" in head for head in heads)
    assert [body is not None and b"ChangeKey" in body for body, _ in sign_in.asked] == [True, True]


async def test_a_sign_in_that_fails_sends_nothing_and_is_tried_again(raw_server) -> None:
    url, heads = await served(raw_server, http(CHANGED))
    async with client_of(url, Fresh(RuntimeError("canary"), None)) as client:
        outcome = await add(client)
    assert (outcome.effect, len(heads)) == (Effect.APPLIED, 1)
    assert [each.verdict for each in outcome.attempts] == [Verdict.NOT_SENT, Verdict.ACCEPTED]
    assert outcome.attempts[0].cause == "the sign-in failed (RuntimeError)"
    assert "canary" not in repr(outcome)


async def test_a_sign_in_with_a_wrong_setting_ends_the_call(raw_server) -> None:
    url, heads = await served(raw_server)
    async with client_of(url, Fresh(ConfigurationError("no token"))) as client:
        with pytest.raises(ConfigurationError, match="no token"):
            await add(client)
    assert heads == []


async def test_a_sign_in_has_the_time_of_an_attempt(raw_server) -> None:
    class Slow(Fresh):
        async def sign(self, request: PreparedRequest, now: float) -> Mapping[str, str | Secret]:
            if not self.asked:
                self.asked.append((None, now))
                await asyncio.Event().wait()
            return await super().sign(request, now)

    url, heads = await served(raw_server, http(CHANGED))
    async with client_of(url, Slow(), timeouts=Timeouts(attempt=0.05, call=5.0)) as client:
        outcome = await add(client)
    assert (outcome.effect, len(heads)) == (Effect.APPLIED, 1)
    assert "longer than an attempt" in outcome.attempts[0].cause


async def test_no_error_repeats_the_secret_of_an_attempt(raw_server) -> None:
    """In the answer of a provider that echoes the signature it is redacted; a plain value stays."""
    body = b'{"HasError":true,"Message":"signature-1 of plain is wrong"}'
    url, _ = await served(raw_server, http(body, status="400 Bad Request"))
    async with client_of(url, Fresh()) as client:
        with pytest.raises(Exception, match="of plain is wrong") as caught:
            await add(client)
    assert "signature-1" not in str(caught.value)


def test_optional_parameters_of_a_query() -> None:
    operation = Operation(
        "p.list",
        "GET",
        "/list",
        RepeatClass.SAFE,
        writes=False,
        result=CustomerPoints,
        query=("cursor", "limit"),
    )
    host = "https://h"
    assert (
        prepare(operation, host, {}, query={"cursor": "a/b", "limit": None}).url
        == "https://h/list?cursor=a%2Fb"
    )
    assert prepare(operation, host, {}, query={"cursor": None}).url == "https://h/list"
    with pytest.raises(ValueError, match=r"p\.list has no parameter page"):
        prepare(operation, host, {}, query={"page": "1"})
