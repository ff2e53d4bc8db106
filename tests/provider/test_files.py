"""The command line serves every provider of the registry: a file of its changes is applied once."""

import asyncio
import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from console import Console
from sides import Side, sides

from bonifiq_async import SqliteLedger
from bonifiq_async.cli.adapter import TOLD
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.sandbox import FaultScript

CHANGES, AMOUNT = 3, Decimal("12.34")
LEDGER = "changes.csv.ledger"
every_side = pytest.mark.parametrize("side", sides(), ids=lambda side: side.name)
ENDED = ("--effect", "applied", "--effect", "already_applied")


def applying(side: Side, *options: str) -> tuple[str, ...]:
    return "apply", "changes.csv", "--provider", side.name, "--ledger", LEDGER, "--yes", "--json", *options


def written(console: Console, side: Side, count: int = CHANGES) -> list[str]:
    """Write a file of changes, in the form in which a ledger of the provider exports them; return it."""

    async def made() -> None:
        with side.sandbox() as server:
            async with SqliteLedger("made.ledger") as ledger, side.client(server, ledger=ledger) as client:
                for number in range(count):
                    await side.make(client, side.change(f"order-{number}", AMOUNT, number % 2 + 1))

    asyncio.run(made())
    lines = console("export", "made.ledger", "--effect", "applied").out.splitlines()
    console.write("changes.csv", *lines)
    return lines


@every_side
def test_a_file_is_applied_once(side: Side, way: str, console: Console) -> None:
    """Under faults, in a second run, with sums in its unit; and the ledger exports the same changes."""
    lines = written(console, side)
    faults = FaultScript(["close-after", "close-before"] if side.repeats else [])
    with side.sandbox(faults=faults) as server:
        for out in ("first.csv", "second.csv"):
            ended = console(*applying(side, "--out", out), **server.environment())
            assert ended.code == 0, ended.err
            found = json.loads(ended.out)["effects"]
            assert sum(of["changes"] for of in found.values()) == CHANGES
            assert {unit for of in found.values() for unit in of["by_unit"]} == {
                side.adapter.unit_of(side.change())
            }
        assert found["already_applied"]["changes"] == CHANGES
        effects = [side.effects(server, f"order-{number}") for number in range(CHANGES)]
        assert effects == [1] * CHANGES
    rows = list(csv.DictReader(io.StringIO(Path("first.csv").read_text())))
    assert sorted(row["change_key"] for row in rows) == [
        side.change(f"order-{number}").change_key for number in range(CHANGES)
    ]
    assert set(side.adapter.answer_columns) <= rows[0].keys()
    assert f"Provider: {side.name}" in console("status", LEDGER).out
    exported = console("export", LEDGER, *ENDED).out.splitlines()
    asked, answered = ([line.rsplit(",", len(TOLD))[0] for line in some] for some in (lines, exported))
    assert sorted(answered) == sorted(asked)


@every_side
def test_what_is_in_doubt_is_settled_by_repeating_where_that_is_safe(side: Side, console: Console) -> None:
    written(console, side, 1)
    with side.sandbox(faults=FaultScript(["html-after"])) as server:
        assert console(*applying(side), **server.environment()).code == Exit.UNKNOWN
        ended = console("settle", LEDGER, "--all-by-repeating", "--yes", **server.environment())
        assert (ended.code == 0) is side.repeats
        assert server.books.requests == 1 + side.repeats
        assert side.effects(server, "order-0") == 1


@every_side
def test_an_invalid_row_is_reported_with_its_line(side: Side, console: Console) -> None:
    header, row = csv.reader(written(console, side, 1))
    spoilt = [
        "" if name in side.adapter.columns.keys else cell for name, cell in zip(header, row, strict=True)
    ]
    console.write("changes.csv", ",".join(header), ",".join(row), ",".join(spoilt))
    ended = console("check", "changes.csv", "--provider", side.name)
    assert ended.code == Exit.USAGE and "line 3: " in ended.err and "line 2: " not in ended.err


@every_side
def test_missing_credentials_are_named(side: Side, console: Console) -> None:
    written(console, side, 1)
    ended = console(*applying(side))
    assert ended.code == Exit.USAGE
    assert " and ".join(side.spec.environment.credentials) in " ".join(ended.err.split())
