"""Repeats and differences: the same reference or key with another amount or text, and the same row again."""

import contextlib
import json
import os
import sqlite3
from decimal import Decimal

import pytest
from one_test import one_test

from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.sandbox import Raba7niSandbox, Sandbox

HEADER = "customer_id,value,reason,reference"
ALLOWED = "--allow-second-amount"


@pytest.fixture
def sandbox():
    """A sandbox without faults."""
    with Sandbox() as running:
        yield running


def test_a_correction_is_not_paid_in_addition_to_what_it_corrects(console, sandbox):
    """With derived keys another amount is another key: ten would become twenty-two."""
    console.write("january.csv", HEADER, "b,1,r,o0", "ana,10,r,o1")
    console.write("corrected.csv", HEADER, "ana,12,r,o1")
    ledger = ("--ledger", "l", "--yes")
    assert console("apply", "january.csv", *ledger, sandbox=sandbox).code == 0
    for _ in range(2):
        ended = console("apply", "corrected.csv", *ledger, sandbox=sandbox)
        assert ended.code == Exit.USAGE and "Nothing was sent." in ended.err
        said = "line 2: ana gets R$ 12.00 here, and R$ 10.00 by line 3 of run 1 in the ledger"
        assert f"{said} for the same reference: R$ 2.00 more" in ended.err and ALLOWED in ended.err
        assert "pay the difference in a row of its own, with a reference such as 1001-b" in ended.err
    assert sandbox.books.balances()["ana"] == Decimal(10)
    dry = console("apply", "corrected.csv", "--ledger", "l", "--dry-run", "--json", sandbox=sandbox)
    told = json.loads(dry.out)
    assert (dry.code, told["second_amounts"], told["kinds"][0]["kind"]) == (Exit.USAGE, 1, "second-amount")
    assert console("apply", "corrected.csv", *ledger, ALLOWED, sandbox=sandbox).code == 0
    assert sandbox.books.balances()["ana"] == Decimal(22)
    for file in ("january.csv", "corrected.csv"):  # all of it is applied: no row needs the option
        assert console("apply", file, *ledger, sandbox=sandbox).code == 0


def test_a_file_under_another_name_is_not_paid_again_with_a_new_ledger(console, sandbox):
    """A correction has another name, and so another ledger: the old one, beside it, knows the rows."""
    console.write("january.csv", HEADER, "ana,10,r,o-1", "bia,1,r,o2")
    console.write("corrected.csv", HEADER, "ana,12,r,O-1", "cid,1,r,o3", "bia,1,r,o2")
    assert console("apply", "january.csv", "--yes", sandbox=sandbox).code == 0
    told = "january.csv.ledger has 2 rows of corrected.csv, or probably has"
    for more in (("--dry-run",), ("--yes",)):
        ended = console("apply", "corrected.csv", *more, sandbox=sandbox)
        assert (ended.code, told in ended.err, "--ledger january.csv.ledger" in ended.err) == (2, True, True)
    assert not console.folder.joinpath("corrected.csv.ledger").exists()
    advised = console("apply", "corrected.csv", "--ledger", "january.csv.ledger", "--yes", sandbox=sandbox)
    assert (advised.code, "is new" in advised.err) == (Exit.USAGE, False)
    assert sandbox.books.balances() == {"ana": Decimal(10), "bia": Decimal(1)}
    assert console("apply", "corrected.csv", "--yes", ALLOWED, sandbox=sandbox).code == 0
    assert sandbox.books.balances() == {"ana": Decimal(22), "bia": Decimal(1), "cid": Decimal(1)}


