"""Keys that were used before, not by this ledger: the command lists them, and does not end with 0."""

import asyncio
import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from conftest import client_for
from console import Console, Ended, brl

from bonifiq_async import CashbackChange, Effect, SqliteLedger
from bonifiq_async._delivery import delivery
from bonifiq_async.cli.commands import settle as settling
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import standing
from bonifiq_async.ledger.settling import PersonsWord
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript, Raba7niSandbox, Rule, Sandbox

HEADER = "customer_id,value,reason,change_key"
APPLY = ("apply", "changes.csv", "--yes")
LABEL = "used before, not by this ledger"
LEDGER = "changes.csv.ledger"


@pytest.fixture
def sandbox():
    """A sandbox that answers a used key with an error."""
    with Sandbox(duplicates="error-400") as running:
        yield running


def stranger(sandbox: Sandbox, *keys: str) -> None:
    """Another program, with a ledger of its own, pays another customer under these keys."""

    async def pay() -> None:
        async with client_for(sandbox) as client:
            for key in keys:
                await client.customers.change_cashback(CashbackChange("zoe", Decimal(7), "theirs", key))

    asyncio.run(pay())


@pytest.fixture
def mixed(console: Console, sandbox: Sandbox) -> Console:
    """A file of five rows, two of them under keys that another program has used."""
    stranger(sandbox, "#1", "#2")
    console.write("changes.csv", HEADER, "a,1,r,k1", "b,20,r,#1", "c,3,r,k2", "d,-4.50,r,#2", "e,5,r,k3")
    return console


def counted(ended: Ended, kind: str) -> tuple[object, ...]:
    """Return count and sums of one kind of a run's --json."""
    found = json.loads(ended.out, parse_float=Decimal)["effects"][kind]
    return found["changes"], found["added"], found["removed"]


def lines(text: str, *words: str) -> list[str]:
    """Return the lines of a text that have all the words."""
    return [line for line in text.splitlines() if all(word in line for word in words)]


def test_they_are_counted_summed_and_listed_separately(mixed, sandbox):
    """With line, key, customer and amount; and the exit code says that it is not known."""
    ended = mixed(*APPLY, sandbox=sandbox)
    assert ended.code == Exit.UNKNOWN
    assert lines(ended.out, "used_elsewhere", " 2 ", "R$ 20.00", "R$ 4.50")
    assert lines(ended.out, "applied ", " 3 ", "R$ 9.00")
    assert not lines(ended.out, "already applied")
    assert lines(ended.out, " 3 ", "#1", " b ", "R$ 20.00") and lines(
        ended.out, " 5 ", "#2", " d ", "R$ -4.50"
    )
    assert "2 keys were used before" in ended.err and "--accept-used-keys" in ended.err
    assert "run the same command again" not in ended.err  # it would get the same answer
    assert sandbox.books.balance("b") == sandbox.books.balance("d") == 0


def test_every_later_run_reports_them_without_a_request(mixed, sandbox):
    """Beforehand and at the end, until a person settles them."""
    mixed(*APPLY, sandbox=sandbox)
    requests = sandbox.books.requests
    for _ in range(2):
        ended = mixed(*APPLY, "--json", sandbox=sandbox)
        assert ended.code == json.loads(ended.out)["exit_code"] == Exit.UNKNOWN
        assert counted(ended, "used_elsewhere") == (2, 20, Decimal("4.5"))
        assert counted(ended, "already_applied") == (3, 9, 0)
        assert f"3 of them are applied already, says {LEDGER}" in ended.err
        assert f"2 of them are not sent again: {LABEL}" in ended.err
    assert sandbox.books.requests == requests
    table = mixed(*APPLY, sandbox=sandbox).out
    assert lines(table, "used_elsewhere", " 2 ") and lines(table, " 3 ", "#1", " b ")


@pytest.mark.parametrize("run", ["first", "later"])
def test_the_option_that_accepts_them_ends_with_0(mixed, sandbox, run):
    """They are still listed."""
    if run == "later":
        mixed(*APPLY, sandbox=sandbox)
    ended = mixed(*APPLY, "--accept-used-keys", sandbox=sandbox)
    assert ended.code == 0
    assert lines(ended.out, "used_elsewhere", " 2 ") and lines(ended.out, "#1", " b ")
    assert "used before, the provider says" not in ended.err


