"""One call and what is shown of it: a customer, an order, lists page by page."""

import json
from urllib.parse import parse_qs, urlsplit

from hostile import environment, provider

from bonifiq_async.cli.exit_codes import Exit

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
    assert "R$ 12.50" in table and "1250" in table and "R$ 1" not in table.replace("R$ 12.50", "")
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
