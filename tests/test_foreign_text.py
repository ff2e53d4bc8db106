"""What a provider, a file, its name, a ledger or an environment says: no screen, log or error has it raw."""

import asyncio
import json
import logging
import os
import pty
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import fast
from console import HEADER, Console, Ended, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    CashbackChange,
    Earn,
    Member,
    PayloadError,
    Raba7niClient,
    Raba7niCredentials,
    SqliteLedger,
    errors,
)
from bonifiq_async.cli.rows import _quoted
from bonifiq_async.cli.tables import Table
from bonifiq_async.laboratory.finding import Figures, Finding, Proof
from bonifiq_async.laboratory.page import Head, page
from bonifiq_async.ledger import book
from bonifiq_async.ledger.book import Book
from bonifiq_async.log import Log
from bonifiq_async.printable import LONGEST, printable
from bonifiq_async.sandbox.journal import Line
from bonifiq_async.sandbox.report import Account, Under, report

# Invisible: a bidirectional override, an isolate, a zero width space, separators, a soft hyphen, a tag.
HIDING = "\u202e\u2066\u200b\u2028\u2029\xad\U000e0041"
# Obeyed: an OSC that names the window, a colour, a C1 control, a line feed that makes a line of its own.
OBEYED = "\x1b]0;owned\x07\x1b[31m\x9b2J\r\nDONE: all applied\x7f\x00"
KEY = "k\u2028\u2029\ue000k"
"""The same in a key, which is refused with more in it."""
HOSTILE = f"[bold]x[/bold]{HIDING}{OBEYED}"


def raw(text: str) -> list[str]:
    """Return the characters of a screen that none may have."""
    return [char for char in text if not char.isprintable() and char != "\n"]


