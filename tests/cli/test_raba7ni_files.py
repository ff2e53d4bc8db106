"""The console command for a provider that de-duplicates nothing: what it sends once, and its messages."""

import asyncio
import csv
import json
import signal
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from conftest import raba7ni_client_for
from console import Ended, process

from bonifiq_async import Earn, Effect, Member, MemberToken, Redeem, Refund, SqliteLedger
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.raba7ni.evidence.history import may_be_movement_of
from bonifiq_async.raba7ni.payloads import CashbackTransaction
from bonifiq_async.sandbox import FaultScript, Sandbox

HEADER = "operation,card_id,member_id,email,phone,amount,reference,key,member_name,cashback_to_deduct"
COMMAND = ("apply", "changes.csv", "--provider", "raba7ni", "--yes")


@pytest.fixture
def sandbox(raba7ni):
    """A sandbox without faults."""
    return raba7ni()


def earns(count: int) -> list[str]:
    """A file of `count` purchases of 20.000 each by ten members."""
    return [
        "operation,card_id,member_id,amount,reference",
        *(f"earn,10,{1 + n % 10},20.000,o{n}" for n in range(count)),
    ]


def effects(ended: Ended) -> dict[str, int]:
    """Return how many changes of a run had each effect, where any had."""
    told = json.loads(ended.out)["effects"]
    return {name: found["changes"] for name, found in told.items() if found["changes"]}


def outcomes(name: str) -> list[dict[str, str]]:
    """Return the lines of an outcome file."""
    return list(csv.DictReader(Path(name).read_text().splitlines()))


# Checking and applying.


def test_a_file_moves_balances_once(console, sandbox):
    """Each kind of member and operation; applied twice; books and outcome file agree to the last digit."""
    console.write(
        "changes.csv",
        HEADER,
        "earn,10,123,,,1234567.891,o1,,,",
        "earn,10,,ana@example.com,,100,o2,,Ana,",
        "earn,10,,,22000111,50.5,,by-phone,,",
        "refund,10,123,,,100,o1,,,",
        "refund,10,,ana@example.com,,100,o2,,,1.234",
    )
    assert console("check", "changes.csv", "--provider", "raba7ni").code == 0
    first = console(*COMMAND, "--out", "out.csv", "--json", sandbox=sandbox)
    assert (first.code, effects(first)) == (0, {"applied": 5})
    ana = sandbox.books.find(email="ana@example.com")
    assert (ana.name, sandbox.books.balance(10, ana.id)) == ("Ana", Decimal("3.766"))
    assert sandbox.books.balance(10, 123) == Decimal("61728.395") - 5
    written = {row["change_key"]: row for row in outcomes("out.csv")}
    assert written.keys() == {"EARN-10-o1", "EARN-10-o2", "by-phone", "REFUND-10-o1", "REFUND-10-o2"}
    shown = ("line", "operation", "card_id", "member", "amount", "cashback", "member_id", "effect")
    assert [written["REFUND-10-o2"][name] for name in shown] == [
        "6",
        "refund",
        "10",
        "email:ana@example.com",
        "100",
        "1.234",
        str(ana.id),
        "applied",
    ]
    assert written["EARN-10-o1"]["amount"] == "1234567.891"
    before = sandbox.books.balances()
    second = console(*COMMAND, "--out", "out.csv", "--json", sandbox=sandbox)
    assert (second.code, effects(second)) == (0, {"already_applied": 5})
    assert (sandbox.books.balances(), sandbox.books.requests) == (before, 5)
    assert sandbox.credentials.api_key not in Path("out.csv").read_text() + first.out + first.err


def test_json_lines_carry_metadata(console, sandbox):
    """As an object, exact; in CSV as the text of the object."""
    console.write(
        "c.jsonl",
        '{"operation":"earn","card_id":10,"member_id":5,"amount":1.005,"key":"a","metadata":{"n":0.10}}',
    )
    console.write("c.csv", "operation,card_id,member_id,amount,key,metadata", 'earn,10,5,2,b,"{""n"":0.10}"')
    for file in ("c.jsonl", "c.csv"):
        command = ("apply", file, "--provider", "raba7ni", "--yes", "--ledger", "l")
        assert console(*command, sandbox=sandbox).code == 0
    kept = {change.key: change.body for change in recorded(SqliteReader(Path("l")), {State.APPLIED})}
    assert kept["a"] == b'{"card_id":10,"purchase_amount":1.005,"member_id":5,"metadata":{"n":0.10}}'
    assert b'"metadata":{"n":0.10}' in kept["b"]


