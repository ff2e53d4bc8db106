"""Rare cases of the console command: settling from a ledger, and its messages when it cannot go on."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import client_for, http, read_request
from console import Ended, rows

from bonifiq_async import CashbackChange, ConfigurationError, Effect, SqliteLedger
from bonifiq_async._model.money import spelled
from bonifiq_async.bonifiq import files as bonifiq_files
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.rows import Source
from bonifiq_async.raba7ni.evidence.history import HistoryReader
from bonifiq_async.raba7ni.files import ADAPTER
from bonifiq_async.raba7ni.payloads import CashbackBalance, CashbackTransaction
from bonifiq_async.sandbox import FaultScript, Raba7niSandbox, Sandbox


@pytest.fixture
def sandbox():
    """A sandbox that answers a used key with an error."""
    with Sandbox(duplicates="error-400") as running:
        yield running


def _in_doubt(path: Path, sandbox: Sandbox, **texts: str) -> None:
    """Leave a change in doubt in a ledger, as a program does with texts that no CSV file can have."""

    async def leave() -> None:
        async with SqliteLedger(path) as ledger, client_for(sandbox, ledger=ledger) as client:
            made = CashbackChange.add("c", Decimal(1), change_key="k", **texts)
            assert (await client.outcome_of(made)).effect is Effect.UNKNOWN

    asyncio.run(leave())


TEXTS = {
    "no customer reason": {"reason": "r"},
    "an empty customer reason": {"reason": "r", "customer_reason": ""},
    "a blank customer reason": {"reason": "r", "customer_reason": "  "},
    "blanks around": {"reason": " r", "customer_reason": " c "},
}


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS.keys())
def test_what_a_program_left_in_doubt_is_settled_with_the_same_bytes(console, texts):
    """Also from an export as JSON lines; an export as CSV says what it does not keep."""
    with Sandbox(faults=FaultScript(["html-before", "html-before"])) as sandbox:
        for name in ("l", "m"):
            _in_doubt(console.folder / name, sandbox, **texts)
        assert console("settle", "l", "--all-by-repeating", "--yes", sandbox=sandbox).code == 0
        exported = console("export", "m", "--effect", "unknown", "--format", "jsonl").out
        console.write("m.jsonl", *exported.splitlines())
        assert console("apply", "m.jsonl", "--ledger", "m", "--yes").code == 0
        assert len(sandbox.books.effects("k")) == 1
        told = console("export", "m", "--effect", "applied").err
        assert ("1 of them have" in told) is (texts["reason"] == " r")


def test_a_change_that_cannot_be_repeated_stays_in_doubt(console, monkeypatch):
    """Its row does not come back as it was sent: nothing is sent, and nothing is said to be settled."""
    with Sandbox(faults=FaultScript(["html-after"])) as sandbox:
        _in_doubt(console.folder / "l", sandbox, reason="r")
        changed = ("c", Decimal(1), "another", "k", None, None)
        monkeypatch.setattr(bonifiq_files.BonifiQFiles, "export_cells", lambda self, change: changed)
        ended = console("settle", "l", "--all-by-repeating", "--yes", "--json", sandbox=sandbox)
        assert (ended.code, effect_counts(ended)) == (Exit.UNKNOWN, {"unknown": 1})
        assert "stays in doubt" in ended.err
        assert sandbox.books.requests == 1


def effect_counts(ended: Ended) -> dict[str, int]:
    """Return how many changes of a run had each effect, where any had."""
    found = json.loads(ended.out)["effects"]
    return {name: of["changes"] for name, of in found.items() if of["changes"]}


URLS = {
    "": "set but empty",
    "  ": "set but empty",
    "127.0.0.1:8080": "no scheme",
    "http://example.org": "encryption",
}


@pytest.mark.parametrize("name", ["BONIFIQ_BASE_URL", "RABA7NI_BASE_URL"])
@pytest.mark.parametrize(("url", "said"), URLS.items())
def test_a_base_url_that_must_be_a_mistake_is_refused_by_name(console, name, url, said):
    """Above all one that is set but empty: the provider's real address would be used instead."""
    provider, _, _ = name.partition("_")
    given = {
        name: url,
        "BONIFIQ_API_TOKEN": "t",
        "BONIFIQ_API_KEY": "k",
        "RABA7NI_APP_ID": "a",
        "RABA7NI_API_KEY": "k",
    }
    console.write("changes.csv", *rows(1))
    command = ("apply", "changes.csv", "--yes", "--provider", provider.lower())
    ended = console(*command, **given)
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert name in ended.err and said in ended.err and ended.err.count("Nothing was sent") == 1
    assert not Path("changes.csv.ledger").exists()


def test_a_ledger_and_none_at_once_is_refused(console, sandbox):
    """The command does not guess which of the two is meant."""
    console.write("changes.csv", *rows(1))
    ended = console("apply", "changes.csv", "--yes", "--no-ledger", "--ledger", "l", sandbox=sandbox)
    assert (ended.code, sandbox.books.requests, Path("l").exists()) == (Exit.USAGE, 0, False)


