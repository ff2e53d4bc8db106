"""`bonifiq reconcile`: a ledger compared with the books of both providers, with deliberate differences."""

import csv
import json
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from attrs import evolve
from console import HEADER, Console
from hypothesis import given
from hypothesis import strategies as st
from one_test import one_test
from recorded import NOON, recorded

from bonifiq_async.bonifiq.customers import Customers
from bonifiq_async.bonifiq.files import statement_of
from bonifiq_async.bonifiq.payloads import CustomerPoints, PointDetailItem
from bonifiq_async.cli.afterwards.comparison import Agreement, Asked, compare
from bonifiq_async.cli.afterwards.progress_file import progress_file
from bonifiq_async.cli.afterwards.reconcile import READS
from bonifiq_async.cli.afterwards.statement import AccountStatement, MovedBy, StatementLine
from bonifiq_async.ledger.protocol import State
from bonifiq_async.sandbox import FaultScript, Raba7niSandbox, Sandbox

EVER = (float("-inf"), float("inf"))
AT = datetime.fromtimestamp(NOON, UTC)


def asked(state: State = State.APPLIED, value: int = 1, **other: object) -> Asked:
    change = recorded(state, value=Decimal(value), **other)
    return Asked(change, MovedBy(change.value, Decimal(0)))


def line(amount: int = 1, minutes: float = 0, **other: object) -> StatementLine:
    return StatementLine(AT + timedelta(minutes=minutes), Decimal(amount), "", **other)


def said(changes: Sequence[Asked], *lines: StatementLine, complete: bool = True) -> list[str]:
    found = compare(changes, AccountStatement(Decimal(0), lines, complete, "some are not shown"), EVER)
    return [each.agreement.value for each in found]


@one_test
@pytest.mark.parametrize(
    ("state", "there", "absent", "unseen"),
    [
        (State.APPLIED, "agrees", "missing there", "cannot tell"),
        (State.ALREADY_APPLIED, "agrees", "missing there", "cannot tell"),
        (State.USED_ELSEWHERE, "agrees", "missing there", "cannot tell"),
        (State.CLAIMED, "in doubt", "in doubt", "in doubt"),
        (State.IN_DOUBT, "in doubt", "in doubt", "in doubt"),
        (State.UNKNOWN, "in doubt", "in doubt", "in doubt"),
        (State.REFUSED, "not ours", "agrees", "agrees"),
        (State.NOT_APPLIED, "not ours", "agrees", "agrees"),
    ],
)
def test_what_is_said_of_each_state(state: State, there: str, absent: str, unseen: str) -> None:
    found = (said([asked(state)], line()), said([asked(state)]), said([asked(state)], complete=False))
    assert found == ([there], [absent], [unseen])


def test_a_movement_that_an_order_may_have_made_may_be_ours() -> None:
    """By what the provider shows of it; or by its time, beside a change that names no customer."""
    part = recorded(operation="bonifiq.orders.cancel_partially", customer_id="order o")
    shown = AccountStatement(
        Decimal(0), (line(7), line(8, of_order=True), line(9, minutes=60)), complete=True
    )
    for unplaced, expected in (
        ((), ["not ours", "may be ours", "not ours"]),
        ((part,), ["may be ours", "may be ours", "not ours"]),
        ((evolve(part, state=State.REFUSED),), ["not ours", "may be ours", "not ours"]),
    ):
        found = compare([asked()], shown, EVER, unplaced)
        assert [each.agreement.value for each in found[1:]] == expected
    assert said([asked()], line(of_order=True)) == ["agrees"]


def test_what_is_in_doubt_has_what_the_movements_suggest() -> None:
    notes = [
        compare([asked(State.UNKNOWN)], AccountStatement(None, lines, complete, "not shown"), EVER)[0].note
        for lines, complete in (((line(),), True), ((), True), ((), False))
    ]
    assert ["seems to be applied" in notes[0], "seems not to be" in notes[1], notes[2]] == [
        True,
        True,
        "not shown",
    ]