BAD_ROWS = {
    "no operation": (",10,123,,,1,o,,,", "operation is empty; write earn or refund"),
    "another operation": ("give,10,123,,,1,o,,,", "operation is 'give'; write earn or refund"),
    "redeem": ("redeem,10,123,,,1,o,,,", "operation is 'redeem', which needs the member's sign-in"),
    "no card": ("earn,,123,,,1,o,,,", "card_id is empty; write a whole number"),
    "card name": ("earn,x,123,,,1,o,,,", "card_id is 'x'; write a whole number"),
    "card zero": ("earn,0,123,,,1,o,,,", "card_id is 0; it must be above zero"),
    "no member": ("earn,10,,,,1,o,,,", "name a member by exactly one of id, email and phone"),
    "two members": ("earn,10,123,a@b.c,,1,o,,,", "name a member by exactly one of id, email and phone"),
    "two marks": ('earn,10,123,,,"1.5,5",o,,,', "amount is '1.5,5'; write digits"),
    "no amount": ("earn,10,123,,,,o,,,", "amount is empty"),
    "zero": ("refund,10,123,,,0.000,o,,,", "amount is zero"),
    "below zero": ("refund,10,123,,,-1,o,,,", "amount is below zero"),
    "no key": ("earn,10,123,,,1,,,,", "give a reference, or a key"),
    "name of a refund": ("refund,10,123,,,1,o,,Ana,", "member_name belongs to the operation earn alone"),
    "deduction of an earn": (
        "earn,10,123,,,1,o,,,0.5",
        "cashback_to_deduct belongs to the operation refund alone",
    ),
    "a deduction that adds": ("refund,10,123,,,1,o,,,-1", "cashback_to_deduct is below zero"),
}


def test_a_row_may_deduct_nothing(console, sandbox):
    """An empty cell lets the provider compute the deduction; a zero is one."""
    console.write("changes.csv", HEADER, "refund,10,123,,,100,a,,,", "refund,10,123,,,100,b,,,0.00")
    ended = console(*COMMAND, sandbox=sandbox)
    assert ended.code == 0, ended.err
    assert [sandbox.books.effects("refund", each)[0].amount for each in "ab"] == [-5, 0]


