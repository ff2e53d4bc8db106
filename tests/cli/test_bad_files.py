"""Bad input: one clear sentence naming the line or the setting, the documented exit code, nothing sent."""

from decimal import Decimal

import pytest

from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.sandbox import Sandbox

HEADER = "customer_id,value,reason,change_key"


@pytest.fixture
def sandbox():
    """A sandbox without faults."""
    with Sandbox() as running:
        yield running


BAD_ROWS = {
    "decimal comma": ('a,"10,50",r,k', "line 2: value is '10,50'"),
    "another currency": ("a,US$ 10,r,k", "line 2: value is 'US$ 10'"),
    "three decimals": ("a,10.505,r,k", "line 2: value is '10.505'; an amount has 2 decimals at the most"),
    "NaN": ("a,NaN,r,k", "line 2: value is 'NaN'"),
    "infinity": ("a,Infinity,r,k", "line 2: value is 'Infinity'"),
    "exponent": ("a,1e400,r,k", "line 2: value is '1e400'"),
    "underscore": ("a,1_000,r,k", "line 2: value is '1_000'"),
    "other digits": ("a,١٠,r,k", "line 2: value is '١٠'"),
    "no value": ("a,,r,k", "line 2: value is empty"),
    "zero": ("a,0.00,r,k", "line 2: value is zero"),
    "29 digits": ("a,12345678901234567890123456789,r,k", "line 2: value has more than 28 digits"),
    "no customer": (",1,r,k", "line 2: customer_id is empty"),
    "two dots": ("..,1,r,k", "line 2: customer_id is '..'"),
    "control character": ("a\x01b,1,r,k", "line 2: customer_id has a control character"),
    "no reason": ("a,1,,k", "line 2: reason is empty"),
    "no key": ("a,1,r,", "line 2: give exactly one of change_key and reference"),
    "too many cells": ("a,1,r,k,more", "line 2: 5 cells, but the header has 4"),
}


