"""Proxies and firewalls that answer in the provider's place: for one row, or for all."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attrs import evolve
from batches import batch_over
from conftest import http
from sides import Side, sides
from virtual import GOOD, Provider, all_of, many, now, status, virtual, wide
from witness import Witness, at, good, serving

from bonifiq_async import (
    AuthenticationError,
    CashbackBatch,
    Effect,
    FlowControl,
    NotAppliedError,
    RefusedError,
    StopReason,
    Verdict,
)
from bonifiq_async.cli.exit_codes import Exit

every_side = pytest.mark.parametrize("side", sides(), ids=lambda side: side.name)
PAGE = b"<html><head><title>Request blocked</title></head><body>Incident 4711</body></html>"


def page(body: bytes = PAGE, code: str = "403 Forbidden") -> bytes:
    """Return what a firewall answers."""
    head = f"HTTP/1.1 {code}\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def blocking(reference: bytes) -> Witness:
    """Return a server behind a firewall that rejects requests with `reference`."""

    async def answer(_: int, head: bytes) -> AsyncIterator[bytes]:
        yield page() if reference in head else good(head)

    return Witness(answer)


async def run(side: Side, url: str, count: int, **settings: object) -> tuple[CashbackBatch, list]:
    """Run `count` changes; return the batch and its outcomes."""
    async with side.client(at(url, side), **settings) as client:
        batch = CashbackBatch(client, flow=FlowControl(max_in_flight=4, initial=4))
        rows = (side.change(f"order-{number}", customer=number + 1) for number in range(count))
        async with asyncio.timeout(10):
            return batch, [outcome async for outcome in batch.run(rows)]


@pytest.mark.usefixtures("way")
@every_side
async def test_a_row_that_a_firewall_rejects_stops_no_run(side: Side) -> None:
    """An HTML page is no answer of the provider on the credentials."""
    number = 0

    async def answer(_: int, head: bytes) -> AsyncIterator[bytes]:
        nonlocal number
        number += 1
        yield page() if number == 7 else good(head)

    async with serving(Witness(answer).talk) as port:
        batch, outcomes = await run(side, f"http://127.0.0.1:{port}", 40)
    assert batch.stopped_by is None
    bad = [outcome for outcome in outcomes if outcome.effect is not Effect.APPLIED]
    assert (len(outcomes), len(bad)) == (40, 1)
    assert (bad[0].effect, bad[0].reason) == (Effect.REFUSED, StopReason.INTERCEPTED)
    assert type(bad[0].error) is RefusedError
    assert [attempt.verdict for attempt in bad[0].attempts] == [Verdict.INTERCEPTED]
    assert "by a proxy or a firewall in the provider's place (status 403, Request blocked" in str(
        bad[0].error
    )


@every_side
@pytest.mark.parametrize("body", [b"", b'{"message":"no"}', b'"no"', b'{"message":"cut'], ids=repr)
async def test_a_403_that_may_be_the_providers_stops_the_run(body: bytes, side: Side) -> None:
    async def answer(_: int, __: bytes) -> AsyncIterator[bytes]:
        yield http(body, status="403 Forbidden")

    witness = Witness(answer)
    async with serving(witness.talk) as port:
        batch, _ = await run(side, f"http://127.0.0.1:{port}", 400)
    assert isinstance(batch.stopped_by, AuthenticationError)
    assert len(witness.arrivals) <= 12


@every_side
async def test_a_proxy_that_wants_credentials_stops_the_run(side: Side, monkeypatch) -> None:
    """After what is in flight: no other row could succeed. The proxy is named, without its password."""

    async def answer(_: int, __: bytes) -> AsyncIterator[bytes]:
        yield page(b"", "407 Proxy Authentication Required")

    witness = Witness(answer)
    async with serving(witness.talk) as port:
        through(monkeypatch, f"http://user:canary@127.0.0.1:{port}")
        batch, outcomes = await run(side, "http://127.0.0.1:9", 400, trust_env=True)
    assert isinstance(batch.stopped_by, AuthenticationError)
    assert batch.stopped_by.status == 407
    assert f"a proxy asks for credentials (the proxy 127.0.0.1:{port} answered with status 407)" in str(
        batch.stopped_by
    )
    assert len(witness.arrivals) == len(outcomes) <= 12
    assert {outcome.effect for outcome in outcomes} == {Effect.REFUSED}
    assert "canary" not in repr(outcomes)


@every_side
async def test_a_proxy_that_makes_no_tunnel_without_credentials(side: Side, monkeypatch) -> None:
    """Nothing was sent to the provider; otherwise as above."""

    async def answer(_: int, head: bytes) -> AsyncIterator[bytes]:
        assert head.startswith(b"CONNECT localhost:9 ")
        yield page(b"", "407 Proxy Authentication Required")

    witness = Witness(answer)
    async with serving(witness.talk) as port:
        through(monkeypatch, f"http://127.0.0.1:{port}")
        batch, outcomes = await run(side, "https://localhost:9", 400, trust_env=True)
        async with side.client(at("https://localhost:9", side), trust_env=True) as client:
            with pytest.raises(
                AuthenticationError, match=f"the proxy 127.0.0.1:{port} answered with status 407"
            ):
                await side.read(client)
    assert isinstance(batch.stopped_by, AuthenticationError)
    assert len(witness.arrivals) == len(outcomes) + 1 <= 12
    for outcome in outcomes:
        [attempt] = outcome.attempts
        assert (outcome.effect, attempt.sent, attempt.status) == (Effect.REFUSED, False, 407)


@every_side
async def test_a_proxy_that_makes_no_tunnel_for_other_reasons_is_tried_again(side: Side, monkeypatch) -> None:
    """No connection was made, as when the provider cannot be reached; the error names the proxy."""

    async def answer(_: int, __: bytes) -> AsyncIterator[bytes]:
        yield page(b"", "502 Bad Gateway")

    witness = Witness(answer)
    async with serving(witness.talk) as port:
        through(monkeypatch, f"http://127.0.0.1:{port}")
        async with side.client(at("https://localhost:9", side), trust_env=True) as client:
            outcome = await side.make(client, side.change())
    assert (outcome.effect, len(outcome.attempts)) == (Effect.NOT_APPLIED, len(witness.arrivals))
    assert len(witness.arrivals) == 6
    assert f"never sent (the proxy 127.0.0.1:{port} answered with status 502)" in str(outcome.error)


def through(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """Have the environment name a proxy for everything."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


