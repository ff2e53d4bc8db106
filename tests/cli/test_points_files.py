"""Files with a column of points: applied once, resumed, and nowhere shown or added as money."""

import json
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
    assert {each["points_balance"] for each in outcomes} == {100} and "value" not in outcomes[0]
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
    exported = console("export", "l", "--effect", "applied").out
    assert "ADD-ana-500-o1" in exported and "POINTS" not in exported


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