@one_test
@pytest.mark.parametrize(
    ("there", "agrees"),
    [
        (line(minutes=14), True),
        (line(minutes=-14), True),
        (line(minutes=16), False),
        (line(minutes=-16), False),
        (line(amount=2), False),
        (line(amount=-1), False),
        (line(cancelled=True), False),
        (evolve(line(), at=None), True),
        (evolve(line(), amount=None), False),
        (evolve(line(), at=(AT + timedelta(hours=25)).replace(tzinfo=None)), True),
        (evolve(line(), at=(AT + timedelta(hours=27)).replace(tzinfo=None)), False),
    ],
)
def test_amount_and_time_decide_to_which_change_it_belongs(there: StatementLine, agrees: bool) -> None:
    assert (said([asked()], there)[0] == "agrees") is agrees
    early = said([asked(State.ALREADY_APPLIED)], evolve(there, at=AT - timedelta(days=9)))
    assert (early[0] == "agrees") is (there.amount == 1 and not there.cancelled), "an earlier request made it"


def test_one_movement_belongs_to_one_change() -> None:
    """To an applied change first, then to one in doubt, then to one that the ledger has as not applied."""
    changes = [asked(State.REFUSED), asked(State.UNKNOWN), asked(State.APPLIED)]
    assert said(changes, line()) == ["agrees", "in doubt", "agrees"]
    assert said(changes, line(), line()) == ["agrees", "in doubt", "agrees"]
    assert said(changes, line(), line(), line()) == ["agrees", "in doubt", "not ours"]
    assert said(changes, line(), line(), line(), line())[3:] == ["not ours"]


def test_a_movement_goes_to_the_change_that_has_no_other() -> None:
    """The first may have both movements, the second one of them alone."""
    first = asked(first_sent=NOON, last_sent=NOON + 3600)
    second = asked(first_sent=NOON, last_sent=NOON)
    assert said([first, second], line(minutes=0), line(minutes=60)) == ["agrees", "agrees"]
    assert said([first, second], line(minutes=60), line(minutes=0)) == ["agrees", "agrees"]


@given(st.lists(st.integers(0, 8), max_size=7), st.lists(st.integers(0, 8), max_size=7))
def test_as_many_changes_as_possible_have_a_movement(changes: list[int], lines: list[int]) -> None:
    """Compared with the greedy algorithm, which is optimal for moments on a line."""
    sent = [asked(first_sent=NOON + 1200 * at, last_sent=NOON + 1200 * at) for at in changes]
    found = said(sent, *(line(minutes=20 * at) for at in lines)).count("agrees")
    best, left = 0, sorted(lines)
    for at in sorted(changes):
        fitting = [each for each in left if abs(each - at) * 20 <= 15]
        if fitting:
            left.remove(fitting[0])
            best += 1
    assert found == best


def test_changes_outside_the_question_explain_movements_too() -> None:
    assert said([evolve(asked(), wanted=False)], line()) == []
    assert said([evolve(asked(), wanted=False)]) == []


def test_movements_of_another_time_are_not_listed() -> None:
    found = compare([], AccountStatement(None, (line(), line(minutes=60))), (NOON, NOON + 60))
    assert [each.line for each in found] == [line()]


@one_test
@pytest.mark.parametrize(
    ("points", "complete"),
    [
        (CustomerPoints(cashback_balance=Decimal(3), point_history=()), False),
        (CustomerPoints(cashback_balance=Decimal(0), point_history=()), True),
        (CustomerPoints(customer_exists=False), True),
        (CustomerPoints(point_history=()), False),
    ],
)
def test_a_history_is_complete_where_its_sum_is_the_balance(points: CustomerPoints, complete: bool) -> None:
    assert statement_of(points).complete is complete
    items = (
        PointDetailItem(cashback_amount=Decimal("1.5")),
        PointDetailItem(cashback_amount=Decimal("0.5"), is_canceled=True),
    )
    for balance, whole in (("2.0", True), ("1.50", True), ("1", False)):
        shown = statement_of(CustomerPoints(cashback_balance=Decimal(balance), point_history=items))
        assert shown.complete is whole
    unknown = (*items, PointDetailItem(amount=5))
    assert not statement_of(CustomerPoints(cashback_balance=Decimal(2), point_history=unknown)).complete


@pytest.fixture
def applied(console: Console, sandbox: Callable[..., Sandbox]) -> tuple[Console, Sandbox]:
    """Changes of six customers: the second was refused, one in doubt was applied, another was not."""
    server = sandbox(faults=FaultScript(["", "400", "html-before", "html-after"]))
    console.write("f.csv", HEADER, *(f"c{n},{n + 1}.00,r,o{n}" for n in range(6)))
    args = ("apply", "f.csv", "--yes", "--max-in-flight", "1", "--ledger", "l")
    assert console(*args, sandbox=server).code == 4
    return console, server


