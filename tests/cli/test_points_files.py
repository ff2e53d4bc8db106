"""Files with a column of points: applied once, resumed, and nowhere shown or added as money."""

import csv
import json
import re
from decimal import Decimal
from urllib.parse import unquote

import pytest
from all_calls import enveloped
from console import Console
from hostile import environment, provider

from bonifiq_async.cli.exit_codes import Exit

HEADER = "customer_id,points,reason,reference"
ROWS = ("ana,500,spring,o1", "bia,-20,spring,o2", "ana,5,spring,o3")


class Points:
    """A provider's points: moved once a key, which it says when it comes again."""

    def __init__(self, lost: int = 0) -> None:
        self.keys: list[str] = []
        self.asked: list[str] = []
        self.lost = lost

    def __call__(self, path: str) -> tuple[int, bytes]:
        self.asked.append(unquote(path).removeprefix("/v1/pvt/Customer/"))
        if self.lost:
            self.lost -= 1
            return 500, b""
        return 200, json.dumps(enveloped({"PointsBalance": 100, "CashbackBalance": 1})).encode()


@pytest.fixture
def points(console: Console) -> Console:
    console.write("points.csv", HEADER, *ROWS)
    return console


def test_a_plan_is_in_points(points: Console) -> None:
    ended = points("apply", "points.csv", "--dry-run")
    assert "505 points" in ended.err and "R$" not in ended.err + ended.out
    plan = json.loads(points("check", "points.csv", "--json").out)
    assert (plan["added"], plan["removed"]) == (505, 20)


def test_a_run_is_made_once_and_goes_on(points: Console) -> None:
    """Its outcomes and its ledger have points, and no amount."""
    side = Points(lost=1)
    with provider(side) as url:
        first = points("apply", "points.csv", "--yes", "--out", "o.jsonl", **environment(url))
        again = points("apply", "points.csv", "--yes", **environment(url))
    assert (first.code, again.code) == (Exit.DONE, Exit.DONE)
    assert sorted(set(side.asked)) == ["ana/points", "bia/points"] and len(side.asked) == 4
    outcomes = [json.loads(line) for line in (points.folder / "o.jsonl").read_text().splitlines()]
    assert sorted((each["change_key"], each["points"]) for each in outcomes) == [
        ("POINTS-ADD-ana-5-o3", 5),
        ("POINTS-ADD-ana-500-o1", 500),
        ("POINTS-REMOVE-bia-20-o2", -20),
    ]
    assert {(each["points_balance"], each["value"]) for each in outcomes} == {(100, None)}
    for shown in (first.out, again.out, points("status", "points.csv.ledger").out):
        assert "R$" not in shown and "505 points" in shown


FORMS: dict[str, tuple[str, ...]] = {
    "p.jsonl": ('{"customer_id":"ana","points":500,"reason":"r","reference":"1"}',),
    "br.csv": ("Cliente;Pontos;Motivo;Pedido", "ana;500;primavera;o1"),
    "key.csv": ("customer_id,points,reason,change_key", "ana,500,r,k"),
}


@pytest.mark.parametrize("name", FORMS)
def test_files_as_operators_have_them(name: str, console: Console) -> None:
    console.write(name, *FORMS[name])
    plan = json.loads(console("check", name, "--json").out)
    assert (plan["changes"], plan["added"]) == (1, 500)


WRONG = {
    "a fraction": ("ana,5.5,r,1", "points is '5.5'"),
    "a word": ("ana,many,r,1", "points"),
    "none": ("ana,0,r,1", "points is zero"),
    "too many": (f"ana,{2**31},r,1", "32 bits"),
    "no key": ("ana,5,r,", "exactly one of change_key and reference"),
    "nothing": ("ana,,r,1", "points"),
}