@pytest.mark.parametrize(("row", "sentence"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_bad_row_stops_the_run_before_anything_is_sent(console, sandbox, row, sentence):
    """The good row beside it is not sent either, unless the bad one is left out by request."""
    file = console.write("changes.csv", HEADER, row, "good,1.00,r,other").name
    ended = console("apply", file, "--yes", sandbox=sandbox)
    assert ended.code == Exit.USAGE
    assert sentence in ended.err and "nothing was sent" in ended.err
    assert sandbox.books.requests == 0
    ended = console("apply", file, "--yes", "--skip-invalid", sandbox=sandbox)
    assert ended.code == Exit.REFUSED
    assert sandbox.books.balances() == {"good": Decimal("1.00")}


BAD_FILES = {
    "empty": (b"", "changes.csv is empty"),
    "header only": (b"customer_id,value,reason,change_key\n", "has no changes in it"),
    "no column": (b"customer_id,value,change_key\na,1,k\n", "line 1: the header lacks reason"),
    "no key column": (b"customer_id,value,reason\na,1,r\n", "lacks reference or change_key"),
    "column twice": (b"customer_id,value,value,reason,reference\na,1,1,r,o\n", "has value twice"),
    "two encodings": (
        "customer_id,value,reason,reference\nçé,1,r,o\n".encode() + "josé,1,r,o2\n".encode("latin-1"),
        "line 3: not UTF-8, as other lines are",
    ),
    "open quote": (b'customer_id,value,reason,reference\n"a,1,r,o\n', "line 2: not CSV"),
}


@pytest.mark.parametrize(("content", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_named(console, sandbox, content, sentence):
    """What concerns the whole file is one sentence and exit code 2, for check as for apply."""
    (console.folder / "changes.csv").write_bytes(content)
    for command in (("check", "changes.csv"), ("apply", "changes.csv", "--yes")):
        ended = console(*command, sandbox=sandbox)
        assert ended.code == Exit.USAGE
        assert sentence in ended.err
    assert sandbox.books.requests == 0


def test_a_file_that_is_missing_or_unreadable_is_named(console, sandbox):
    """A folder is no file either."""
    for name in ("nowhere.csv", "."):
        ended = console("apply", name, "--format", "csv", "--yes", sandbox=sandbox)
        assert ended.code == Exit.USAGE
        assert f"{name} is not a file that can be read" in ended.err


BAD_JSON = {
    "not JSON": "{",
    "an array": "[1]",
    "a boolean value": '{"customer_id": "a", "value": true, "reason": "r", "change_key": "k"}',
    "a number as id": '{"customer_id": 7, "value": 1, "reason": "r", "change_key": "k"}',
    "null as reason": '{"customer_id": "a", "value": 1, "reason": null, "change_key": "k"}',
    "both keys": '{"customer_id": "a", "value": 1, "reason": "r", "change_key": "k", "reference": "o"}',
    "half a character": '{"customer_id": "\\ud800", "value": 1, "reason": "r", "change_key": "k"}',
}


@pytest.mark.parametrize("row", BAD_JSON.values(), ids=BAD_JSON)
def test_a_bad_json_line_is_named(console, sandbox, row):
    """Each with its line."""
    good = '{"customer_id": "a", "value": 1234567890123456.78, "reason": "r", "reference": "o"}'
    file = console.write("changes.jsonl", good, "", row).name
    ended = console("apply", file, "--yes", sandbox=sandbox)
    assert ended.code == Exit.USAGE
    assert "line 3: " in ended.err
    assert sandbox.books.requests == 0


def test_a_repeated_key_counts_once_and_a_conflicting_key_not_at_all(console, sandbox):
    """Same key and same change: sent once, and reported. Same key, other change: both rows refused."""
    file = console.write(
        "changes.csv", HEADER, "a,1.0,r,once", "b,2,r,torn", "a,1.00,r,once", "b,3,r,torn", "b,2,r,torn"
    ).name
    ended = console("apply", file, "--yes", "--skip-invalid", sandbox=sandbox)
    assert ended.code == Exit.REFUSED
    for line, other in ((3, 5), (5, 3), (6, 5)):
        assert f"line {line}: its key stands for another change in line {other}" in ended.err
    assert "rows that repeat another, sent once" in ended.err
    assert sandbox.books.balances() == {"a": Decimal("1.0")}
    assert sandbox.books.requests == 1


def test_standard_input_is_checked_whole_before_anything_is_sent(console, sandbox):
    """A bad last row stops the good first one, also when the rows come through a pipe."""
    rows = b"customer_id,value,reason,reference\na,1,r,o1\nb,x,r,o2\n"
    ended = console("apply", "-", "--format", "csv", "--yes", "--no-ledger", sandbox=sandbox, stdin=rows)
    assert ended.code == Exit.USAGE
    assert "standard input, line 3: value is 'x'" in ended.err
    assert sandbox.books.requests == 0


BAD_SETTINGS = {
    "no credentials": ({}, "Set BONIFIQ_API_TOKEN and BONIFIQ_API_KEY"),
    "blank key": ({"BONIFIQ_API_TOKEN": "t", "BONIFIQ_API_KEY": " "}, "The API key is empty or blank"),
    "colon in token": ({"BONIFIQ_API_TOKEN": "t:u", "BONIFIQ_API_KEY": "k"}, "colon"),
    "query": ({"BONIFIQ_BASE_URL": "http://127.0.0.1/?a=1"}, "has a query"),
    "no scheme": ({"BONIFIQ_BASE_URL": "127.0.0.1:80"}, "has no scheme"),
    "plain http": ({"BONIFIQ_BASE_URL": "http://example.com"}, "without encryption"),
    "user in the URL": ({"BONIFIQ_BASE_URL": "http://u:p@127.0.0.1"}, "user information"),
}


@pytest.mark.parametrize(("env", "sentence"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_a_bad_setting_is_named(console, env, sentence):
    """Exit code 2 before the file is read."""
    console.write("changes.csv", HEADER, "a,1,r,k")
    if "BONIFIQ_BASE_URL" in env:
        env = {"BONIFIQ_API_TOKEN": "t", "BONIFIQ_API_KEY": "k", **env}
    ended = console("apply", "changes.csv", "--yes", **env)
    assert ended.code == Exit.USAGE
    assert sentence in ended.err


def test_a_wrong_credential_stops_the_run_at_once(console, sandbox):
    """Not after as many refusals as there are rows: only what was in flight was sent."""
    console.write("changes.csv", HEADER, *(f"c{n},1,r,k{n}" for n in range(2000)))
    ended = console(
        "apply", "changes.csv", "--yes", "--max-in-flight", "8", sandbox=sandbox, BONIFIQ_API_KEY="wrong"
    )
    assert ended.code == Exit.USAGE
    assert "does not accept the credentials" in ended.err
    assert sandbox.books.requests <= 16
    assert sandbox.books.balances() == {}


def test_an_outcome_file_of_another_kind_is_refused(console, sandbox):
    """Before anything is sent."""
    console.write("changes.csv", HEADER, "a,1,r,k")
    for name, sentence in (
        ("out.txt", "must end in .xlsx, .csv or .jsonl"),
        ("no/out.csv", "cannot be written"),
    ):
        ended = console("apply", "changes.csv", "--yes", "--out", name, sandbox=sandbox)
        assert ended.code == Exit.USAGE
        assert sentence in ended.err
    assert sandbox.books.requests == 0


def test_what_is_sent_is_what_was_checked(console, sandbox, monkeypatch):
    """Whatever happens to the file meanwhile."""
    from bonifiq_async.cli.commands import run as module

    file = console.write("changes.csv", HEADER, "a,1,r,k")
    original = module.display

    def rewrite(*given):
        file.write_text(f"{HEADER}\na,99,r,k\nb,2,r,k2\n")
        return original(*given)

    monkeypatch.setattr(module, "display", rewrite)
    assert console("apply", "changes.csv", "--yes", sandbox=sandbox).code == 0
    assert sandbox.books.balances() == {"a": Decimal(1)}


def test_the_file_of_changes_is_never_the_outcome_file(console, sandbox):
    """Not even under another name."""
    file = console.write("changes.csv", HEADER, "a,1,r,k")
    (console.folder / "link.csv").hardlink_to(file)
    for name in ("changes.csv", "link.csv"):
        assert console("apply", "changes.csv", "--yes", "--out", name, sandbox=sandbox).code == Exit.USAGE
    assert file.read_text() == f"{HEADER}\na,1,r,k\n"
    assert sandbox.books.requests == 0


def test_a_column_that_means_nothing_is_named(console):
    """Its name may be misspelt."""
    console.write("changes.csv", f"{HEADER},customer_reson", "a,1,r,k,thanks")
    ended = console("check", "changes.csv")
    assert ended.code == 0
    assert "columns that mean nothing here: customer_reson" in ended.err
