"""No command shows a text of a provider, a file, its name, a ledger or an environment unescaped."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from console import HEADER, Console, Ended, rows
from hostile import (
    ENVELOPE,
    HIDING,
    HOSTILE,
    KEY,
    NAME,
    OBEYED,
    REFUSALS,
    Answer,
    change,
    environment,
    provider,
    raw,
)

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    CashbackChange,
    Earn,
    Member,
    Raba7niClient,
    Raba7niCredentials,
    SqliteLedger,
)
from bonifiq_async._model.printable import printable
from bonifiq_async.ledger.sqlite import header
from bonifiq_async.ledger.sqlite.header import Book

# Every command, at its screen.

POINTS = {"CustomerExists": True, "CashbackBalance": 10, "Name": HOSTILE, "RedeemKey": HOSTILE}
REMOVED = {
    "HasError": False,
    "Severity": 1,
    "Code": "04",
    "CodeName": HOSTILE,
    "Result": {"CustomerMessage": HOSTILE, "Success": False},
}
PAGE_OF_ONE = {"Items": [{"Title": HOSTILE, "Name": HOSTILE}], "HasNextPage": False}
HISTORY = [{"id": 1, "event": HOSTILE, "type": HOSTILE, "amount": 1}]


def _says(value: object) -> Callable[[str], Answer]:
    body = json.dumps(value).encode()
    return lambda _: (200, body)


def _looked_at(path: str) -> Answer:
    data: object = {"cashback_balance": 10, "cashback_percentage": 5}
    if "history" in path:
        data = {"transactions": HISTORY, "has_more": False}
    return 200, json.dumps({"success": True, "data": data}).encode()


def _ledger(name: str, *, raba7ni: bool = False) -> None:
    """Leave one change in doubt and one refused, whose texts hide something."""
    answers = iter([(200, b"<html>"), (400, json.dumps(ENVELOPE).encode())])

    async def leave(url: str) -> None:
        async with SqliteLedger(name) as ledger:
            credentials = {"base_url": url, "ledger": ledger}
            if raba7ni:
                async with Raba7niClient(Raba7niCredentials("a", "b"), **credentials) as client:
                    member = Member.by_id(1)
                    made = Earn(card_id=1, member=member, purchase_amount=Decimal(1), key=KEY)
                    await client.outcome_of(made)
                return
            async with BonifiQClient(BasicCredentials("a", "b"), **credentials) as client:
                await client.outcome_of(change())
                await client.outcome_of(CashbackChange("c", Decimal(1), f"r{HIDING}", "k2"))

    with provider(lambda _: next(answers)) as url:
        asyncio.run(leave(url))


Screen = Callable[[Console], Ended]


def _with_no(number: str, *options: str, count: int = 2) -> Screen:
    def run(console: Console) -> Ended:
        console.write("changes.csv", *rows(count))
        with provider(lambda _: REFUSALS[number]) as url:
            return console("apply", "changes.csv", "--yes", *options, **environment(url))

    return run


def _file(*lines: str, name: str = "changes.csv", command: tuple[str, ...] = ("check",)) -> Screen:
    def run(console: Console) -> Ended:
        (console.folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="")
        with provider(lambda _: REFUSALS["refused"]) as url:
            return console(*command, name, **environment(url))

    return run


def _one(answer: Callable[[str], Answer], *command: str) -> Screen:
    def run(console: Console) -> Ended:
        with provider(answer) as url:
            return console(*command, **environment(url))

    return run


def _of_ledger(
    *command: str, answer: Callable[[str], Answer] = lambda _: (200, b"x"), raba7ni=False
) -> Screen:
    def run(console: Console) -> Ended:
        _ledger("l", raba7ni=raba7ni)
        with provider(answer) as url:
            return console(*command, **environment(url))

    return run


def _of_another_program(*command: str) -> Screen:
    """Another program may write any account into a ledger, with a valid seal."""

    def run(console: Console) -> Ended:
        _ledger("l")
        console.write("changes.csv", *rows(1))
        with closing(sqlite3.connect("l")) as database:
            header.write(database, Book((HOSTILE, HOSTILE)))
            database.commit()
        return console(*command, **environment("http://127.0.0.1:1"))

    return run


JSON_ROW = json.dumps({"customer_id": f"c{HIDING}", "value": HOSTILE, "reason": "r", "reference": HOSTILE})
SCREENS: dict[str, Screen] = {
    "balance": _one(_says(POINTS), "balance", f"c{HIDING}"),
    "balance as json": _one(_says(POINTS), "balance", f"c{HIDING}", "--json"),
    "balance refused": _one(lambda _: REFUSALS["refused"], "balance", "c"),
    "balance of a bad id": _one(_says(POINTS), "balance", HOSTILE),
    "pending refused": _one(lambda _: REFUSALS["refused with 200"], "pending", f"c{HIDING}"),
    "checkout-remove": _one(_says(REMOVED), "checkout-remove", "c", f"k{HIDING}"),
    "checkout-remove as json": _one(_says(REMOVED), "checkout-remove", "c", "k", "--json"),
    "customer": _one(_says({"Result": {"Name": HOSTILE}, "HasError": False}), "customer", "c"),
    "customer as json": _one(
        _says({"Result": {"Name": HOSTILE}, "HasError": False}), "customer", "c", "--json"
    ),
    "order": _one(_says({"OriginalId": HOSTILE, "OrderStatus": f"{HIDING}"}), "order", "o"),
    "customer-history": _one(_says(PAGE_OF_ONE), "customer-history", "c"),
    "customers-report": _one(_says(PAGE_OF_ONE), "customers-report", "--json"),
    "customers-report of a bad day": _one(_says(PAGE_OF_ONE), "customers-report", "--since", HOSTILE),
    "checkout-remove with a bad total": _one(_says(REMOVED), "checkout-remove", "c", "k", "--total", HOSTILE),
    **{f"apply, {no}": _with_no(no) for no in REFUSALS if no != "broken"},  # which is retried for minutes
    **{
        f"apply where all is {no}": _with_no(no, "--give-up-at-start", "0.2", count=40)
        for no in ("broken", "a page", "no address")
    },
    "apply where the sum is too large": _file(
        HEADER, "c,9,r,o", name=f"{NAME}.csv", command=("apply", "--yes", "--confirm-above", "1")
    ),
    "apply above what is no amount": _file(
        HEADER, "c,9,r,o", command=("apply", "--yes", "--confirm-above", HOSTILE)
    ),
    "apply a warning to a file": _with_no("a warning", "--out", "out.jsonl"),
    "apply as json": _with_no("refused", "--json"),
    "apply a row that is not valid": _file(HEADER, f"c,{HOSTILE!r},r,o", command=("apply", "--yes")),
    "check a header": _file(f"a{HOSTILE.replace(chr(13), '').replace(chr(10), '')},{HEADER}", "1,c,1,r,o"),
    "check a bad header": _file(f"a{HIDING},b", "1,2"),
    "check cells": _file(HEADER, f'c{HIDING},1,r,"{OBEYED}"', f"c,{HIDING},r,o", f"{HIDING},1,,o"),
    "check cells of the other": _file(
        "operation,card_id,amount,member_id,reference",
        f"earn{HIDING},1,1,1,r",
        f"earn,{HIDING},1,1,r",
        command=("check", "--provider", "raba7ni"),
    ),
    "check a name": _file(*rows(2), name=f"{NAME}.csv"),
    "apply a name": _file(*rows(2), name=f"{NAME}.csv", command=("apply", "--yes")),
    "check a name without a format": _file(*rows(2), name=NAME),
    "check JSON lines": _file(JSON_ROW, f'{{"{HIDING}', name="changes.jsonl"),
    "check what is not there": lambda console: console("check", f"{NAME}.csv"),
    "apply to a bad out": _file(*rows(1), command=("apply", "--yes", "--out", f"{NAME}.txt")),
    "apply to a bad ledger": _file(*rows(1), command=("apply", "--yes", "--ledger", f"{NAME}/l")),
    "status": _of_ledger("status", "l"),
    "status as json": _of_ledger("status", "l", "--json"),
    "status with a look": _of_ledger("status", "l", "--look", answer=_looked_at, raba7ni=True),
    "status with a look as json": _of_ledger(
        "status", "l", "--look", "--json", answer=_looked_at, raba7ni=True
    ),
    "status with a look refused": _of_ledger(
        "status", "l", "--look", answer=lambda _: REFUSALS["raba7ni refused"], raba7ni=True
    ),
    "status of nothing": lambda console: console("status", NAME),
    "status of another program's": _of_another_program("status", "l"),
    "status of another program's as json": _of_another_program("status", "l", "--json"),
    "status of another program's with a look": _of_another_program("status", "l", "--look"),
    "export of another program's": _of_another_program("export", "l", "--effect", "unknown"),
    "settle another program's": _of_another_program("settle", "l", "--all-by-repeating"),
    "apply beside another program's": _of_another_program("apply", "changes.csv", "--yes", "--ledger", "l"),
    "export as JSON lines": _of_ledger("export", "l", "--effect", "unknown", "--format", "jsonl"),
    "export a bad effect": _of_ledger("export", "l", "--effect", HOSTILE),
    "settle a bad key": _of_ledger("settle", "l", "--key", HOSTILE, "--as", "applied", "--note", "n"),
    "settle": _of_ledger("settle", "l", "--key", KEY, "--as", "applied", "--note", HOSTILE),
    "settle by repeating": _of_ledger("settle", "l", "--all-by-repeating", "--yes"),
    "prove a bad claim": lambda console: console("prove", "--only", HOSTILE),
    "prove to a bad page": lambda console: console("prove", "--html", f"{NAME}/page"),
    "demo with a bad script": lambda console: console("demo", "--script", f"{NAME}.toml"),
    "sandbox with a bad script": lambda console: _script(console, f'rate = "{HIDING}"\n"{HIDING}" = 1'),
    "an unknown option": lambda console: console("check", f"--{HOSTILE}"),
    "an unknown command": lambda console: console(HOSTILE),
    "a bad choice": lambda console: console("check", "x", "--format", HOSTILE),
    "a bad number": lambda console: console("demo", "--changes", HOSTILE),
    "a bad base URL": lambda console: console(
        "balance", "c", **environment(f"https://{HOSTILE}".replace("\x00", ""))
    ),
    "a bad credential": lambda console: console(
        "balance", "c", **environment("http://127.0.0.1:1") | {"BONIFIQ_API_KEY": f"k{OBEYED[:-1]}"}
    ),
}


def _script(console: Console, text: str) -> Ended:
    (console.folder / "s.toml").write_text(text, "utf-8")
    return console("sandbox", "--script", "s.toml")


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS.keys())
def test_no_command_shows_it(screen: Screen, console: Console) -> None:
    """Neither on standard output nor on standard error; and no foreign text starts a line of its own."""
    ended = screen(console)
    assert raw(ended.out + ended.err) == []
    assert not [line for line in (ended.out + ended.err).splitlines() if line.startswith("DONE")]
    assert ended.out + ended.err, "it was shown nothing"
    assert "Traceback" not in ended.err


def test_an_outcome_file_holds_no_raw_text(console: Console) -> None:
    """A cell is shown to a person, too."""
    row = {"customer_id": "ANA", "value": 1, "reason": f"r{HIDING}", "change_key": "k-1"}
    console.write("changes.jsonl", json.dumps(row))
    with provider(lambda _: REFUSALS["refused"]) as url:
        for name in ("out.jsonl", "out.csv"):
            console("apply", "changes.jsonl", "--yes", "--out", name, **environment(url))
    assert raw(Path("out.jsonl").read_text("utf-8") + Path("out.csv").read_text("utf-8")) == []
    assert json.loads(Path("out.jsonl").read_text("utf-8"))["effect"] == "refused"


@pytest.mark.slow
def test_an_export_is_exact_in_a_pipe_and_harmless_on_a_terminal(console: Console) -> None:
    """In a pipe it is a file to apply again; on a terminal it is a text to read."""
    _ledger("l")
    command = [sys.executable, "-m", "bonifiq_async", "export", "l", "--effect", "unknown"]
    piped = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True).stdout.decode()
    assert f"c{HIDING},1,r{HIDING},{KEY}," in piped
    ours, theirs = os.openpty()
    subprocess.run(command, stdout=theirs, timeout=60, check=True)
    os.close(theirs)
    with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
        shown = terminal.read(100_000).decode().replace("\r\n", "\n")
    assert raw(shown) == [] and printable(f"c{HIDING},1,r{HIDING},{KEY},") in shown
