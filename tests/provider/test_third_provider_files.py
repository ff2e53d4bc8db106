"""The console command serves a provider that is made up: an adapter in its folder is all that it needs."""

import csv
import io
import json
from pathlib import Path

import pytest
from console import Console
from third_provider.sandbox import MilesSandbox

from bonifiq_async._provider import registry
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.sandbox import FaultScript

HEADER = "customer_id,value,change_key"
FILE = (HEADER, "ANA,100,k1", "BOB,-20,k2", "ANA,7.5,k3")
APPLY = ("apply", "changes.csv", "--provider", "miles", "--yes", "--json")


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.PROVIDERS, "miles", "third_provider")


def test_a_file_is_applied_once(console: Console) -> None:
    """With faults, a second run, the ledger that knows its provider, sums in its unit, and an export."""
    console.write("changes.csv", *FILE)
    with MilesSandbox(faults=FaultScript(["close-after", "close-before"])) as sandbox:
        for out in ("first.csv", "second.csv"):
            ended = console(*APPLY, "--out", out, **sandbox.environment())
            assert ended.code == 0, ended.err
            found = json.loads(ended.out)["effects"]
            assert sum(of["changes"] for of in found.values()) == 3
            assert {unit for of in found.values() for unit in of["by_unit"]} == {"miles"}
        assert found["already_applied"]["changes"] == 3
        assert sandbox.books.balance("ANA") == 107.5 and sandbox.books.balance("BOB") == -20
        assert all(len(sandbox.books.effects(f"k{number}")) == 1 for number in (1, 2, 3))
    rows = list(csv.DictReader(io.StringIO(Path("first.csv").read_text())))
    assert {row["change_key"] for row in rows} == {"k1", "k2", "k3"} and "balance" in rows[0]
    assert "Provider: miles" in console("status", "changes.csv.ledger").out
    both = ("--effect", "applied", "--effect", "already-applied")
    exported = console("export", "changes.csv.ledger", *both).out.splitlines()
    assert sorted(exported) == sorted(FILE)


def test_what_is_in_doubt_is_settled_by_repeating(console: Console) -> None:
    console.write("changes.csv", *FILE[:2])
    with MilesSandbox(faults=FaultScript(["html-after"])) as sandbox:
        assert console(*APPLY, **sandbox.environment()).code == Exit.UNKNOWN
        settled = ("settle", "changes.csv.ledger", "--all-by-repeating", "--yes")
        assert console(*settled, **sandbox.environment()).code == 0
        assert len(sandbox.books.effects("k1")) == 1


def test_a_row_that_is_not_valid_is_told_by_line_and_field(console: Console) -> None:
    console.write("changes.csv", HEADER, "ANA,much,k1", ",5,k2")
    ended = console("check", "changes.csv", "--provider", "miles")
    assert ended.code == Exit.USAGE
    assert "line 2: value is 'much'" in ended.err and "line 3: customer_id" in ended.err


def test_missing_credentials_are_named(console: Console) -> None:
    console.write("changes.csv", *FILE)
    ended = console(*APPLY)
    assert ended.code == Exit.USAGE
    assert "MILES_TOKEN and MILES_SIGNING_KEY" in ended.err