async def applied(folder: Path, witness: Witness, count: int) -> "subprocess.CompletedProcess[str]":
    """Apply a file of `count` rows by the command."""
    rows = ["customer_id,value,reason,reference", *(f"c{n},1.00,r,o{n}" for n in range(count))]
    (folder / "changes.csv").write_text("\n".join(rows))
    async with serving(witness.talk) as port:
        url = f"http://127.0.0.1:{port}"
        settings = {"BONIFIQ_BASE_URL": url, "BONIFIQ_API_TOKEN": "token", "BONIFIQ_API_KEY": "key"}
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "bonifiq_async", "apply", "changes.csv", "--yes", "--out", "out.jsonl"],
            cwd=folder,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.mark.slow
async def test_the_command_goes_on_after_a_row_that_a_firewall_rejects(tmp_path: Path) -> None:
    """It ends with 3, some refused, and names what refused that row."""
    ended = await applied(tmp_path, blocking(b"/c7/"), 30)
    assert ended.returncode == Exit.REFUSED, ended.stderr
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    refused = [line for line in lines if line["effect"] != "applied"]
    assert (len(lines), len(refused)) == (30, 1)
    assert "by a proxy or a firewall" in refused[0]["error"]


@pytest.mark.slow
async def test_the_command_stops_at_a_proxy_that_wants_credentials(tmp_path: Path) -> None:
    """As for credentials that the provider refuses, with another text."""

    async def answer(_: int, __: bytes) -> AsyncIterator[bytes]:
        yield page(b"", "407 Proxy Authentication Required")

    witness = Witness(answer)
    ended = await applied(tmp_path, witness, 2_000)
    assert ended.returncode == Exit.USAGE, ended.stderr
    assert "The run was stopped: a proxy asks for credentials." in ended.stderr
    assert len(witness.arrivals) < 100


# Where no request succeeds, in virtual time.

BLOCKED = evolve(status(403), body=PAGE)


@virtual
async def test_where_all_are_rejected_the_run_pauses_and_no_row_is_lost() -> None:
    """As in an outage: a few probes are sent, and the rejected rows are begun again."""
    began = now()
    provider = Provider(lambda *_: BLOCKED if now() - began < 100.0 else GOOD)
    batch = batch_over(provider, wide(8))
    outcomes = await all_of(batch, many(200))
    assert {outcome.effect for outcome in outcomes} == {Effect.APPLIED}
    assert batch.stopped_by is None
    assert sum(moment - began < 100.0 for moment, _ in provider.tried) <= 60


@virtual
async def test_where_all_are_rejected_for_too_long_the_run_gives_up() -> None:
    """Before every row was sent."""
    provider = Provider(lambda *_: BLOCKED)
    batch = batch_over(provider, wide(8, give_up_after=60.0))
    outcomes = await all_of(batch, many(2_000))
    assert isinstance(batch.stopped_by, NotAppliedError)
    assert len(provider.tried) <= 60
    assert {outcome.effect for outcome in outcomes} == {Effect.REFUSED}