def test_check_compares_with_the_ledger_that_apply_would_have(console, sandbox):
    """And with those beside a new one, in the same words; also the account, where credentials are set."""
    console.write("january.csv", HEADER, "ana,10,r,o1", "bia,1,r,o2")
    console.write("corrected.csv", HEADER, "ana,12,r,o1", "cid,1,r,o3")
    assert console("apply", "january.csv", "--yes", sandbox=sandbox).code == 0
    known = console("check", "january.csv", sandbox=sandbox)
    assert (known.code, "2 of them are applied already" in known.err) == (0, True)
    assert "january.csv can be applied" in known.out
    for more, said in (
        ((), "january.csv.ledger has 1 row of corrected.csv, or probably has"),
        (("--ledger", "january.csv.ledger"), "ana gets R$ 12.00 here, and R$ 10.00 by line 2 of run 1"),
    ):
        ended = console("check", "corrected.csv", *more, sandbox=sandbox)
        assert (ended.code, said in ended.err, "Nothing was sent." in ended.err) == (2, True, True), ended
        assert "corrected.csv is refused as it is" in ended.out
        assert console("check", "corrected.csv", *more, ALLOWED, sandbox=sandbox).code == 0
    other = console("check", "january.csv", sandbox=sandbox, BONIFIQ_API_TOKEN="another")
    assert (other.code, "of another account" in other.err) == (Exit.USAGE, True)
    assert json.loads(console("check", "january.csv", "--json", sandbox=sandbox).out)["already_applied"] == 2


def test_rows_that_no_ledger_beside_a_new_one_has_are_sent(console, sandbox):
    """Also beside a ledger of another account, and beside what is none."""
    console.write("january.csv", HEADER, "ana,10,r,o1")
    console.write("february.csv", HEADER, "ana,10,r,o2")
    console.write("notes.ledger", "no ledger")
    with Sandbox() as other:
        assert console("apply", "february.csv", "--yes", "--ledger", "x.ledger", sandbox=other).code == 0
    assert console("apply", "january.csv", "--yes", sandbox=sandbox).code == 0
    ended = console("apply", "february.csv", "--yes", sandbox=sandbox)
    assert ended.code == 0 and "february.csv.ledger is new. No row of the file is in" in ended.err
    assert "(january.csv.ledger)" in ended.err
    assert "Not compared" in ended.err and "notes.ledger" in ended.err and "x.ledger" in ended.err


def test_a_damaged_ledger_hides_no_other_beside_a_new_one(console, sandbox):
    """It is written last, and so read first."""
    console.write("f.csv", HEADER, "ana,10,r,o1")
    for name in ("good.ledger", "bad.ledger"):
        assert console("apply", "f.csv", "--yes", "--ledger", name, ALLOWED, sandbox=sandbox).code == 0
    with contextlib.closing(sqlite3.connect("bad.ledger")) as database, database:
        database.execute("UPDATE change SET value = '11'")
    os.utime("good.ledger", (1, 1))
    ended = console("apply", "f.csv", "--yes", sandbox=sandbox)
    assert (ended.code, "good.ledger has 1 row of f.csv" in ended.err) == (Exit.USAGE, True), ended.err


@one_test
@pytest.mark.parametrize(
    ("row", "differs"),
    [
        ("ana@x,10,r,P-2", "reference differs in case"),
        ("Ana@x,10,r,p-2", "customer differs in case"),
        ("ana@x,12,r,P-2", "reference differs in case"),
        ("1003,10,r,7", "customer differs in zeros at the beginning"),
        ("01003,10,r,007", "reference differs in zeros at the beginning"),
        ("jose\u0301,10,r,7", "customer differs in Unicode form"),
    ],
)
def test_what_is_written_in_another_way_than_it_was_paid_is_not_paid_again(console, sandbox, row, differs):
    """The file was edited between two runs: a key that differs in a letter is another one to the provider."""
    kept = ("cid,1,r,o1", "ana@x,10,r,p-2", "01003,10,r,7", "jos\u00e9,10,r,7")
    ledger = ("--ledger", f"l-{len(row)}{differs}", "--yes")
    console.write("f.csv", HEADER, *kept)
    assert console("apply", "f.csv", *ledger, "--accept-used-keys", sandbox=sandbox).code == 0
    before = sandbox.books.balances()
    console.write("f.csv", HEADER, "cid,1,r,o1", row)
    ended = console("apply", "f.csv", *ledger, sandbox=sandbox)
    assert ended.code == Exit.USAGE and f"line 3 of run 1 in the ledger: the {differs}" in ended.err.replace(
        "line 4", "line 3"
    ).replace("line 5", "line 3")
    assert ALLOWED in ended.err
    assert "3 changes of earlier runs of this file are applied, or may be, and are not in it now" in ended.err
    assert sandbox.books.balances() == before


