"""A used key of every write that has one: four answers, another change under it, and one effect."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from contract_talk import Talk, bonifiq
from store_talk import ANA, CUSTOMER, KEYED, Keyed, order

from bonifiq_async.sandbox import FaultScript, Retention, Sandbox

Started = Callable[..., Sandbox]
WAYS = ["replay", "error-200", "error-400", "error-409"]
ROWS = pytest.mark.parametrize("keyed", KEYED.values(), ids=KEYED)


def store(sandbox: Started, **settings: object) -> tuple[Sandbox, Talk]:
    """Start a sandbox in which each of the writes can be made."""
    server = sandbox(customers={ANA: Decimal(20)}, **settings)
    talk = bonifiq(server)
    talk.result("POST", "/v1/pvt/Order", order())
    return server, talk


@ROWS
@pytest.mark.parametrize("way", WAYS)
def test_a_used_key_counts_once_however_it_is_answered(way: str, keyed: Keyed, sandbox: Started) -> None:
    server, talk = store(sandbox, duplicates=way)
    first = talk.say("POST", keyed.path, keyed.under("k"))
    balances = server.books.balances(), server.books.points.balances(), server.books.orders["o1"].left
    status, again = talk.say("POST", keyed.path, keyed.under("k"))
    assert first[0] == 200 and not first[1]["HasError"]
    if way == "replay":
        assert (status, again) == first
    else:
        assert (status, again["HasError"]) == (int(way[-3:]), True)
        assert again["CodeName"] == f"{keyed.key}AlreadyUsed"
        assert again["ErrorMessage"] == f"This {keyed.key} was already used"
    server.assert_applied_once("k")
    assert balances == (
        server.books.balances(),
        server.books.points.balances(),
        server.books.orders["o1"].left,
    )


@ROWS
@pytest.mark.parametrize("way", WAYS[1:])
def test_another_change_under_a_used_key_is_recognised(way: str, keyed: Keyed, sandbox: Started) -> None:
    """And the same one is still answered as the first time."""
    server, talk = store(sandbox, reused_key=way)
    first = talk.say("POST", keyed.path, keyed.under("k"))
    status, other = talk.say("POST", keyed.path, keyed.under("k", other=True))
    assert (status, other["ErrorMessage"]) == (
        int(way[-3:]),
        f"This {keyed.key} was already used for another change",
    )
    assert talk.say("POST", keyed.path, keyed.under("k")) == first
    server.assert_applied_once("k")


@ROWS
def test_without_a_key_a_write_counts_each_time(keyed: Keyed, sandbox: Started) -> None:
    server, talk = store(sandbox, duplicates="error-400")
    for _ in range(2):
        talk.result("POST", keyed.path, keyed.body)
    books = server.books
    cash = [each for each in books.history() if each.reason.endswith(("1", "2"))]
    assert len([*cash, *books.points.history(), *books.refunds.history()]) == 2
    assert talk.refusal("POST", keyed.path, keyed.under(" ")) == "General_FieldCannotBeNullOrBlank"


@ROWS
def test_a_forgotten_key_counts_again(keyed: Keyed, sandbox: Started) -> None:
    server, talk = store(sandbox, faults=FaultScript(retention=Retention(requests=1)))
    talk.result("POST", keyed.path, keyed.under("k"))
    talk.result("GET", f"{CUSTOMER}/points")
    talk.result("POST", keyed.path, keyed.under("k"))
    with pytest.raises(AssertionError, match=r"^k took effect 2 times, not once"):
        server.assert_applied_once("k")


@ROWS
def test_a_refused_write_leaves_its_key_free(keyed: Keyed, sandbox: Started) -> None:
    """Also one that is refused within a 200."""
    server, talk = store(sandbox, duplicates="error-409")
    wrong = {"CustomerId": "absent"} if "CustomerId" in keyed.body else {"ValueToRefund": 1000}
    wrong = {"Points": 0} if "Points" in keyed.body else wrong
    talk.say("POST", keyed.path, keyed.under("k") | wrong)
    assert server.books.took_effect("k") == ()
    talk.result("POST", keyed.path, keyed.under("k"))
    server.assert_applied_once("k")


def test_a_key_counts_for_all_writes_that_have_the_same_member(sandbox: Started) -> None:
    """How far a key reaches is not documented; a CancelKey counts for its order, as its pages say."""
    server, talk = store(sandbox, duplicates="error-409")
    talk.result("POST", "/v1/pvt/Order", order("o2"))
    cashback = {"Value": 1, "OperationType": 0, "Reason": "r", "ChangeKey": "k"}
    refused = []
    for path, body in (
        (f"{CUSTOMER}/cashback", cashback),
        *((keyed.path, keyed.under("k")) for keyed in KEYED.values()),
        ("/v1/pvt/Order/o2/partialcancel", {"ValueToRefund": 2.5, "CancelKey": "k"}),
    ):
        status, _ = talk.say("POST", path, body)
        refused.append(status == 409)
    assert refused == [False, True, False, True, False, True, False]
    assert len(server.books.took_effect("k")) == 4


@ROWS
def test_cashback_points_and_orders_have_books_of_their_own(keyed: Keyed, sandbox: Started) -> None:
    """The report names the unit of each effect."""
    server, talk = store(sandbox)
    talk.result("POST", keyed.path, keyed.under("k"))
    books = server.books
    in_words = {"points": "+5 points for ana@b.example", "order": "2.5 of order o1 refunded"}
    effect = {"ChangeKey": in_words["points"], "CancelKey": in_words["order"]}.get(
        keyed.key, "-2.5 for ana@b.example"
    )
    assert books.took_effect("k") == (effect,)
    assert f"k: 1 request; {effect}" in server.report()
    assert ("  ana@b.example, points: 0 -> 5" in server.report()) is (keyed.key == "ChangeKey")
    assert books.balance(ANA) == (Decimal("17.5") if keyed.key == "OriginalKey" else 20)
    assert books.points.balance(ANA) == (5 if keyed.key == "ChangeKey" else 0)
    assert sum(each.value for each in books.refunds.history()) == (
        Decimal("2.5") if keyed.key == "CancelKey" else 0
    )
