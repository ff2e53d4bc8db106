"""Sums of different units are never added together: each card of Raba7ni has a currency of its own."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest
from all_calls import enveloped
from conftest import http, read_request
from console import Console, Ended

from bonifiq_async import BasicCredentials, BonifiQClient, SqliteLedger
from bonifiq_async._model.money import Sums, SumsByUnit

HEADER = "operation,card_id,member_id,amount,reference"
ROWS = ("earn,10,1,100.50,a", "refund,10,1,20,b", "earn,11,1,7,c", "earn,11,2,3,d")
APPLY = ("apply", "changes.csv", "--provider", "raba7ni")
APART = {
    "card 10": {"added": Decimal("100.50"), "removed": 20},
    "card 11": {"added": 10, "removed": 0},
}


@pytest.fixture
def two_cards(console: Console) -> Console:
    """A file of changes to two cards."""
    console.write("changes.csv", HEADER, *ROWS)
    return console


def read(ended: Ended) -> dict[str, dict[str, object]]:
    assert ended.out, ended.err
    return json.loads(ended.out, parse_float=Decimal)


def rows_of(text: str, *words: str) -> list[str]:
    """Return the lines of a text that have all the words."""
    return [line for line in text.splitlines() if all(word in line for word in words)]


def test_a_plan_keeps_them_apart(two_cards):
    ended = two_cards(*APPLY, "--dry-run", "--json")
    plan = read(ended)
    assert (plan["added"], plan["removed"], plan["by_unit"]) == (None, None, APART)
    assert rows_of(ended.err, "purchases (card 10)", "100.50") and rows_of(ended.err, "(card 11)", "10")
    assert "110.5" not in ended.err


def test_a_run_and_its_ledger_keep_them_apart(two_cards, raba7ni):
    """In the closing table, the table of the ledger and the JSON; also what is settled already."""
    sandbox = raba7ni(cards={10: 5, 11: 5})
    shown = two_cards(*APPLY, "--yes", sandbox=sandbox)
    assert shown.code == 0
    assert rows_of(shown.out, " applied ", " 4 ", "card 10", "100.50", "20")
    assert rows_of(shown.out, "card 11", " 10 ") and "110.5" not in shown.out
    for ended, kind in (
        (two_cards("status", "raba7ni.ledger", "--json"), "applied"),
        (two_cards(*APPLY, "--yes", "--json", sandbox=sandbox), "already_applied"),
    ):
        found = next(read(ended)[name] for name in ("effects", "states") if name in read(ended))[kind]
        assert found == {"changes": 4, "added": None, "removed": None, "by_unit": APART}
    table = two_cards("status", "raba7ni.ledger").out
    assert rows_of(table, "applied", " 4 ", "card 10", "100.50") and "110.5" not in table


def test_changes_of_one_unit_have_one_pair_of_sums(two_cards, raba7ni):
    """As before units existed; then a table names no unit."""
    two_cards.write("changes.csv", HEADER, *ROWS[:2])
    ended = two_cards(*APPLY, "--dry-run", "--json")
    plan = read(ended)
    assert (plan["added"], plan["removed"]) == (Decimal("100.50"), 20)
    assert "card 10" not in ended.err


def test_there_is_one_sum_of_one_unit_alone():
    sums = SumsByUnit()
    assert sums.single() == Sums()
    sums.put("BRL", Decimal(3))
    assert sums.single() == Sums(added=Decimal(3))
    sums.put("points", Decimal(-4), 2)
    assert sums.single() is None
    assert sums.by_unit == {"BRL": Sums(added=Decimal(3)), "points": Sums(removed=Decimal(8))}


async def of_every_kind(path: Path, raw_server: Callable[..., Awaitable[str]]) -> None:
    """Make a ledger in which a program has cashback, points, a redeem and a part of an order."""
    results: dict[bytes, object] = {b"cashback": {"PointsBalance": 1}, b"points": {"PointsBalance": 7}}
    results |= {b"redeem": {"RewardId": 3}, b"partialcancel": {"isCanceled": True}}

    async def answer(reader, writer) -> None:
        head, _ = await read_request(reader)
        name = head.split(b" ")[1].rpartition(b"/")[2]
        writer.write(http(json.dumps(enveloped(results[name])).encode()))

    async with (
        SqliteLedger(path) as ledger,
        BonifiQClient(BasicCredentials("t", "k"), base_url=await raw_server(answer), ledger=ledger) as client,
    ):
        await client.customers.add_cashback("ana", Decimal("10.50"), reason="r", reference="1")
        await client.customers.add_points("ana", 700, reason="r", reference="1")
        await client.pos.redeem(3, customer_id="ana", reference="1", points=100)
        await client.orders.cancel_partially("order-1", value_to_refund=Decimal(45), reference="1")


async def test_points_are_no_money_on_any_screen(console, raw_server, tmp_path):
    """Nor is what was taken back of an order: each stands with its unit, and in a sum of its own."""
    ledger = tmp_path / "l"
    await of_every_kind(ledger, raw_server)
    states = read(console("status", str(ledger), "--json"))["states"]["applied"]
    assert states["added"] is None and states["by_unit"] == {
        "BRL": {"added": Decimal("10.50"), "removed": 0},
        "BRL of orders": {"added": 45, "removed": 0},
        "points": {"added": 700, "removed": 0},
    }
    page = tmp_path / "page.html"
    assert console("report", str(ledger), "--html", str(page)).code == 0
    for text in (
        console("status", str(ledger)).out,
        console("history", str(ledger)).out,
        page.read_text("utf-8"),
    ):
        assert "700 points" in text and "R$ 700" not in text and "R$ 45" not in text and "R$ 10.50" in text


async def test_a_file_has_cashback_and_points_in_columns_of_their_own(console, raw_server, tmp_path):
    """What is neither is in none: applied from one, it would be another change."""
    ledger = tmp_path / "l"
    await of_every_kind(ledger, raw_server)
    exported = console("export", str(ledger), "--effect", "applied", "--format", "jsonl")
    rows = [json.loads(line, parse_float=Decimal) for line in exported.out.splitlines()]
    assert [(row["change_key"], row["value"], row["points"]) for row in rows] == [
        ("ADD-ana-10.5-1", Decimal("10.5"), None),
        ("POINTS-ADD-ana-700-1", None, 700),
    ]
    assert "2 changes are left out" in exported.err