def test_what_stood_in_the_file_in_two_ways_at_first_goes_on(console, sandbox):
    """Both were shown before the first run; the one that is left is no correction of the other."""
    console.write("f.csv", HEADER, "ana@x,10,r,o1")
    assert console("apply", "f.csv", "--yes", sandbox=sandbox).code == 0
    console.write("f.csv", HEADER, "ana@x,10,r,o1", "Ana@x,10,r,o1")
    ended = console("apply", "f.csv", "--yes", sandbox=sandbox)
    assert (ended.code, "is probably 'ana@x' of line 2" in ended.err) == (0, True)
    assert "differ in case; both would be paid" in console("check", "f.csv").err


def test_two_amounts_in_one_file_are_both_named(console, sandbox):
    """Only in one direction: a removal for an order is no correction of it."""
    file = console.write(
        "f.csv",
        HEADER,
        "ana,10,r,o1",
        "ana,-3,r,o1",
        "bia,10,r,o1",
        "ana,10.0,r,o1",
        "ana,12,r,o1",
        "ana,5,r,o2",
    ).name
    for command in (("check",), ("apply", "--yes")):
        ended = console(*command, file, sandbox=sandbox)
        assert ended.code == Exit.USAGE
        assert "line 6: ana gets R$ 12.00 here, and R$ 10.00 by line 2" in ended.err
        assert "1 row for a customer and reference with another payment" in ended.err
    assert sandbox.books.requests == 0
    assert console("check", file, ALLOWED).code == 0
    assert console("apply", file, "--yes", ALLOWED, sandbox=sandbox).code == 0
    assert sandbox.books.balances() == {"ana": Decimal(24), "bia": Decimal(10)}


def test_an_exported_key_is_known_by_its_reference(console, sandbox):
    """A key that was derived, given as it is; one that only looks like it has no reference."""
    head = "customer_id,value,reason,change_key,reference"
    file = console.write(
        "f.csv", head, "a-b,10,r,ADD-a%2Db-10-o1,", "a-b,12,r,,o1", "c,1,r,ADD-d-1-o,", "c,2,r,,o"
    )
    ended = console("check", file.name)
    assert ended.code == Exit.USAGE and "line 3: a-b gets R$ 12.00 here" in ended.err
    assert "c gets" not in ended.err


def test_the_same_key_with_another_amount_is_shown_with_both(console, sandbox):
    """In the file both rows are refused; against the ledger the new one is: a key has one amount."""
    head = "customer_id,value,reason,change_key"
    console.write("f.csv", head, "ana,10,r,k1")
    console.write("g.csv", head, "ana,12,r,k1", "ana,1,r,k2", "ana,2,r,k2")
    assert console("apply", "f.csv", "--ledger", "l", "--yes", sandbox=sandbox).code == 0
    said = 'another change, by line 2 of run 1 in the ledger: value: "R$ 10.00", now "R$ 12.00"'
    for options, code in (((), Exit.USAGE), ((ALLOWED,), Exit.USAGE), (("--skip-invalid",), Exit.REFUSED)):
        ended = console("apply", "g.csv", "--ledger", "l", "--yes", *options, sandbox=sandbox)
        assert (ended.code, f"line 2: its key stands for {said}" in ended.err) == (code, True), ended.err
        assert "another change in line 4: R$ 1.00 here, and R$ 2.00 there" in ended.err
        assert "same command again" not in ended.err
    assert sandbox.books.balances() == {"ana": Decimal(10)}


