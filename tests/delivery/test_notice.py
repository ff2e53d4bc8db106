"""The notice of an accepted answer beside its result: in the outcome, the ledger, the file, on the screen."""

import asyncio
import csv
import json
import pickle
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import change, fast, http, read_request
from console import Console

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackBatch,
    Earn,
    Effect,
    Member,
    Notice,
    Outcome,
    Raba7niClient,
    Raba7niCredentials,
    Refund,
    Severity,
    SqliteLedger,
)
from bonifiq_async.ledger.sqlite.connection import opened
from bonifiq_async.ledger.sqlite.row import every

Serve = Callable[..., Awaitable[str]]
PART = "4.00 of 10.00 was added"
WARNED = (
    b'{"ErrorMessage":"%s","Code":"05","CodeName":"PartiallyAdded","Severity":1,"HasWarning":true,'
    b'"HasError":false,"Result":{"CashbackBalance":4.00}}' % PART.encode()
)
NOTICE = Notice("05", "PartiallyAdded", Severity.WARNING, PART)
NAMED = (
    b'{"Code":"00","CodeName":"CashbackChanged","Severity":0,"HasWarning":false,"HasError":false,'
    b'"Result":{"CashbackBalance":14.00}}'
)
PLAIN = b'{"Severity":0,"HasWarning":false,"HasError":false,"Result":{"CashbackBalance":14.00}}'