def test_a_dry_run_shows_what_the_ledger_has(mixed, sandbox):
    """Without credentials, a request, or a ledger being made; in --json where there is a ledger."""
    plain = ("apply", "changes.csv", "--dry-run", "--json")
    assert "used_elsewhere" not in json.loads(mixed(*plain).out)
    assert not Path(LEDGER).exists()
    mixed(*APPLY, sandbox=sandbox)
    requests = sandbox.books.requests
    ended = mixed(*plain)
    assert (ended.code, sandbox.books.requests) == (0, requests)
    plan = json.loads(ended.out)
    assert (plan["changes"], plan["already_applied"], plan["used_elsewhere"]) == (5, 3, 2)
    assert f"2 of them are not sent again: {LABEL}" in ended.err


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_the_outcome_file_marks_them(mixed, sandbox, name):
    """By a separate member beside the effect; a later run adds nothing."""
    for _ in range(2):
        mixed(*APPLY, "--out", name, sandbox=sandbox)
    if name.endswith("csv"):
        rows = list(csv.DictReader(Path(name).read_text().splitlines()))
        assert {row["used_elsewhere"] for row in rows} == {"true", "false"}
        marked = [row for row in rows if row["used_elsewhere"] == "true"]
    else:
        rows = [json.loads(line) for line in Path(name).read_text().splitlines()]
        marked = [row for row in rows if row["used_elsewhere"] is True]
    assert len(rows) == 5
    assert {row["effect"] for row in marked} == {"already_applied"}
    assert sorted(row["change_key"] for row in marked) == ["#1", "#2"]


def test_the_first_ten_are_listed(console, sandbox):
    """An outcome file and an export have them all."""
    keys = [f"theirs-{n:02}" for n in range(12)]
    stranger(sandbox, *keys)
    console.write("changes.csv", HEADER, *(f"c{n},1,r,{key}" for n, key in enumerate(keys)))
    for _ in range(2):
        ended = console(*APPLY, "--max-in-flight", "1", sandbox=sandbox)
        assert "and 2 more" in ended.out
        assert len(lines(ended.out, "theirs-")) == 10
    exported = console("export", LEDGER, "--effect", "used_elsewhere").out.splitlines()
    assert [row.split(",")[3] for row in exported[1:]] == keys


def test_they_are_listed_by_line_in_any_order_of_answers(console):
    """The first is answered last."""
    rule = Rule("slow", key="theirs-1", customer="a")
    with Sandbox(duplicates="error-400", faults=FaultScript(rules=[rule])) as sandbox:
        stranger(sandbox, "theirs-1", "theirs-2")
        console.write("changes.csv", HEADER, "a,1,r,theirs-1", "b,1,r,theirs-2")
        ended = console(*APPLY, "--out", "out.jsonl", sandbox=sandbox)
    keys = [json.loads(line)["change_key"] for line in Path("out.jsonl").read_text().splitlines()]
    assert keys == ["theirs-2", "theirs-1"]
    assert [line.split()[1] for line in lines(ended.out, "theirs-")] == ["2", "3"]


def test_without_a_ledger_a_second_run_reports_them_as_used_before(console, sandbox):
    """A change of another run of the same file looks like one of another program."""
    console.write("changes.csv", HEADER, "a,1,r,k1")
    command = (*APPLY, "--no-ledger")
    assert console(*command, sandbox=sandbox).code == 0
    ended = console(*command, sandbox=sandbox)
    assert ended.code == Exit.UNKNOWN and "bonifiq settle" not in ended.err
    assert console(*command, "--accept-used-keys", sandbox=sandbox).code == 0


def test_of_several_codes_the_first_documented_wins(console):
    """4 before 3; what may be tried again is shown, too."""
    with Sandbox(duplicates="error-400", customers=["zoe", "a"]) as sandbox:
        stranger(sandbox, "#1")
        console.write("changes.csv", HEADER, "a,1,r,#1", "absent,1,r,k1")
        assert console(*APPLY, sandbox=sandbox).code == Exit.UNKNOWN
        assert console(*APPLY, "--accept-used-keys", sandbox=sandbox).code == Exit.REFUSED