# The one function.


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=80), st.integers(10, 60))
def test_what_is_shown_is_one_harmless_line_of_bounded_length(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert shown.isprintable() and len(shown) <= longest
    assert printable(shown, longest) == shown
    assert printable(printable(text, None), None) == printable(text, None)
    if text.isprintable() and len(text) <= longest:
        assert shown == text


def test_what_is_escaped_stands_as_python_writes_it() -> None:
    assert printable("a\x1b[31m\u202e\n\udce9\U000e0041") == r"a\x1b[31m\u202e\n\udce9\U000e0041"
    assert printable("José é ótimo 中文 👍") == "José é ótimo 中文 👍"


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    shown = printable("\x1b" * 10_000_000)
    assert len(shown) == LONGEST and shown.endswith("...")


# Errors and log lines.


def _kinds(kind: type[BonifiQError] = BonifiQError) -> Iterator[type[BonifiQError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


@pytest.mark.parametrize("kind", list(_kinds()), ids=lambda kind: kind.__name__)
def test_every_error_is_one_harmless_line(kind: type[BonifiQError]) -> None:
    """However it is made, and however long what it speaks of."""
    path = {"path": "p"} if issubclass(kind, PayloadError) else {}
    assert str(kind(HOSTILE * 9, **path)).isprintable()
    assert len(str(kind("x" * 10**6, **path))) == errors.MOST_WORDS


def test_a_log_line_shows_its_arguments_harmless(caplog) -> None:
    caplog.set_level(logging.INFO)
    log = Log(logging.getLogger("test"))
    log.info("a %s b %s %d %.1f", HOSTILE, ValueError(HOSTILE), 3, 0.25)
    log.warning("key=%s", HOSTILE)
    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert caplog.records[0].getMessage().endswith(" 3 0.2")
    assert [(record.levelname, record.funcName) for record in caplog.records] == [
        ("INFO", "test_a_log_line_shows_its_arguments_harmless"),
        ("WARNING", "test_a_log_line_shows_its_arguments_harmless"),
    ]


# A provider that lies, and keys, names and texts that hide.

ENVELOPE = {"HasError": True, "ErrorMessage": HOSTILE, "Code": HOSTILE, "CodeName": HOSTILE, "Severity": 2}
RABA7NI_NO = {
    "success": False,
    "error": {"code": HOSTILE, "message": HOSTILE},
    "meta": {"request_id": HOSTILE},
}
WARNING = ENVELOPE | {
    "HasError": False,
    "HasWarning": True,
    "Severity": 1,
    "Result": {"CustomerExists": True},
}
NOES = {
    "refused": (400, json.dumps(ENVELOPE).encode()),
    "refused with 200": (200, json.dumps(ENVELOPE).encode()),
    "credentials": (401, json.dumps(ENVELOPE).encode()),
    "broken": (500, json.dumps(ENVELOPE).encode()),
    "a page": (200, f"<html>{HOSTILE}".encode()),
    "a page of a refusal": (409, f"<html>{HOSTILE}".encode()),
    "a wrong member": (200, json.dumps({"HasError": False, "Result": {HOSTILE: 1, "Name": 7}}).encode()),
    "a warning": (200, json.dumps(WARNING).encode()),
    "raba7ni refused": (422, json.dumps(RABA7NI_NO).encode()),
    "raba7ni refused with 200": (200, json.dumps(RABA7NI_NO).encode()),
    "raba7ni unknown card": (200, json.dumps({"success": True, "data": {HOSTILE: {"id": "x"}}}).encode()),
}
Answer = tuple[int, bytes]


@contextmanager
def provider(answer: Callable[[str], Answer]) -> Iterator[str]:
    """Serve what `answer` says of each path; gives the base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_PUT = do_GET

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(url: str) -> dict[str, str]:
    """Return the settings of both providers' clients."""
    return {
        "BONIFIQ_BASE_URL": url,
        "BONIFIQ_API_TOKEN": "a",
        "BONIFIQ_API_KEY": "b",
        "RABA7NI_BASE_URL": url,
        "RABA7NI_APP_ID": "a",
        "RABA7NI_API_KEY": "b",
    }


def change(name: str = f"c{HIDING}") -> CashbackChange:
    """Return a change whose every text hides something."""
    return CashbackChange(name, Decimal(1), f"r{HIDING}", KEY)


@pytest.mark.parametrize("no", NOES.values(), ids=NOES.keys())
def test_what_a_provider_says_is_harmless_in_errors_and_logs(no: Answer, caplog, tmp_path) -> None:
    """Also what the ledger keeps of it, which the next run tells."""
    caplog.set_level(logging.INFO, "bonifiq_async")
    told: list[str] = []

    async def every(url: str) -> None:
        async with (
            SqliteLedger(tmp_path / "b") as first,
            SqliteLedger(tmp_path / "r") as second,
            BonifiQClient(
                BasicCredentials("a", "b"), base_url=url, retry=fast(max_attempts=2), ledger=first
            ) as bonifiq,
            Raba7niClient(
                Raba7niCredentials("a", "b"), base_url=url, retry=fast(max_attempts=2), ledger=second
            ) as raba7ni,
        ):
            earn = Earn(card_id=1, member=Member.by_id(1), purchase_amount=Decimal(1), key=KEY)
            for _ in range(2):
                for outcome in (await bonifiq.outcome_of(change()), await raba7ni.outcome_of(earn)):
                    told.append(str(outcome.error))
            for call in (
                bonifiq.outcome_of(change("another")),  # a conflict
                bonifiq.customers.points(f"c{HIDING}"),
                bonifiq.checkout.remove_cashback("c", f"c{HIDING}"),
                raba7ni.cards.get(1),
                raba7ni.cashback.balance(1, 1),
                raba7ni.members.request_otp(email="a"),
            ):
                try:
                    told.append(str(await call))
                except BonifiQError as error:
                    told.append(str(error))

    with provider(lambda _: no) as url:
        asyncio.run(every(url))
    logged = [record.getMessage() for record in caplog.records if record.name == "bonifiq_async"]
    assert told and (logged or no[0] != 500)
    assert [text for text in (*told, *logged) if raw(text) or "\n" in text] == []


# Every command, at its screen.

POINTS = {"CustomerExists": True, "CashbackBalance": 10, "Name": HOSTILE, "RedeemKey": HOSTILE}
REMOVED = {
    "HasError": False,
    "Severity": 1,
    "Code": "04",
    "CodeName": HOSTILE,
    "Result": {"CustomerMessage": HOSTILE, "Success": False},
}
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


NAME = f"f{HOSTILE}".replace("\x00", "").replace("/", "")
"""What a file may be called."""
Screen = Callable[[Console], Ended]


def _with_no(number: str, *options: str) -> Screen:
    def run(console: Console) -> Ended:
        console.write("changes.csv", *rows(2))
        with provider(lambda _: NOES[number]) as url:
            return console("apply", "changes.csv", "--yes", *options, **environment(url))

    return run


def _file(*lines: str, name: str = "changes.csv", command: tuple[str, ...] = ("check",)) -> Screen:
    def run(console: Console) -> Ended:
        (console.folder / name).write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="")
        with provider(lambda _: NOES["refused"]) as url:
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


def _of_strangers(*command: str) -> Screen:
    """What a ledger says of its account is whatever the program that wrote it says, seal and all."""

    def run(console: Console) -> Ended:
        _ledger("l")
        console.write("changes.csv", *rows(1))
        with closing(sqlite3.connect("l")) as database:
            book.write(database, Book((HOSTILE, HOSTILE)))
            database.commit()
        return console(*command, **environment("http://127.0.0.1:1"))

    return run


JSON_ROW = json.dumps({"customer_id": f"c{HIDING}", "value": HOSTILE, "reason": "r", "reference": HOSTILE})
SCREENS: dict[str, Screen] = {
    "balance": _one(_says(POINTS), "balance", f"c{HIDING}"),
    "balance as json": _one(_says(POINTS), "balance", f"c{HIDING}", "--json"),
    "balance refused": _one(lambda _: NOES["refused"], "balance", "c"),
    "balance of a bad id": _one(_says(POINTS), "balance", HOSTILE),
    "pending refused": _one(lambda _: NOES["refused with 200"], "pending", f"c{HIDING}"),
    "checkout-remove": _one(_says(REMOVED), "checkout-remove", "c", f"k{HIDING}"),
    "checkout-remove as json": _one(_says(REMOVED), "checkout-remove", "c", "k", "--json"),
    "checkout-remove with a bad total": _one(_says(REMOVED), "checkout-remove", "c", "k", "--total", HOSTILE),
    **{f"apply, {no}": _with_no(no) for no in NOES if no != "broken"},  # which is asked again for minutes
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
        "status", "l", "--look", answer=lambda _: NOES["raba7ni refused"], raba7ni=True
    ),
    "status of nothing": lambda console: console("status", NAME),
    "status of a stranger's": _of_strangers("status", "l"),
    "status of a stranger's as json": _of_strangers("status", "l", "--json"),
    "status of a stranger's with a look": _of_strangers("status", "l", "--look"),
    "export of a stranger's": _of_strangers("export", "l", "--effect", "unknown"),
    "settle a stranger's": _of_strangers("settle", "l", "--all-by-repeating"),
    "apply beside a stranger's": _of_strangers("apply", "changes.csv", "--yes", "--ledger", "l"),
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
    """Neither on standard output nor on standard error; and nothing foreign makes a line of its own."""
    ended = screen(console)
    assert raw(ended.out + ended.err) == []
    assert not [line for line in (ended.out + ended.err).splitlines() if line.startswith("DONE")]
    assert ended.out + ended.err, "it was shown nothing"
    assert "Traceback" not in ended.err


def test_an_outcome_file_holds_no_raw_text(console: Console) -> None:
    """A cell is a screen, too; JSON lines give back what they were given."""
    key, customer = "k-1", f"c{HIDING}"
    console.write(
        "changes.jsonl", json.dumps({"customer_id": customer, "value": 1, "reason": "r", "change_key": key})
    )
    with provider(lambda _: NOES["refused"]) as url:
        for name in ("out.jsonl", "out.csv"):
            console("apply", "changes.jsonl", "--yes", "--out", name, **environment(url))
    assert raw(Path("out.jsonl").read_text("utf-8") + Path("out.csv").read_text("utf-8")) == []
    assert json.loads(Path("out.jsonl").read_text("utf-8"))["customer_id"] == customer


def test_an_export_is_exact_in_a_pipe_and_harmless_on_a_terminal(console: Console) -> None:
    """It is a file to apply again; on a terminal it is a text."""
    _ledger("l")
    command = [sys.executable, "-m", "bonifiq_async", "export", "l", "--effect", "unknown"]
    piped = subprocess.run(command, stdout=subprocess.PIPE, timeout=60, check=True).stdout.decode()
    assert f"c{HIDING},1,r{HIDING},{KEY}," in piped
    ours, theirs = pty.openpty()
    subprocess.run(command, stdout=theirs, timeout=60, check=True)
    os.close(theirs)
    with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
        shown = terminal.read(100_000).decode().replace("\r\n", "\n")
    assert raw(shown) == [] and printable(f"c{HIDING},1,r{HIDING},{KEY},") in shown


def test_a_command_to_type_again_is_read_by_a_shell_as_it_was_typed() -> None:
    """Also where its file has a name that cannot be printed."""
    names = ["plain.csv", "two words'.csv", f"{NAME}\\'1.csv", os.fsdecode(b"caf\xe9.csv"), "café.csv"]
    typed = " ".join(map(_quoted, names))
    assert typed.isprintable()
    read = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {typed}"], stdout=subprocess.PIPE, check=True
    ).stdout
    assert read.split(b"\0")[:-1] == [os.fsencode(name) for name in names]


def test_a_table_takes_no_markup_and_nothing_endless() -> None:
    table = Table()
    table.add_row(f"[bold]{HOSTILE}", "y" * 10**6)
    shown = [str(cell) for column in table.columns for cell in column.cells]
    assert [raw(cell) for cell in shown] == [[], []] and shown[0].startswith("[bold]")
    assert len(shown[1]) == LONGEST


def test_a_page_and_a_report_are_harmless() -> None:
    """That of `prove`, and what a test that failed shows of the sandbox."""
    finding = Finding(Figures(), [HOSTILE], HOSTILE)
    made = page(Head(HOSTILE, 1, 1.0, HOSTILE), [Proof("n", HOSTILE, HOSTILE, finding)], [])
    assert raw(made) == [] and "<bold>" not in made
    under = Under(HOSTILE, 1, [HOSTILE])
    told = report([Line(1, "GET", HOSTILE, HOSTILE)], [Account(HOSTILE, Decimal(0), Decimal(1))], [under])
    assert raw(told + under.told()) == []