def test_standard_input_needs_a_ledger_or_the_option_for_none(console, sandbox):
    """Without a ledger an interrupted run could not be resumed; the user must choose that."""
    text = "\n".join(rows(2)).encode()
    command = ("apply", "-", "--format", "csv", "--yes")
    ended = console(*command, sandbox=sandbox, stdin=text)
    assert (ended.code, sandbox.books.requests) == (Exit.USAGE, 0)
    assert "--ledger" in ended.err and "--no-ledger" in ended.err
    assert console(*command, "--dry-run", sandbox=sandbox, stdin=text).code == 0
    assert console(*command, "--ledger", "l", sandbox=sandbox, stdin=text).code == 0
    assert Path("l").exists()
    accepted = (*command, "--no-ledger", "--accept-used-keys")  # that run cannot know of the earlier one
    assert console(*accepted, sandbox=sandbox, stdin=text).code == 0


def test_rows_that_are_left_out_are_named_where_they_decide_the_exit_code(console, sandbox):
    """No row was refused: the exit code 3 stands for the rows that were left out."""
    console.write("changes.csv", *rows(2), "c,x,r,o9", "c,,r,o10")
    command = ("apply", "changes.csv", "--yes", "--skip-invalid")
    ended = console(*command, sandbox=sandbox)
    assert ended.code == Exit.REFUSED
    assert "not valid, left out" in ended.out and "refused" not in ended.out
    assert json.loads(console(*command, "--json", sandbox=sandbox).out)["left_out"] == 2


@pytest.mark.parametrize(
    ("faults", "code", "again"),
    [(["close-after"], Exit.UNKNOWN, False), (["429-long"], Exit.STOPPED, True)],
    ids=["all tried", "given up"],
)
def test_the_same_command_is_offered_only_where_it_goes_on(console, faults, code, again):
    """Where each row was tried and the provider does not de-duplicate, a second run has nothing to do."""
    console.write(
        "changes.csv", "operation,card_id,amount,member_id,reference", "earn,10,25,7,a", "earn,10,5,8,b"
    )
    command = ("apply", "changes.csv", "--provider", "raba7ni", "--yes", "--max-in-flight", "1")
    with Raba7niSandbox(faults=FaultScript(faults)) as raba7ni:
        ended = console(*command, sandbox=raba7ni)
    assert ended.code == code
    assert ("run the same command again" in ended.err) is again
    assert "bonifiq settle raba7ni.ledger" in ended.err


@pytest.mark.parametrize(
    "more", ["", "customer_id,value,reason,reference"], ids=["none known", "beside the known"]
)
def test_a_header_reaches_the_terminal_without_control_characters(console, more):
    """The author of a file cannot control the terminal of its reader."""
    console.write("esc.csv", f"a\x1b[31mred\x07,b\x9b2J,{more}", "1,2,c,1,r,o")
    told = console("check", "esc.csv")
    assert r"a\x1b[31mred\x07" in told.err and r"b\x9b2J" in told.err
    assert [char for char in told.err + told.out if not char.isprintable() and char != "\n"] == []


def test_a_new_outcome_file_is_readable_for_its_owner_alone(console, sandbox):
    """As the ledger is."""
    console.write("changes.csv", *rows(2))
    assert console("apply", "changes.csv", "--yes", "--out", "new.jsonl", sandbox=sandbox).code == 0
    modes = [Path(name).stat().st_mode & 0o777 for name in ("new.jsonl", "changes.csv.ledger")]
    assert modes == [0o600, 0o600]


AMOUNTS = {
    "1E+1000000": "1E+1000000",
    "-1E-1000000": "-1E-1000000",
    "1." + "3" * 150: "about 1.333333333333E+0",
    "-1234567.5": "-1,234,567.5",
    "1E+5": "100,000",
    "0": "0",
}


@pytest.mark.parametrize(("amount", "shown"), AMOUNTS.items())
async def test_any_amount_of_an_answer_can_be_shown(amount, shown):
    """Neither an error nor a million digits, whatever a provider answers."""
    assert spelled(Decimal(amount)) == ADAPTER.money(Decimal(amount)) == shown
    assert bonifiq_files.ADAPTER.money(Decimal(amount)).startswith(f"R$ {shown}")

    async def balance(*_: int) -> CashbackBalance:
        return CashbackBalance(cashback_percentage=Decimal(amount))

    async def history(*_: int) -> AsyncIterator[CashbackTransaction]:
        for line in ():
            yield line

    client = SimpleNamespace(cashback=SimpleNamespace(balance=balance, history=history))
    doubt = SimpleNamespace(customer_id="10:id:1", body=b"{}", operation="", value=Decimal(5))
    assert len((await HistoryReader().read(client, doubt)).note) < 140