def test_status_lists_them_separately_and_says_what_to_do(mixed, sandbox):
    """They are not in doubt: they were answered."""
    mixed(*APPLY, sandbox=sandbox)
    ended = mixed("status", LEDGER)
    assert lines(ended.out, "used_elsewhere ", " 2 ", "R$ 20.00")
    assert "export changes.csv.ledger --effect used_elsewhere" in ended.out
    assert "In doubt" not in ended.out
    assert "2 have a key that was used elsewhere." in mixed("reconcile", LEDGER, sandbox=sandbox).out
    found = json.loads(mixed("status", LEDGER, "--json").out, parse_float=Decimal)
    assert found["states"]["used_elsewhere"] == {"changes": 2, **brl(20, Decimal("4.5"))}
    assert found["states"]["applied"]["changes"] == 3 and found["in_doubt"] == []
    settled = ("settle", LEDGER, "--as", "applied", "--note", "seen")
    for key in ("#1", "#2"):
        assert mixed(*settled, "--key", key).code == 0
    assert "used elsewhere:" not in mixed("status", LEDGER).out
    assert mixed(*APPLY, sandbox=sandbox).code == 0


def test_a_settlement_as_not_applied_lets_it_be_sent_again(mixed, sandbox):
    """The provider gives the same answer as before."""
    mixed(*APPLY, sandbox=sandbox)
    assert mixed("settle", LEDGER, "--key", "#1", "--as", "not_applied", "--note", "no").code == 0
    requests = sandbox.books.requests
    assert mixed(*APPLY, sandbox=sandbox).code == Exit.UNKNOWN
    assert sandbox.books.requests == requests + 1
    assert standing(SqliteReader(Path(LEDGER))).counts[State.USED_ELSEWHERE] == 2


@pytest.mark.parametrize(("accept", "code"), [((), Exit.UNKNOWN), (("--accept-used-keys",), 0)])
def test_settling_by_repeating_knows_them_too(console, monkeypatch, accept, code):
    """A person settles it as not applied during the command, and another program has used the key."""
    with Sandbox(duplicates="error-400", faults=FaultScript(["html-before"])) as sandbox:
        console.write("changes.csv", HEADER, "a,1,r,k1")
        assert console(*APPLY, sandbox=sandbox).code == Exit.UNKNOWN
        stranger(sandbox, "k1")
        word = ("k1", PersonsWord(State.NOT_APPLIED, "no movement"))
        monkeypatch.setattr(settling, "confirmed", lambda *_, **__: SqliteReader(Path(LEDGER)).settle(*word))
        ended = console("settle", LEDGER, "--all-by-repeating", "--yes", *accept, sandbox=sandbox)
        assert ended.code == code
        assert lines(ended.out, "used_elsewhere", " 1 ") and lines(ended.out, "k1", " a ")


@pytest.mark.parametrize("others", [0, 1])
def test_a_key_that_an_earlier_version_sent_is_left_to_a_person(console, others):
    """Such a key is refused today; other changes in doubt are repeated, the exit code shows what is left."""
    with Sandbox(duplicates="error-400", faults=FaultScript(["html-before"] * 2)) as sandbox:
        old = asyncio.run(_left_in_doubt(sandbox, console.folder / LEDGER, *["k1"] * others))
        ended = console("settle", LEDGER, "--all-by-repeating", "--yes", sandbox=sandbox)
        assert ended.code == (Exit.UNKNOWN if others else Exit.USAGE)
        assert "Not repeated: k2 : change_key begins or ends with a blank" in ended.err
        assert sandbox.books.requests == old + others
        word = ("settle", LEDGER, "--key", "k2 ", "--as", "not_applied", "--note", "no movement")
        assert console(*word).code == 0
        assert console("settle", LEDGER, "--all-by-repeating", "--yes", sandbox=sandbox).code == 0