def found(console: Console, *args: str) -> dict[str, int]:
    ended = console("reconcile", "l", "--json", "--max-rate", "10000", *args)
    values = json.loads(ended.out, parse_float=Decimal)
    assert ended.code == values["exit_code"]
    return {name: values[name] for name in values if isinstance(values[name], int) and values[name]}


def test_books_that_agree_except_for_what_is_in_doubt(applied: tuple[Console, Sandbox]) -> None:
    """Nothing is written, and each customer is read once."""
    console, server = applied
    before, ledger = server.books.balances(), (console.folder / "l").read_bytes()
    requests = server.books.requests
    assert found(console) == {"agrees": 4, "in_doubt": 2, "exit_code": 4}
    assert (server.books.balances(), server.books.requests) == (before, requests + 6)
    assert (console.folder / "l").read_bytes() == ledger
    assert not (console.folder / "l.reconcile").exists()
    assert found(console, "--customer", "c0") == {"agrees": 1}


def test_differences_are_found(applied: tuple[Console, Sandbox]) -> None:
    """The provider has lost one change, as after a restore, and has a movement of another program."""
    console, server = applied
    server.stop()
    other = Sandbox(credentials=server.credentials, port=server.port, customers={"c5": 9, "c4": 0})
    with other:
        for customer in ("c0", "c3"):
            other.books.put_checkout(customer, "x", Decimal(0))
        other.books.apply("c4", Decimal("7.77"), "another program's")
        ended = console("reconcile", "l", "--out", "o.csv", "--out-form", "comma", "--max-rate", "10000")
    assert ended.code == 7, ended.err
    with (console.folder / "o.csv").open(newline="", encoding="utf-8-sig") as file:
        found = csv.DictReader(file, delimiter=";")
        rows = [(row["customer_id"], row["agreement"], row["amount"]) for row in found]
    assert sorted(rows) == [
        ("c0", "missing there", ""),
        ("c1", "agrees", ""),
        ("c2", "in doubt", ""),
        ("c3", "in doubt", ""),
        ("c4", "missing there", ""),
        ("c4", "not ours", "7,77"),
        ("c5", "cannot tell", ""),
    ]
    missing = "missing there: c0: change_cashback R$ 1.00, applied, key ADD-c0-1-o0: "
    assert f"{missing}the provider does not know this customer\n" in ended.out
    assert "cannot tell: c5: " in ended.out
    assert "the provider shows a balance, and no movements" in ended.out


def test_the_findings_are_in_the_language_of_the_reader(applied: tuple[Console, Sandbox]) -> None:
    console, _ = applied
    ended = console("reconcile", "l", "--language", "pt")
    assert "em dúvida: c3: change_cashback R$ 4,00, " in ended.out
    assert ended.out.rstrip().endswith("há uma movimentação do seu valor na sua hora: parece aplicado")


def test_a_look_up_that_fails_is_repeated_and_says_nothing_of_the_money(
    console: Console, sandbox: Callable[..., Sandbox]
) -> None:
    """Neither of an applied change nor of a refused one. The file of --out has it in English."""
    server = sandbox(faults=FaultScript(["", "400", *["422"] * READS, "html-before", *["422"] * (READS - 2)]))
    console.write("f.csv", HEADER, "c,1,r,o", "c,2,r,refused")
    assert console("apply", "f.csv", "--yes", "--ledger", "l", sandbox=server).code == 3
    ended = console("reconcile", "l", "--language", "pt", "--out", "found.csv", sandbox=server)
    failed = "a consulta falhou (status 422, Fault 422): rode reconcile de novo"
    assert (ended.code, ended.out.count(failed), "Nada mudou" in ended.out) == (4, 2, False), ended.out
    found = (console.folder / "found.csv").read_text("utf-8")
    assert found.count("cannot tell") == found.count("the look-up failed (status 422, Fault 422)") == 2
    assert console("reconcile", "l", sandbox=server).code == 0


