"""One call and what is shown of it: a customer, an order, lists page by page."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hostile import environment, provider

from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.sandbox import Sandbox

CUSTOMER = {"OriginalId": "ana", "Name": "Ana", "BalanceOfPoints": 1250.0, "BalanceCashback": 12.5}
ORDER = {"OriginalId": "o-1", "OrderTotal": 99.9, "State": 2, "Customer": {"Name": "Ana"}}


def test_a_customer_and_an_order(console):
    """A table has what is one text or number, and shows points as points; JSON has all."""
    answers = {"Customer": {"Result": CUSTOMER, "HasError": False}, "Order": ORDER}
    with provider(lambda path: (200, json.dumps(answers[path.split("/")[3]]).encode())) as url:
        table = console("customer", "ana", **environment(url)).out
        whole = json.loads(console("customer", "ana", "--json", **environment(url)).out)
        order = console("order", "o-1", **environment(url)).out
        bad = console("customer", "..", **environment(url))
    assert "R$ 12.50" in table and "1,250 " in table and "R$ 1" not in table.replace("R$ 12.50", "")
    assert (whole["balance_of_points"], whole["name"]) == (1250, "Ana")
    assert "o-1" in order and "R$ 99.90" in order and "customer" not in order
    assert bad.code == Exit.USAGE


def test_lists_are_read_to_their_end(console):
    """Page by page, each line as it comes, with the parameters of the page."""
    asked = []

    def page(path):
        query = {name: value[0] for name, value in parse_qs(urlsplit(path).query).items()}
        asked.append(query)
        number = int(query.get("PageNumber") or query["pageNumber"])
        items = [
            {"Title": f"line {number}-{each}", "OriginalId": f"c{number}", "Points": 5} for each in range(60)
        ]
        more = {"TotalItemCount": 120, "PageNumber": number, "HasNextPage": number < 2}
        return 200, json.dumps({"Items": items, **more}).encode()

    with provider(page) as url:
        table = console("customer-history", "ana", **environment(url)).out
        lines = console(
            "customers-report",
            "--since",
            "2026-03-01",
            "--until",
            "2026-03-01",
            "--page-size",
            "60",
            "--json",
            **environment(url),
        ).out.splitlines()
        wrong = console("customers-report", "--since", "yesterday", **environment(url))
        large = console("customers-report", "--page-size", "501", **environment(url))
    assert table.count("line ") == 120 and table.count("title") == 1
    assert [json.loads(line)["original_id"] for line in lines] == ["c1"] * 60 + ["c2"] * 60
    assert asked[-1]["pageSize"] == "60" and asked[-1]["from"][:10] <= "2026-03-01" < asked[-1]["to"][:10]
    assert (wrong.code, large.code) == (Exit.USAGE, Exit.USAGE) and "2026-03-01" in wrong.err


POINTS = {"Points": 500, "CashbackValue": 5.0, "Cashback": 5.0, "ExpirationDate": "2026-04-01T12:00:00Z"}
WHOSE = {"CustomerEmail": "ana@example.com", "Customer": {"OriginalId": "ana@example.com"}}
REPORTS = {
    "to-expire": ("--since", "2026-03-01", "--until", "2026-03-31"),
    "expiring": ("--until", "2026-03-31"),
    "received": (),
}


@pytest.mark.parametrize("name", REPORTS)
def test_the_reports_on_points(name, console):
    """Points are a number, and what they are worth is money; what was not seen documented is said."""
    body = {"Items": [POINTS | WHOSE], "TotalItemCount": 1, "PageNumber": 1, "HasNextPage": False}
    with provider(lambda path: (200, json.dumps(body).encode())) as url:
        ended = console("points-report", name, *REPORTS[name], **environment(url))
        lines = console("points-report", name, *REPORTS[name], "--json", **environment(url)).out.splitlines()
        pt = console("points-report", name, *REPORTS[name], "--language", "pt", **environment(url))
    row = ended.out.splitlines()[-1]
    assert "ana@example.com" in row and "500" in row and "R$ 5.00" in row and "R$ 500" not in row
    assert [json.loads(line)["points"] for line in lines] == [500]
    assert "pontos" in pt.out and "cliente" in pt.out and "points" not in pt.out
    assert ("seen documented" in ended.err) is (name == "received")


def test_what_was_received_has_no_period(console):
    assert console("points-report", "received", "--since", "2026-03-01").code == Exit.USAGE


def test_a_customer_of_the_sandbox_as_a_reader_of_portuguese_sees_it(console):
    with Sandbox() as sandbox:
        sandbox.books.apply_points("ana", 1250, "k", reason="r")
        table = console("customer", "ana", "--language", "pt", sandbox=sandbox).out
        history = console("customer-history", "ana", "--language", "pt", sandbox=sandbox).out
    assert "saldo de pontos" in table and "id na loja" in table and "R$ 1" not in table
    assert "1.250" in history and "título" in history