@pytest.mark.slow
async def test_a_balance_beyond_all_money_is_shown(raw_server, tmp_path):
    """By the command, in the form in which the client returns it."""

    async def serve(reader, writer):
        await read_request(reader)
        writer.write(http(b'{"CustomerExists":true,"CashbackBalance":1E+1000000}'))

    given = {"BONIFIQ_BASE_URL": await raw_server(serve), "BONIFIQ_API_TOKEN": "t", "BONIFIQ_API_KEY": "k"}
    shown = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bonifiq_async",
        "balance",
        "c",
        env={**os.environ, **given},
        stdout=subprocess.PIPE,
    )
    out, _ = await shown.communicate()
    assert (shown.returncode, b"R$ 1E+1000000" in out) == (0, True)


def test_refused_credentials_in_mid_run_hide_no_doubt(console):
    """Unknown changes are reported as always; the refusal is reported once, with its change."""
    console.write("changes.csv", *rows(6))
    with Sandbox(faults=FaultScript(["html-after", "html-after", "401"])) as sandbox:
        ended = console("apply", "changes.csv", "--yes", "--max-in-flight", "1", sandbox=sandbox)
    assert ended.code == Exit.USAGE
    assert ended.err.count("may or may not have been applied") == 2
    assert ended.err.count("does not accept the credentials") == 2
    assert "The run was stopped: the provider does not accept the credentials. The first refusal" in ended.err


NO_OUT = {
    "another ending": ("out.txt", "must end in .xlsx, .csv or .jsonl. Nothing was sent."),
    "no folder": ("nowhere/out.csv", "cannot be written: No such file or directory. Nothing was sent."),
}


@pytest.mark.parametrize(("out", "said"), NO_OUT.values(), ids=NO_OUT.keys())
def test_what_cannot_be_written_is_said_before_anything_is_said_to_be_recorded(console, sandbox, out, said):
    """The outcome file and the ledger alike; nothing was sent and no ledger is made."""
    console.write("changes.csv", *rows(1))
    ended = console("apply", "changes.csv", "--yes", "--out", out, sandbox=sandbox)
    assert (ended.code, sandbox.books.requests, said in ended.err) == (Exit.USAGE, 0, True)
    assert "recorded in" not in ended.err and not Path("changes.csv.ledger").exists()
    ended = console("apply", "changes.csv", "--yes", "--ledger", "nowhere/l", sandbox=sandbox)
    assert (ended.code, "Nothing was sent" in ended.err, "recorded in" in ended.err) == (
        Exit.USAGE,
        True,
        False,
    )
    assert (
        "is recorded in l;" in console("apply", "changes.csv", "--yes", "--ledger", "l", sandbox=sandbox).err
    )


def test_a_file_that_fails_at_its_second_reading_does_not_say_that_nothing_was_sent(tmp_path):
    """By then something may have been."""
    source = Source(tmp_path / "gone.csv", "changes.csv", "csv")
    with pytest.raises(ConfigurationError, match=r"cannot be read: .* Nothing was sent\.$"):
        list(source.rows())
    with pytest.raises(ConfigurationError, match=r"cannot be read: .* is accounted for\.$"):
        list(source.rows(lambda _: True))


def test_a_dry_run_says_that_nothing_was_sent(console):
    """And one row is written in the singular."""
    console.write("changes.csv", *rows(1))
    assert "nothing was sent" in console("apply", "changes.csv", "--dry-run").err
    assert "1 change, 0 rows not valid" in console("check", "changes.csv").out


def test_a_ledger_that_is_not_there_settles_nothing(console):
    for options in (["--all-by-repeating"], ["--key", "k", "--as", "applied", "--note", "n"]):
        ended = console("settle", "nofile", *options)
        assert (ended.code, ended.err) == (Exit.USAGE, "There is no ledger nofile. Nothing was settled.\n")


def test_status_shows_ten_doubts_and_counts_the_rest(console):
    """And names both ways to settle them; --json has more of them."""
    console.write("changes.csv", *rows(15))
    with Sandbox(faults=FaultScript(["html-after"] * 15)) as sandbox:
        console("apply", "changes.csv", "--yes", sandbox=sandbox)
    shown = console("status", "changes.csv.ledger").out
    assert (shown.count("In doubt: "), "and 5 more;" in shown) == (10, True)
    assert "run the apply that left them again" in shown and "--all-by-repeating" in shown
    assert len(json.loads(console("status", "changes.csv.ledger", "--json").out)["in_doubt"]) == 15


def test_what_will_not_be_sent_again_is_said_beforehand(console):
    """Before the question is asked, and only where there is such a change."""
    console.write("changes.csv", "operation,card_id,amount,member_id,reference", "earn,10,25,7,a")
    command = ("apply", "changes.csv", "--provider", "raba7ni", "--yes")
    with Raba7niSandbox(faults=FaultScript(["502-after"])) as raba7ni:
        first = console(*command, sandbox=raba7ni)
        assert "In doubt in" not in first.err and "status 502 (Fault)" in first.err
        second = console(*command, sandbox=raba7ni)
        assert raba7ni.books.requests == 1
    assert "In doubt in raba7ni.ledger: 1 change, of which none is sent again" in second.err