def test_a_spoilt_key_in_doubt_is_repeated_as_it_was_sent(console):
    """A change in a ledger was already sent: the rules for files do not apply to it."""
    with Sandbox(duplicates="error-400", faults=FaultScript(["html-after"])) as sandbox:

        async def leave() -> None:
            async with SqliteLedger(LEDGER) as ledger, client_for(sandbox, ledger=ledger) as client:
                outcome = await client.outcome_of(CashbackChange("a", Decimal(1), "r", "#N/A"))
                assert outcome.effect is Effect.UNKNOWN

        asyncio.run(leave())
        ended = console("settle", LEDGER, "--all-by-repeating", "--yes", "--json", sandbox=sandbox)
        assert (ended.code, counted(ended, "already_applied")[0]) == (0, 1)


async def _left_in_doubt(sandbox: Sandbox, path: Path, *keys: str) -> int:
    """Leave changes in doubt, the last under a key with a blank; return how many requests that took."""
    strange = CashbackChange("a", Decimal(1), "r", "k2")
    object.__setattr__(strange, "change_key", "k2 ")  # as an earlier version made it
    changes = [*(CashbackChange("a", Decimal(1), "r", key) for key in keys), strange]
    async with SqliteLedger(path) as ledger, client_for(sandbox, ledger=ledger) as client:
        for change in changes:
            assert (await client.outcome_of(change)).effect is Effect.UNKNOWN
    return sandbox.books.requests


@pytest.mark.slow
def test_a_demonstration_that_reports_them_has_failed(console, monkeypatch):
    """Its provider has no other program; without a lost request it has no used key either."""
    command = ("demo", "--changes", "60", "--faults", "0.2")
    assert console(*command).code == 0
    monkeypatch.setattr(delivery, "_explained", lambda ended, _: evolve(ended, used_elsewhere=True))
    ended = console(*command)
    assert ended.code == Exit.BUG
    assert lines(ended.out, "used_elsewhere") and not lines(ended.out, "no other program was there", " 0 ")


def test_a_provider_without_keys_has_no_used_keys(console):
    """Neither in the outcome file nor in the JSON."""
    header = "operation,card_id,member_id,amount,reference"
    console.write("changes.csv", header, "earn,10,1,5,o1")
    command = (*APPLY, "--provider", "raba7ni", "--json", "--out", "out.jsonl")
    with Raba7niSandbox() as sandbox:
        ended = console(*command, sandbox=sandbox)
    assert ended.code == 0
    assert "used_elsewhere" not in ended.out + Path("out.jsonl").read_text()


def test_the_advice_looks_for_the_ledger_before_it_pays_again(mixed, sandbox):
    """A new key is paid: it stands last, where what is asked first is whether it was paid already."""
    said = mixed(*APPLY, sandbox=sandbox).err
    order = ("another file or ledger", "reconcile changes.csv.ledger", "needs a key of its own")
    assert sorted(order, key=said.index) == list(order)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_rows_among_the_outcomes_are_not_sent_with_a_new_ledger(console, sandbox, name):
    """The ledger was left in another folder, or has another name; other rows go out."""
    console.write("changes.csv", HEADER, "a,1,r,k1", "b,2,r,k2")
    console.write("others.csv", HEADER, "a,1,r,k3")
    told = f"{name} has 2 rows of changes.csv as applied, or perhaps, and m, which is new, has none"
    first = console(*APPLY, "--ledger", "l", "--out", name, sandbox=sandbox)
    assert (first.code, told in first.err) == (0, False)
    console.folder.joinpath("l").rename(console.folder / "moved")
    before = sandbox.books.requests
    again = ("apply", "changes.csv", "--yes", "--out", name, "--ledger", "m")
    ended = console(*again, sandbox=sandbox)
    assert (ended.code, told in ended.err, "Nothing was sent." in ended.err) == (2, True, True), ended.err
    assert sandbox.books.requests == before and not console.folder.joinpath("m").exists()
    others = console("apply", "others.csv", "--yes", "--out", name, "--ledger", "n", sandbox=sandbox)
    assert (others.code, "n, which is new, has none" in others.err) == (0, True)
    console(*again, "--allow-second-amount", sandbox=sandbox)
    assert sandbox.books.requests == before + 3