def test_an_interrupted_comparison_goes_on(
    applied: tuple[Console, Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads again only the customers of which the ledger has something new."""
    console, server = applied
    monkeypatch.setattr("bonifiq_async.cli.afterwards.reconcile.AT_ONCE", 1)
    before, read = server.books.requests, Customers.points

    def interrupted(customers: Customers, customer_id: str) -> object:
        if server.books.requests == before + 3:
            raise KeyboardInterrupt
        return read(customers, customer_id)

    monkeypatch.setattr(Customers, "points", interrupted)
    assert console("reconcile", "l", "--max-rate", "10000").code == 130
    assert (console.folder / "l.reconcile").stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(Customers, "points", read)
    word = ("settle", "l", "--key", "ADD-c2-3-o2", "--as", "not_applied", "--note", "seen")
    assert console(*word).code == 0
    before = server.books.requests
    assert found(console) == {"agrees": 5, "in_doubt": 1, "exit_code": 4}
    assert server.books.requests == before + 4
    assert not (console.folder / "l.reconcile").exists()


def test_requests_are_sent_at_the_given_rate(applied: tuple[Console, Sandbox]) -> None:
    """Six of them, of which the first need not wait."""
    console, _ = applied
    begun = time.monotonic()
    assert console("reconcile", "l", "--max-rate", "10").code == 4
    assert time.monotonic() - begun >= 5 / 10


def test_a_comparison_with_other_options_begins_anew(tmp_path: Path) -> None:
    for question, left in (("a", 0), ("a", 1), ("b", 0), ("a", 0)):
        with progress_file(tmp_path / "p", question) as progress:
            assert len(list(progress.lines())) == left
            progress.found("ana", b"d", [("x",)])


@one_test
@pytest.mark.parametrize(
    ("args", "env", "why"),
    [
        (("l",), {"BONIFIQ_API_TOKEN": "other"}, "account"),
        (("gone",), {}, "There is no ledger gone"),
        (("l", "--out", "f.csv"), {}, "f.csv exists already"),
        (("l", "--run", "9"), {}, "has no run 9"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    applied: tuple[Console, Sandbox], args: tuple[str, ...], env: dict[str, str], why: str
) -> None:
    console, server = applied
    before = server.books.requests
    ended = console("reconcile", *args, sandbox=server, **env)
    assert (ended.code, why in ended.err) == (2, True), ended.err
    assert server.books.requests == before


def test_an_outage_stops_it(applied: tuple[Console, Sandbox]) -> None:
    console, server = applied
    server.stop()
    from bonifiq_async.cli.commands import run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "PATIENCE", evolve(run.PATIENCE, max_attempts=1))
        ended = console("reconcile", "l")
    assert ended.code == 5, ended.err
    assert (console.folder / "l.reconcile").exists()


def test_members_are_compared_by_their_history(
    console: Console, raba7ni: Callable[..., Raba7niSandbox]
) -> None:
    """The amount of the answer counts, rounded or not; an e-mail is looked up under the id in its answer."""
    server = raba7ni(
        cards={10: Decimal("3.333")}, faults=FaultScript(["", "", "close-after", "close-before"])
    )
    member = server.books.add_member(email="ana@example.com")
    names = ["operation,card_id,amount,member_id,email,reference"]
    earns = [f"earn,10,{n}.77,{n},,o{n}" for n in range(21, 25)]
    console.write("f.csv", *names, *earns, "earn,10,50,,ana@example.com,mail", "refund,10,5,21,,o21")
    args = ("apply", "f.csv", "--provider", "raba7ni", "--yes", "--max-in-flight", "1", "--ledger", "l")
    assert console(*args, sandbox=server).code == 4
    assert found(console) == {"agrees": 4, "in_doubt": 2, "exit_code": 4}
    server.books.move("earn", None, 10, member, Decimal("0.50"))
    assert found(console) == {"agrees": 4, "not_ours": 1, "in_doubt": 2, "exit_code": 7}
    ended = console("reconcile", "l")
    assert ended.out.count("seems to be applied") == ended.out.count("seems not to be applied") == 1


def test_agreements_have_a_name_and_a_code() -> None:
    from bonifiq_async.cli.afterwards.reconcile import EXIT_BY_AGREEMENT, NAMES

    assert set(NAMES) == set(Agreement) == {*EXIT_BY_AGREEMENT, Agreement.AGREES}