def test_a_reference_of_raba7ni_is_known_under_any_key(console):
    """Its keys exist in the client alone, and its references may repeat."""
    head = "operation,card_id,member_id,amount,reference,key"
    console.write("f.csv", head, "earn,10,123,50,o1,k1")
    console.write("g.csv", head, "earn,10,123,60,o1,k2", "refund,10,123,5,o1,k3", "earn,10,124,60,o1,k4")
    with Raba7niSandbox() as sandbox:
        command = ("--provider", "raba7ni", "--yes", "--ledger", "l")
        assert console("apply", "f.csv", *command, sandbox=sandbox).code == 0
        ended = console("apply", "g.csv", *command, sandbox=sandbox)
        assert ended.code == Exit.USAGE and "line 2: 10:id:123 gets 60" in ended.err
        assert "line 3: " not in ended.err and "line 4: " not in ended.err
        assert console("apply", "g.csv", *command, ALLOWED, sandbox=sandbox).code == 0


def test_another_reason_is_named_and_counts_as_applied(console, sandbox):
    """The money is the same: nothing is sent, the exit code is that of success, and another run agrees."""
    head = f"{HEADER},customer_reason"
    console.write("f.csv", head, "ana,10,Verao,o1,x", "bia,10,Verao,o2,x", "cid,1,r,o3,x")
    console.write("g.csv", head, "ana,10.00,Verão,o1,x", "bia,10,Verao,o2,", "cid,1,r,o3,x", "dan,1,r,o4,x")
    assert console("apply", "f.csv", "--ledger", "l", "--yes", sandbox=sandbox).code == 0
    for _ in range(2):
        ended = console("apply", "g.csv", "--ledger", "l", "--yes", "--json", sandbox=sandbox)
        assert ended.code == Exit.OTHER_WORDS
        assert 'line 2: reason: "Verao", now "Verão"' in ended.err
        assert 'line 3: customer_reason: "x", now ""' in ended.err
        assert json.loads(ended.out)["reworded"] == 2
    assert sandbox.books.requests == 4
    dry = console("apply", "g.csv", "--ledger", "l", "--dry-run", "--json", sandbox=sandbox)
    told = json.loads(dry.out)
    assert (dry.code, told["reworded"], told["already_applied"]) == (0, 2, 4)


def test_repeats_are_named_with_the_row_that_they_repeat(console, sandbox):
    """And the change is sent once."""
    console.write("f.csv", HEADER, "ana,10,r,o1", "bia,1,r,o2", "ana,10.0,r,o1", "ana,10,r,o1")
    ended = console("check", "f.csv", "--json")
    assert "line 4: repeats line 2" in ended.err and "line 5: repeats line 2" in ended.err
    assert (ended.code, json.loads(ended.out)["repeats"]) == (0, 2)


def test_ids_that_look_alike_are_named_and_not_merged(console, sandbox):
    """They differ in case, Unicode form or an invisible character; an accent makes another customer."""
    ids = ("ana@x", "José", "Ana@X", "Jose\u0301", "jose", "li\ufe0f", "li", "ﬁ", "fi", "bia")
    console.write("f.csv", HEADER, *(f"{each},1,r,o{at}" for at, each in enumerate(ids)))
    ended = console("check", "f.csv", "--json")
    for said in (
        "line 4: 'Ana@X' is probably 'ana@x' of line 2: they differ in case",
        "line 5: 'Jose\\u0301' is probably 'Jos\\xe9' of line 3: they differ in Unicode form",
        "line 8: 'li' is probably 'li\\ufe0f' of line 7: they differ in characters that are not seen",
        "line 10: 'fi' is probably '\\ufb01' of line 9: they differ in",
    ):
        assert said in ended.err
    told = json.loads(ended.out)
    assert (ended.code, told["customers"], told["kinds"][0]["rows"]) == (0, len(ids), 4)