@pytest.mark.parametrize(("row", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_row_that_is_not_valid_is_named(row: str, words: str, console: Console) -> None:
    console.write("points.csv", HEADER, row)
    ended = console("check", "points.csv")
    assert ended.code == Exit.USAGE and words in ended.err


def test_a_second_number_for_one_reference_is_shown(console: Console) -> None:
    console.write("points.csv", HEADER, "ana,500,r,o1", "ana,5000,r,o1")
    ended = console("check", "points.csv")
    assert "5,000 points" in ended.err and "R$" not in ended.err


def test_one_reference_is_for_cashback_and_for_points(console: Console) -> None:
    """Their keys differ: an order may give both, from two files with one ledger."""
    console.write("points.csv", HEADER, "ana,500,r,o1")
    console.write("cashback.csv", "customer_id,value,reason,reference", "ana,500,r,o1")
    side = Points()
    with provider(side) as url:
        for name in ("points.csv", "cashback.csv"):
            ended = console("apply", name, "--yes", "--ledger", "l", **environment(url))
            assert ended.code == Exit.DONE
    assert side.asked == ["ana/points", "ana/cashback"]
    _, points, cashback = csv.reader(console("export", "l", "--effect", "applied").out.splitlines())
    assert points[:6] == ["ana", "", "r", "POINTS-ADD-ana-500-o1", "", "500"]
    assert cashback[:6] == ["ana", "500", "r", "ADD-ana-500-o1", "", ""]


def test_what_is_in_doubt_is_sent_again_as_what_it_is(points: Console) -> None:
    """Points as points, beside cashback in one ledger; and what is exported can be applied."""
    points.write("cashback.csv", "customer_id,value,reason,reference", "ana,500,r,o1")
    side, answers = Points(), [(200, b"<html>")] * 4
    with provider(lambda path: answers.pop() if answers else side(path)) as url:
        for name in ("points.csv", "cashback.csv"):
            ended = points("apply", name, "--yes", "--ledger", "l", **environment(url))
            assert ended.code == Exit.UNKNOWN
        ended = points("settle", "l", "--all-by-repeating", "--yes", **environment(url))
    assert ended.code == Exit.DONE
    assert sorted(side.asked) == ["ana/cashback", "ana/points", "ana/points", "bia/points"]
    assert "R$ 500" in ended.err + ended.out and "505 points" in ended.err + ended.out


def test_a_ledger_of_points_is_exported_as_a_file_of_points(points: Console) -> None:
    with provider(Points()) as url:
        points("apply", "points.csv", "--yes", **environment(url))
    exported = points("export", "points.csv.ledger", "--effect", "applied").out
    points.write("again.csv", *exported.splitlines())
    plan = json.loads(points("check", "again.csv", "--json").out)
    assert (plan["changes"], plan["added"], plan["removed"]) == (3, 505, 20)


MIXED = ("customer_id,value,points,reason,reference", "ana,10.50,,r,o1", "ana,,500,r,o1", "bia,,-20,r,o2")


def test_one_file_has_cashback_and_points(console: Console) -> None:
    """Each in a sum of its own: in the plan, the outcomes, the closing table, the ledger and its page."""
    console.write("m.csv", *MIXED)
    by_unit = {
        "BRL": {"added": Decimal("10.5"), "removed": 0},
        "points": {"added": 500, "removed": 20},
    }
    plan = json.loads(console("check", "m.csv", "--json").out, parse_float=Decimal)
    assert (plan["added"], plan["by_unit"], plan["problems"]) == (None, by_unit, 0)
    side = Points()
    with provider(side) as url:
        ended = console(
            "apply", "m.csv", "--yes", "--out", "o.csv", "--confirm-above", "400", **environment(url)
        )
    assert ended.code == Exit.DONE and "no sum of points is asked for" in ended.err
    assert sorted(side.asked) == ["ana/cashback", "ana/points", "bia/points"]
    assert side.asked.index("ana/cashback") < side.asked.index("ana/points")
    rows = list(csv.DictReader((console.folder / "o.csv").read_text().splitlines()))
    assert sorted((row["customer_id"], row["value"], row["points"]) for row in rows) == [
        ("ana", "", "500"),
        ("ana", "10.50", ""),
        ("bia", "", "-20"),
    ]
    page = console.folder / "page.html"
    assert console("report", "m.csv.ledger", "--html", str(page)).code == Exit.DONE
    for shown in (ended.err, ended.out, console("status", "m.csv.ledger").out, page.read_text("utf-8")):
        assert "R$ 10.50" in shown and "500 points" in shown and "20 points" in shown
        assert not re.search(r"R\$ -?(500|20|510|490)\b", shown), shown
    states = json.loads(console("status", "m.csv.ledger", "--json").out, parse_float=Decimal)["states"]
    assert states["applied"]["by_unit"] == by_unit


def test_a_reader_of_portuguese_has_points_in_portuguese(console: Console) -> None:
    """In the plan, the closing table, the ledger and the page; reais with a comma, points without money."""
    console.write("m.csv", *MIXED)
    page = console.folder / "p.html"
    with provider(Points()) as url:
        ended = console("apply", "m.csv", "--yes", "--language", "pt", **environment(url))
    status = console("status", "m.csv.ledger", "--language", "pt").out
    assert console("report", "m.csv.ledger", "--html", str(page), "--language", "pt").code == Exit.DONE
    for shown in (ended.err, ended.out, status, page.read_text("utf-8")):
        assert "500 pontos" in shown and "R$ 10,50" in shown and " points" not in shown


KINDS = {
    "points": ("Cliente,Tipo,Valor,Motivo,Pedido", "ana,pontos,500,r,o1"),
    "cashback": ("customer_id,kind,value,reason,reference", "ana,cashback,500,r,o1"),
    "under points": ("customer_id,kind,points,value,reason,reference", "ana,Points,500,,r,o1"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_column_says_of_each_row_which_it_is(name: str, console: Console) -> None:
    """And no row that was read is shown as money that is none."""
    console.write("k.csv", *KINDS[name])
    plan = json.loads((ended := console("check", "k.csv", "--json")).out)
    unit = "BRL" if name == "cashback" else "points"
    assert plan["by_unit"] == {unit: {"added": 500, "removed": 0}}
    assert name == "cashback" or "R$" not in ended.err


UNCLEAR = {
    "both": ("customer_id,value,points,reason,reference", "ana,1,2,r,o", "both there"),
    "no kind": ("customer_id,kind,value,reason,reference", "ana,,500,r,o", "kind is empty"),
    "another kind": ("customer_id,Tipo,value,reason,reference", "ana,Bônus,5,r,o", "kind is 'Bônus'"),
    "a part of a point": ("customer_id,kind,value,reason,reference", "ana,points,1.5,r,o", "whole numbers"),
    "the wrong column": ("customer_id,kind,points,reason,reference", "ana,cashback,5,r,o", "under points"),
    "a thousand": ("customer_id,points,reason,reference", "ana,1.000,r,o", "say so with --decimal ,"),
    "money": ("customer_id,points,reason,reference", "ana,R$ 5,r,o", "points is 'R$ 5'"),
    "with cents": (
        "Cliente;Pontos;Motivo;Pedido",
        'ana;"5,50";r;o',
        "points is '5,50'; it is a whole number",
    ),
    "money by its kind": (
        "customer_id,kind,value,reason,reference",
        "ana,points,R$ 500,r,o",
        "value is 'R$ 500', with a currency, and its row is of 'points'",
    ),
    "money in Portuguese": ("Cliente;Tipo;Valor;Motivo;Pedido", "ana; Pontos;BRL 500;r;o", "of 'Pontos'"),
    "money by its header": (
        "Cliente;Tipo;Valor (R$);Motivo;Pedido",
        "ana;pontos;500;r;o",
        "value is '500' (Valor (R$)), with a currency, and its row is of 'pontos'",
    ),
    "a percentage": ("customer_id,kind,value,reason,reference", "ana,points,5%,r,o", "value is '5%'"),
    "a unit": ("customer_id,kind,value,reason,reference", "ana,points,500 pts,r,o", "value is '500 pts'"),
    "cents that are zero": (
        "customer_id,kind,value,reason,reference",
        "ana,points,5.00,r,o",
        "whole numbers",
    ),
    "cents beside money": (
        "Cliente;Tipo;Valor;Motivo;Pedido",
        "ana;pontos;5,00;r;o",
        "whole numbers, without decimals",
    ),
    "a thousand by its kind": (
        "customer_id,kind,value,reason,reference",
        "ana,points,1.000,r,o",
        "say so with --decimal ,",
    ),
    "enormous": ("customer_id,points,reason,reference", f"ana,{'9' * 60},r,o", "too large"),
}


@pytest.mark.parametrize(("header", "row", "words"), UNCLEAR.values(), ids=UNCLEAR.keys())
def test_what_is_not_sure_to_be_points_is_refused(
    header: str, row: str, words: str, console: Console
) -> None:
    console.write("k.csv", header, row)
    ended = console("check", "k.csv")
    assert ended.code == Exit.USAGE and words in ended.err


def test_a_grouped_number_is_asked_about_as_one_of_points(console: Console) -> None:
    console.write("k.csv", "Cliente;Pontos;Motivo;Pedido", "ana;1.500;r;o")
    ended = console("check", "k.csv")
    assert "points '1.500' is 1,500 with a decimal comma" in ended.err and "R$" not in ended.err
    assert json.loads(console("check", "k.csv", "--decimal", ",", "--json").out)["added"] == 1500


def test_a_key_counts_for_one_change_whichever_it_is(console: Console) -> None:
    """Within a file, against the ledger, and in the run itself."""
    head = "customer_id,value,points,reason,change_key"
    console.write("two.csv", head, "ana,5,,r,k", "ana,,5,r,k")
    assert "R$ 5.00 here, and 5 points there" in console("check", "two.csv").err
    console.write("one.csv", head, "ana,5,,r,k")
    console.write("other.csv", head, "ana,,5,r,k")
    with provider(Points()) as url:
        assert console("apply", "one.csv", "--yes", "--ledger", "l", **environment(url)).code == Exit.DONE
        ended = console("apply", "other.csv", "--yes", "--ledger", "l", **environment(url))
    assert ended.code == Exit.USAGE and 'points: "R$ 5.00", now "5 points"' in ended.err