def serving(*bodies: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Return a server that gives these answers, the last one for ever."""
    left = list(bodies)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(http(left.pop(0) if len(left) > 1 else left[0]))

    return serve


def client_at(url: str, **more: object) -> BonifiQClient:
    return BonifiQClient(BasicCredentials("token", "secret-words"), base_url=url, retry=fast(), **more)


SAID: dict[str, tuple[bytes, Notice | None]] = {
    "a warning with words": (WARNED, NOTICE),
    "a name of success": (NAMED, Notice("00", "CashbackChanged", Severity.SUCCESS)),
    "a warning by its flag alone": (
        b'{"HasWarning":true,"HasError":false,"Result":{"CashbackBalance":4}}',
        Notice(severity=Severity.WARNING),
    ),
    "another severity": (b'{"HasError":false,"Severity":7,"Result":{"Name":"A"}}', Notice(severity=7)),
    "blank words": (b'{"HasError":false,"CodeName":" ","Result":{"Name":"A"}}', None),
    "nothing": (PLAIN, None),
    "nothing, in the older envelope": (b'{"HasError":false,"Result":{"Name":"A"}}', None),
}


@pytest.mark.parametrize(("body", "notice"), SAID.values(), ids=SAID.keys())
async def test_the_outcome_has_it(body: bytes, notice: Notice | None, raw_server: Serve) -> None:
    async with client_at(await raw_server(serving(body))) as client:
        outcome = await client.customers.change_cashback(change())
        assert (outcome.effect, outcome.notice) == (Effect.APPLIED, notice)
        assert pickle.loads(pickle.dumps(outcome)).notice == notice
        [again] = [each async for each in CashbackBatch(client).run([change("BIA")])]
        assert (again.effect, again.notice) == (Effect.APPLIED, notice)


async def test_two_joined_calls_get_the_same(raw_server: Serve) -> None:
    async with client_at(await raw_server(serving(WARNED))) as client:
        both = await asyncio.gather(*(client.outcome_of(change()) for _ in range(2)))
    assert [outcome.notice for outcome in both] == [NOTICE, NOTICE]


async def test_an_answer_from_memory_has_none(raw_server: Serve) -> None:
    async with client_at(await raw_server(serving(WARNED))) as client:
        await client.outcome_of(change())
        again = await client.outcome_of(change())
    assert (again.effect, again.notice) == (Effect.ALREADY_APPLIED, None)


async def test_a_secret_in_it_is_redacted(raw_server: Serve) -> None:
    body = WARNED.replace(PART.encode(), b"4.00 of 10.00 by secret-words")
    async with client_at(await raw_server(serving(body))) as client:
        outcome = await client.outcome_of(change())
    assert outcome.notice is not None and outcome.notice.message == "4.00 of 10.00 by ***"


async def test_the_ledger_has_it(tmp_path: Path, raw_server: Serve) -> None:
    """After the values that it keeps of the answer, and also where there are none."""
    path = tmp_path / "ledger"
    null = b'{"Code":"00","CodeName":"Done","Severity":0,"HasError":false,"Result":null}'
    server = serving(WARNED, null, PLAIN)
    async with SqliteLedger(path) as ledger, client_at(await raw_server(server), ledger=ledger) as client:
        for customer in ("ANA", "BIA", "CEU"):
            assert (await client.outcome_of(change(customer))).effect is Effect.APPLIED
    with closing(opened(path)) as database:
        answers = [entry.answer for entry in every(database)]
    assert answers == [
        f"status=200 cashback_balance=4.00 points_balance=None notice=warning 05 PartiallyAdded: {PART}",
        "status=200 notice=success 00 Done",
        "status=200 cashback_balance=14.00 points_balance=None",
    ]


class Provider(ThreadingHTTPServer):
    """A provider in a thread of its own: it gives these answers, one after the other."""

    def __init__(self, *bodies: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.bodies = list(bodies)

    def __enter__(self) -> "Provider":
        threading.Thread(target=self.serve_forever, args=(0.01,)).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def environment(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.server_address[1]}"
        return {"BONIFIQ_BASE_URL": url, "BONIFIQ_API_TOKEN": "token", "BONIFIQ_API_KEY": "secret"}


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Provider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = self.server.bodies.pop(0)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_outcome_file_and_the_screen_have_it(kind: str, tmp_path: Path, console: Console) -> None:
    """A warning with its text, by line and key; the mere name of a success is in the file alone."""
    rows = (f"{customer},10,paid,{customer}-1" for customer in ("ana", "bia", "ceu"))
    console.write("changes.csv", "customer_id,value,reason,change_key", *rows)
    out = tmp_path / f"out.{kind}"
    with Provider(WARNED, NAMED, PLAIN) as provider:
        options = ("--yes", "--max-in-flight", "1", "--out", str(out))
        ran = console("apply", "changes.csv", *options, **provider.environment)
    assert ran.code == 0
    assert f"line 2: ana-1: warning 05 PartiallyAdded: {PART}" in ran.err
    assert "CashbackChanged" not in ran.err + ran.out
    assert "of them with a warning" in ran.out
    lines = out.read_text().splitlines()
    told = list(csv.DictReader(lines)) if kind == "csv" else [json.loads(line) for line in lines]
    assert [each["notice"] or None for each in told] == [
        f"warning 05 PartiallyAdded: {PART}",
        "success 00 CashbackChanged",
        None,
    ]
    assert [(each["code"] or None, each["code_name"] or None) for each in told] == [
        ("05", "PartiallyAdded"),
        ("00", "CashbackChanged"),
        (None, None),
    ]


def test_a_run_counts_its_warnings_in_json(console: Console) -> None:
    """And the screen shows the first ten of them."""
    rows = (f"c{number},10,paid,k{number}" for number in range(12))
    console.write("changes.csv", "customer_id,value,reason,change_key", *rows)
    with Provider(*[WARNED] * 12) as provider:
        ran = console("apply", "changes.csv", "--yes", "--json", **provider.environment)
    assert (ran.code, json.loads(ran.out)["warned"]) == (0, 12)
    assert ran.err.count(PART) == 10
    assert "and 2 more with a warning; --out FILE writes them all" in ran.err


def test_a_success_by_name_is_no_warning() -> None:
    assert [Notice(severity=each).warns for each in (None, 0, 1, 7)] == [False, False, True, True]


OTHERS: dict[str, tuple[bytes, Notice | None]] = {
    "a warning": (
        b'{"new_balance":0,"balance_warning":"The balance is below zero"}',
        Notice(None, None, 1, "The balance is below zero"),
    ),
    "a warning as an object": (b'{"balance_warning":{"message":"low"}}', Notice(None, None, 1, "low")),
    "a warning without words": (b'{"balance_warning":true}', Notice(None, None, 1, "balance_warning")),
    "no warning": (b'{"new_balance":0,"balance_warning":null}', None),
    "a warning that is false": (b'{"new_balance":0,"balance_warning":false}', None),
}


@pytest.mark.parametrize(("data", "notice"), OTHERS.values(), ids=OTHERS.keys())
async def test_the_other_providers_warning(data: bytes, notice: Notice | None, raw_server: Serve) -> None:
    made = await _made(raw_server, b'{"success":true,"data":%s}' % data)
    assert (made.effect, made.notice) == (Effect.APPLIED, notice)


async def test_the_message_of_the_older_envelope(raw_server: Serve) -> None:
    made = await _made(raw_server, b'{"success":true,"message":"Done","data":{"new_balance":1}}')
    assert made.notice == Notice(severity=0, message="Done")
    both = b'{"success":true,"message":"Done","data":{"balance_warning":"low"}}'
    assert (await _made(raw_server, both)).notice == Notice(severity=1, message="low. Done")


async def _made(raw_server: Serve, body: bytes) -> Outcome[object]:
    credentials = Raba7niCredentials("app_1", "test_key")
    async with Raba7niClient(credentials, base_url=await raw_server(serving(body)), retry=fast()) as client:
        ana = Member.by_id(1)
        earned = await client.outcome_of(
            Earn(card_id=10, member=ana, purchase_amount=Decimal(1), reference="r")
        )
        refunded = await client.outcome_of(
            Refund(card_id=10, member=ana, refund_amount=Decimal(1), reference="r")
        )
    assert earned.notice == refunded.notice
    return refunded