@pytest.mark.parametrize(("row", "sentence"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_stops_the_run_before_anything_is_sent(console, sandbox, row, sentence):
    """It is named; the good row beside it is sent only when the bad one is left out by request."""
    console.write("changes.csv", HEADER, row, "earn,10,7,,,20,good,,,")
    for command in (("check", *COMMAND[1:-1]), COMMAND):
        ended = console(*command, sandbox=sandbox)
        assert (ended.code, f"line 2: {sentence}" in ended.err) == (Exit.USAGE, True), ended.err
    assert sandbox.books.requests == 0
    assert console(*COMMAND, "--skip-invalid", sandbox=sandbox).code == Exit.REFUSED
    assert sandbox.books.balances() == {(10, 7): 1}


BAD_HEADERS = {
    "no member": ("operation,card_id,amount,key", "lacks member_id or email or phone"),
    "no key": ("operation,card_id,amount,member_id", "lacks reference or key"),
    "another provider's": ("customer_id,value,reason,reference", "lacks operation, card_id, amount"),
}


@pytest.mark.parametrize(("header", "sentence"), BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_a_header_that_lacks_a_column_is_named(console, header, sentence):
    """With what it may have instead."""
    console.write("changes.csv", header, "earn,10,1,1")
    ended = console("check", "changes.csv", "--provider", "raba7ni")
    assert (ended.code, sentence in ended.err) == (Exit.USAGE, True)


def test_one_key_is_one_change(console, sandbox):
    """A reference may be earned and refunded; a key of two changes is refused, a repeated row counts once."""
    console.write(
        "changes.csv",
        HEADER,
        "earn,10,1,,,20,o1,,,",
        "refund,10,1,,,20,o1,,,",
        "earn,10,1,,,20.000,o1,,,",
        "earn,10,2,,,20,o2,,,",
        "earn,10,3,,,20,o2,,,",
        "earn,10,4,,,20,,torn,,",
        "refund,10,4,,,20,,torn,,",
    )
    ended = console(*COMMAND, "--skip-invalid", "--json", sandbox=sandbox)
    assert (ended.code, effects(ended)) == (Exit.REFUSED, {"applied": 2})
    for line, other in ((5, 6), (6, 5), (7, 8), (8, 7)):
        assert f"line {line}: its key stands for another change in line {other}" in ended.err
    assert sandbox.books.balances() == {(10, 1): 0}


def test_amounts_are_shown_without_a_currency(console):
    """With every digit, and with the name of their kind."""
    console.write("changes.csv", HEADER, "earn,10,1,,,1234.505,a,,,", "refund,10,1,,,0.5,b,,,")
    ended = console(*COMMAND, "--dry-run")
    assert ended.code == 0
    for words in ("purchases", "1,234.505", "refunds"):
        assert words in ended.err
    assert "R$" not in ended.err


@pytest.mark.parametrize("options", [("changes.csv", "--no-ledger"), ("-", "--format", "csv")], ids=str)
def test_without_a_ledger_nothing_is_sent(console, sandbox, options):
    """A second run could not know what the first has sent."""
    lines = earns(2)
    console.write("changes.csv", *lines)
    ended = console(
        "apply", *options, "--provider", "raba7ni", "--yes", sandbox=sandbox, stdin="\n".join(lines).encode()
    )
    assert (ended.code, "a second run would apply" in " ".join(ended.err.split())) == (Exit.USAGE, True)
    assert sandbox.books.requests == 0


def test_one_ledger_serves_the_files_of_a_folder(console, sandbox):
    """A copy under another name is not sent again; another purchase under a key is refused."""
    console.write("a.csv", *earns(3))
    console.write("b.csv", *earns(4))
    first = console("apply", "a.csv", *COMMAND[2:], "--json", sandbox=sandbox)
    assert "recorded in raba7ni.ledger, with all other files beside it" in first.err
    again = console("apply", "b.csv", *COMMAND[2:], "--json", sandbox=sandbox)
    assert (again.code, effects(again)) == (0, {"applied": 1, "already_applied": 3})
    console.write("c.csv", *(line.replace("20.000", "30") for line in earns(1)))
    other = console("apply", str(Path("c.csv").absolute()), *COMMAND[2:], sandbox=sandbox)
    assert other.code == Exit.USAGE and "line 2: its key stands for another change" in other.err
    assert sandbox.books.requests == 4


def test_an_existing_ledger_of_the_file_alone_is_not_ignored(console, sandbox):
    """Otherwise its whole file would be sent again."""
    console.write("changes.csv", *earns(1))
    assert console(*COMMAND, "--ledger", "changes.csv.ledger", sandbox=sandbox).code == 0
    ended = console(*COMMAND, sandbox=sandbox)
    assert (ended.code, "say which one it is with --ledger" in ended.err) == (Exit.USAGE, True)
    command = (*COMMAND, "--ledger", "raba7ni.ledger")
    ended = console(*command, sandbox=sandbox)
    assert (ended.code, "changes.csv.ledger has 1 row of changes.csv" in ended.err) == (Exit.USAGE, True)
    assert console(*command, "--allow-second-amount", sandbox=sandbox).code == 0  # it is meant
    assert sandbox.books.requests == 2 and Path("raba7ni.ledger").exists()


def test_missing_settings_are_named_before_the_file_is_read(console, monkeypatch):
    """The settings of the provider that was named."""
    for name in ("RABA7NI_APP_ID", "RABA7NI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    console.write("changes.csv", "nonsense")
    ended = console(*COMMAND)
    assert (ended.code, "Set RABA7NI_APP_ID and RABA7NI_API_KEY" in ended.err) == (Exit.USAGE, True)


def test_a_ledger_or_an_outcome_file_of_the_other_provider_is_refused(console, sandbox):
    """Before anything is sent, either way round."""
    other = ["customer_id,value,reason,reference", "a,1,r,o"]
    console.write("changes.csv", *earns(1))
    console.write("other.csv", *other)
    with Sandbox() as bonifiq:
        bonifiqs = ("apply", "other.csv", "--yes")
        assert console(*bonifiqs, "--out", "other-out.csv", sandbox=bonifiq).code == 0
        assert console(*COMMAND, "--out", "out.csv", sandbox=sandbox).code == 0
        requests = (bonifiq.books.requests, sandbox.books.requests)
        for command, ledger in ((COMMAND, "other.csv.ledger"), (bonifiqs, "raba7ni.ledger")):
            ended = console(*command, "--ledger", ledger, sandbox=sandbox)
            assert (ended.code, "another account" in ended.err) == (Exit.USAGE, True)
        for command, out in ((COMMAND, "other-out.csv"), (bonifiqs, "out.csv")):
            before = Path(out).read_bytes()
            ended = console(*command, "--ledger", "new.ledger", "--out", out, "--allow-second-amount")
            assert (ended.code, "does not have the columns" in ended.err) == (Exit.USAGE, True)
            assert Path(out).read_bytes() == before
        assert (bonifiq.books.requests, sandbox.books.requests) == requests


# What is in doubt.


@pytest.fixture
def doubtful(console, raba7ni):
    """A sandbox, after a file of five of which two had no answer: o0 took effect, o1 did not."""
    server = raba7ni(faults=FaultScript(["close-after", "close-before"]))
    console.write("changes.csv", *earns(5))
    server.first = console(*COMMAND, "--max-in-flight", "1", "--json", "--out", "out.csv", sandbox=server)
    assert (server.first.code, effects(server.first)) == (Exit.UNKNOWN, {"applied": 3, "unknown": 2})
    return server


def test_what_is_in_doubt_is_not_sent_again(console, doubtful):
    """No message says to repeat it, not even the command's; new rows of the file are sent all the same."""
    first = doubtful.first
    assert "run the same command again" not in first.err
    for told in (first.err, Path("out.csv").read_text()):
        assert "Do not repeat it" in told and "same key" not in told
    assert "bonifiq status raba7ni.ledger --look" in first.err
    console.write("changes.csv", *earns(7))
    second = console(*COMMAND, "--json", "--out", "out.csv", sandbox=doubtful)
    assert (second.code, effects(second)) == (
        Exit.UNKNOWN,
        {"applied": 2, "already_applied": 3, "unknown": 2},
    )
    assert doubtful.books.requests == 7
    assert "3 of them are applied already" in second.err and "same key" not in second.err
    assert [doubtful.books.requests_for("earn", f"o{n}") for n in range(7)] == [1] * 7
    told = {row["change_key"]: row["effect"] for row in outcomes("out.csv")}
    assert [told[f"EARN-10-o{n}"] for n in range(7)] == ["unknown"] * 2 + ["applied"] * 5
    assert len(outcomes("out.csv")) == 7


def test_what_is_settled_by_hand_is_sent_or_not(console, doubtful):
    """As the person said; after that the file is complete."""
    for key, word in (("EARN-10-o0", "applied"), ("EARN-10-o1", "not_applied")):
        said = console("settle", "raba7ni.ledger", "--key", key, "--as", word, "--note", "history, ana")
        assert said.code == 0
    ended = console(*COMMAND, "--json", sandbox=doubtful)
    assert (ended.code, effects(ended)) == (0, {"applied": 1, "already_applied": 4})
    assert [len(doubtful.books.effects("earn", f"o{n}")) for n in range(5)] == [1] * 5


def test_two_doubts_under_one_key_are_settled_one_by_one(console, raba7ni):
    """The operation says which of them is meant."""
    server = raba7ni(faults=FaultScript(["close-after"] * 2))
    for row in ("earn,10,1,,,100,,k,,", "refund,10,1,,,100,,k,,1"):
        console.write("changes.csv", HEADER, row)
        assert console(*COMMAND, sandbox=server).code == Exit.UNKNOWN
    word = ("settle", "raba7ni.ledger", "--key", "k", "--note", "history, ana", "--as")
    both = console(*word, "applied")
    assert (both.code, "--operation earn or refund. Nothing was settled" in both.err) == (Exit.USAGE, True)
    assert console(*word, "not_applied", "--operation", "refund").code == 0
    none = console(*word, "applied", "--operation", "refund")
    assert (none.code, "is not_applied since " in none.err) == (Exit.USAGE, True)
    assert console(*word, "applied").code == 0
    states = {
        each.operation: each.state for each in recorded(SqliteReader(Path("raba7ni.ledger")), set(State))
    }
    assert [*states.values()] == [State.APPLIED, State.NOT_APPLIED] and next(iter(states)).endswith("earn")


def test_nothing_is_settled_by_repeating(console, doubtful):
    """One sentence says why, and nothing is sent."""
    ended = console("settle", "raba7ni.ledger", "--all-by-repeating", "--yes", sandbox=doubtful)
    assert ended.code == Exit.USAGE
    assert ended.err.startswith("2 changes in doubt are not repeated, because raba7ni de-duplicates none")
    assert doubtful.books.requests == 5


def test_status_names_the_provider_and_lists_what_is_in_doubt(console, doubtful):
    """With key, amount, member and time; in JSON, too."""
    shown = console("status", "raba7ni.ledger").out
    assert "Provider: raba7ni" in shown and "R$" not in shown
    assert "In doubt: EARN-10-o0: earn 20.000 for 10:id:1, sent 20" in shown
    assert "In doubt: EARN-10-o1: earn 20.000 for 10:id:2, sent 20" in shown
    assert "They are not sent again" in shown and "--all-by-repeating" not in shown
    told = json.loads(console("status", "raba7ni.ledger", "--json").out)
    assert (told["provider"], told["states"]["unknown"]["added"]) == ("raba7ni", 40)
    assert [(row["change_key"], row["value"], row["customer_id"]) for row in told["in_doubt"]] == [
        ("EARN-10-o0", 20, "10:id:1"),
        ("EARN-10-o1", 20, "10:id:2"),
    ]
    assert told["oldest_in_doubt"]["change_key"] == "EARN-10-o0"


def test_a_look_shows_balance_and_movements_of_what_is_in_doubt(console, doubtful):
    """A change that took effect has a movement of the expected amount at its time, another has none."""
    books = doubtful.books
    books.move("redeem", None, 10, 2, Decimal(-1))  # the other direction: not the earn
    shown = console("status", "raba7ni.ledger", "--look", sandbox=doubtful).out
    first, second = shown.split("In doubt: ")[1:]
    assert "balance now 1.000; it moves about 1 (5%) if it took effect; 1 movements were read" in first
    assert "cashback_earned  1.000" in first and "no movement" not in first
    assert "balance now -1; it moves about 1 (5%)" in second and "no movement at that time" in second
    told = json.loads(console("status", "raba7ni.ledger", "--look", "--json").out)["in_doubt"]
    assert [(row["balance"], len(row["movements"])) for row in told] == [(1, 1), (-1, 0)]
    assert (told[0]["movements"][0]["amount"], told[0]["movements"][0]["expected"]) == (1, True)
    books.move("earn", None, 10, 2, Decimal("0.99"))  # another purchase
    books.move("earn", None, 10, 1, Decimal("0.995"))  # which a rounded share may be
    shown = console("status", "raba7ni.ledger", "--look").out
    first, second = shown.split("In doubt: ")[1:]
    assert first.count("<- this much") == 2 and "no movement of that" not in first
    assert "cashback_earned  0.99\n    no movement of that amount at that time" in second
    assert doubtful.books.requests_for("earn", "o0") == 1


CHANGES = (
    Earn(
        card_id=10,
        member=Member.by_id(1),
        purchase_amount=Decimal("9.50"),
        key="e",
        metadata={"a": [1, None]},
    ),
    Earn(card_id=10, member=Member.by_email("a@b.c"), purchase_amount=Decimal(9), key="mail"),
    Refund(
        card_id=10, member=Member.by_id(1), refund_amount=Decimal(3), cashback_to_deduct=Decimal(1), key="r"
    ),
    Redeem(card_id=10, amount=Decimal(2), member_token=MemberToken("t"), key="named", member=Member.by_id(1)),
    Redeem(card_id=10, amount=Decimal(3), member_token=MemberToken("t"), pin="4711", key="by token"),
    Refund(card_id=11, member=Member.by_id(1), refund_amount=Decimal(3), key="no card"),
)


@pytest.fixture
def left(console, raba7ni):
    """A sandbox, after a program left every kind of change in doubt in the ledger `l`."""
    server = raba7ni(faults=FaultScript(["close-after"] * 6))
    server.books.move("earn", None, 10, 1, Decimal(100))
    server.books.person(1).pin = "4711"

    async def send() -> None:
        async with SqliteLedger("l") as ledger, raba7ni_client_for(server, ledger=ledger) as client:
            for change in CHANGES:
                signed = {"member_token": server.sign_in(1)} if isinstance(change, Redeem) else {}
                assert (await client.outcome_of(evolve(change, **signed))).effect is Effect.UNKNOWN

    asyncio.run(send())
    return server


def test_a_look_helps_with_every_kind_of_change(console, left):
    """Where the provider shows nothing, that is said."""
    shown = console("status", "l", "--look", sandbox=left).out
    doubts = {part.partition(":")[0]: part for part in shown.split("In doubt: ")[1:]}
    for key, words in {
        "e": ("it moves about 0.475 (5%)", "cashback_earned  0.475  <- this much"),
        "mail": ("by member id, and this is email:a@b.c",),
        "r": ("it takes 1 if", "cashback_refunded  -1  <- this much"),
        "named": ("it takes 2 if", "cashback_redeemed  -2  <- this much"),
        "by token": ("by member id, and this is by token",),
        "no card": ("card_not_found",),
    }.items():
        assert all(each in doubts[key] for each in words), doubts[key]
    assert "4711" not in shown


def test_a_look_needs_credentials_and_a_provider_that_shows_something(console, left, monkeypatch):
    """Where a repeat settles it, there is nothing to look up."""
    assert console("status", "l", "--look", sandbox=left, RABA7NI_API_KEY="wrong").code == Exit.USAGE
    monkeypatch.delenv("RABA7NI_API_KEY")
    assert "Set RABA7NI_API_KEY" in console("status", "l", "--look").err
    console.write("other.csv", "customer_id,value,reason,reference", "a,1.5,r,o")
    with Sandbox(faults=FaultScript(["html-after"])) as bonifiq:
        assert console("apply", "other.csv", "--yes", sandbox=bonifiq).code == Exit.UNKNOWN
        ended = console("status", "other.csv.ledger", "--look")
        assert (ended.code, "without --look" in ended.err) == (Exit.USAGE, True)
        shown = console("status", "other.csv.ledger").out
        assert "Provider: bonifiq" in shown and "--all-by-repeating" in shown
        assert "In doubt: ADD-a-1.5-o: change_cashback R$ 1.50 for a" in shown


def test_the_movements_shown_are_those_near_the_time_of_the_change(left):
    """In the direction of the change; a time without a zone may be in any zone."""
    (doubt,) = [change for change in recorded(SqliteReader(Path("l")), {State.UNKNOWN}) if change.key == "e"]
    sent = datetime.fromtimestamp(doubt.first_sent, UTC)

    def shown(amount: int | None, moment: datetime | None) -> bool:
        line = CashbackTransaction(amount=None if amount is None else Decimal(amount), created_at=moment)
        return may_be_movement_of(doubt, line)

    for minutes, seen in ((0, True), (14, True), (-14, True), (16, False), (-16, False)):
        assert shown(1, sent + timedelta(minutes=minutes)) is seen
    assert [shown(1, sent.replace(tzinfo=None) + timedelta(hours=h)) for h in (25, -25, 27)] == [
        True,
        True,
        False,
    ]
    assert [shown(1, None), shown(-1, sent), shown(None, sent)] == [True, False, False]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_an_export_can_be_applied_again(console, left, format):
    """With its own ledger: nothing is sent but what was settled as not applied; a redemption is named."""
    for key, word in (("e", "applied"), ("mail", "not_applied")):
        console("settle", "l", "--key", key, "--as", word, "--note", "asked, ana")
    every = [option for state in State for option in ("--effect", state.name.lower())]
    exported = console("export", "l", "--format", format, *every)
    assert "apply this with --ledger l, which knows what was sent" in exported.err
    assert "4711" not in exported.out
    console.write(f"again.{format}", exported.out.rstrip("\n"))
    command = ("apply", f"again.{format}", "--provider", "raba7ni", "--yes", "--ledger", "l", "--json")
    requests = left.books.requests
    refused = console(*command, sandbox=left)
    assert refused.code == Exit.USAGE
    assert refused.err.count("operation is 'redeem', which needs the member's sign-in") == 2
    ended = console(*command, "--skip-invalid", sandbox=left)
    assert (ended.code, effects(ended)) == (Exit.UNKNOWN, {"applied": 1, "already_applied": 1, "unknown": 2})
    assert left.books.requests == requests + 1


def test_what_is_applied_is_neither_sent_nor_claimed(console, sandbox, monkeypatch):
    """Of either operation, by the digest of its request."""
    console.write("changes.csv", HEADER, "earn,10,1,,,20,a,,,", "refund,10,1,,,5,a,,,", "earn,10,1,,,5,b,,,")
    assert console(*COMMAND, sandbox=sandbox).code == 0
    claimed, original = [], SqliteLedger.claim

    async def claim(self, intent, **more):
        claimed.append(intent.key)
        return await original(self, intent, **more)

    monkeypatch.setattr(SqliteLedger, "claim", claim)
    console.write(
        "changes.csv", HEADER, "earn,10,1,,,20.00,a,,,", "refund,10,1,,,5,a,,,", "earn,10,1,,,6,b,,,"
    )
    ended = console(*COMMAND, "--skip-invalid", "--json", sandbox=sandbox)
    assert (effects(ended), claimed) == ({"already_applied": 2}, [])
    assert "line 4: its key stands for another change, by line 4 of run 1 in the ledger" in ended.err
    assert sandbox.books.requests == 3


@pytest.mark.slow
def test_a_run_cut_off_in_flight_says_not_to_repeat(raba7ni, tmp_path):
    """Interrupted twice while the provider is silent: the outcome file has what was in flight as unknown."""
    server = raba7ni(faults=FaultScript(["silence-after"] * 40))
    (tmp_path / "changes.csv").write_text("\n".join(earns(40)))
    running = process(server, tmp_path, *COMMAND, "--max-in-flight", "4", "--out", "out.jsonl")
    while server.books.requests < 4:
        assert running.poll() is None, running.communicate()
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    assert running.stderr is not None
    while "Stopping" not in running.stderr.readline():
        pass
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == Exit.INTERRUPTED, said
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {row["effect"] for row in written} == {"unknown"} and len(written) == 4
    for text in (said, *(row["error"] for row in written)):
        assert "same key" not in text and "Do not repeat it" in text


@pytest.mark.slow
def test_the_sandbox_in_the_foreground(raba7ni, tmp_path):
    """It prints the settings of the provider that was named, and serves it."""
    running = process(None, tmp_path, "sandbox", "--provider", "raba7ni", "--port", "0")
    assert running.stdout is not None
    printed = dict(running.stdout.readline().strip().removeprefix("export ").split("=") for _ in range(3))
    assert printed.keys() == {"RABA7NI_BASE_URL", "RABA7NI_APP_ID", "RABA7NI_API_KEY"}
    (tmp_path / "changes.csv").write_text("\n".join(earns(3)))
    prelude = f"import os; os.environ.update({printed!r})"
    applying = process(None, tmp_path, *COMMAND, prelude=prelude)
    _, said = applying.communicate(timeout=60)
    assert applying.returncode == 0, said
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert (running.returncode, "3 requests arrived" in said) == (0, True)
    wrong = process(None, tmp_path, "sandbox", "--provider", "raba7ni", "--duplicates", "replay")
    _, said = wrong.communicate(timeout=30)
    assert (wrong.returncode, "--duplicates" in said) == (Exit.USAGE, True)
