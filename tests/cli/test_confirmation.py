"""The last question before money moves, and the sum that is typed."""

import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import console as console_module
import pytest
import typer
from console import HEADER, Console, rows
from one_test import one_test

from bonifiq_async._model.money import SumsByUnit
from bonifiq_async.cli.adapter import adapter_for
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.examine import CountedSums, Marks, Plan
from bonifiq_async.cli.language.phrase import ENGLISH, READER
from bonifiq_async.cli.language.portuguese import PORTUGUESE
from bonifiq_async.cli.terminal import confirmation
from bonifiq_async.cli.terminal.confirmation import (
    Consent,
    Destination,
    confirmed,
    is_sum,
    question,
    threshold,
    to_send,
)
from bonifiq_async.cli.terminal.screen import agreed
from bonifiq_async.ledger.account import account_text
from bonifiq_async.sandbox import FaultScript

BONIFIQ, RABA7NI = adapter_for("bonifiq"), adapter_for("raba7ni")
ACCOUNT = ("bonifiq", account_text("API token", "0f3a", "https://example.com"))


def summed(*amounts: tuple[str, str]) -> SumsByUnit:
    """Return sums of amounts, each with its unit."""
    sums = SumsByUnit()
    for unit, amount in amounts:
        sums.put(unit, Decimal(amount))
    return sums


def plan_of(sums: SumsByUnit, settled: SumsByUnit | None = None, adapter=BONIFIQ) -> Plan:
    """Return a plan of three changes, of which one is settled where that comes to something."""
    known = CountedSums() if settled is None else CountedSums(1, settled)
    return Plan(SimpleNamespace(adapter=adapter), 3, 3, sums, 0, 0, known, CountedSums(), Marks())


QUESTIONS = {
    "a ledger": (
        plan_of(summed(("BRL", "1200.5"), ("BRL", "-3"))),
        Destination(ACCOUNT, Path("c.ledger")),
        (
            "Apply 3 changes (R$ 1,200.50 added, R$ 3.00 removed) to bonifiq, API token 0f3a, at "
            "https://example.com, ledger c.ledger?"
        ),
    ),
    "a new ledger": (
        plan_of(SumsByUnit()),
        Destination(ACCOUNT, Path("c.ledger"), new=True),
        "Apply 3 changes (nothing) to bonifiq, API token 0f3a, at https://example.com, new ledger c.ledger?",
    ),
    "what is left": (
        plan_of(summed(("BRL", "1200"), ("BRL", "50")), summed(("BRL", "50"))),
        Destination(ACCOUNT, None),
        "Apply 2 changes (R$ 1,200.00 added) to bonifiq, API token 0f3a, at https://example.com, no ledger?",
    ),
    "two units": (
        plan_of(summed(("card 1", "5"), ("card 2", "-7")), adapter=RABA7NI),
        Destination(("raba7ni", account_text("app id", "77", "http://127.0.0.1:9/x")), Path("l")),
        (
            "Apply 3 changes (5 purchases (card 1), 7 refunds, redemptions (card 2)) to raba7ni, app id 77, "
            "at http://127.0.0.1:9/x, ledger l?"
        ),
    ),
    "nothing": (
        plan_of(SumsByUnit()),
        Destination(("p", "old"), Path("\x1b[31ml")),
        "Apply 3 changes (nothing) to p, account old, at -, ledger \\x1b[31ml?",
    ),
}


@pytest.mark.parametrize(("plan", "to", "text"), QUESTIONS.values(), ids=QUESTIONS)
def test_the_question_has_everything_in_one_line(plan: Plan, to: Destination, text: str) -> None:
    assert question(plan, to) == text


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("1234.50", True),
        ("1234,5", True),
        ("1.234,50", True),
        ("1,234.50", True),
        (" R$ 1.234,50 ", True),
        ("1234", False),
        ("1.234", False),
        ("-1234.50", False),
        ("12.345,0", False),
        ("", False),
        ("yes", False),
    ],
)
def test_a_sum_is_typed_in_either_form(typed: str, right: bool) -> None:
    assert is_sum(typed, Decimal("1234.50"), BONIFIQ) is right


def test_a_limit_has_one_meaning() -> None:
    assert threshold(None, BONIFIQ) is None
    assert {threshold(text, BONIFIQ) for text in ("10000", "10000,00", "R$ 10.000,00")} == {Decimal(10_000)}
    for text in ("10.000", "-5", "much", ""):
        with pytest.raises(typer.BadParameter):
            threshold(text, BONIFIQ)


def test_what_is_left_to_send_is_exact() -> None:
    """What the ledger has as applied, for whatever reason, is not sent again."""
    plan = plan_of(summed(("BRL", "0.3"), ("BRL", "-1")), summed(("BRL", "0.1")))
    assert (to_send(plan)["BRL"].added, to_send(plan)["BRL"].removed) == (Decimal("0.2"), Decimal(1))


MANY = plan_of(summed(("card 1", "500"), ("card 1", "-90"), ("card 2", "101")), adapter=RABA7NI)
ANSWERS = {
    "agreed": (MANY, Consent(False), [True], None),
    "not agreed": (MANY, Consent(False), [False], 2),
    "no terminal": (MANY, Consent(False), [None], 2),
    "standard input": (MANY, Consent(False, from_stdin=True), [], 2),
    "yes": (MANY, Consent(True), [], None),
    "each sum above": (MANY, Consent(False, above=Decimal(100)), [True, "500", "101,0"], None),
    "each sum above, though yes": (MANY, Consent(True, above=Decimal(100)), ["500", "101"], None),
    "none above": (MANY, Consent(True, above=Decimal(500)), [], None),
    "a wrong sum": (MANY, Consent(True, above=Decimal(100)), ["500", "110"], 2),
    "no terminal to type at": (MANY, Consent(True, above=Decimal(100)), [None], 2),
    "standard input, and yes": (MANY, Consent(True, from_stdin=True, above=Decimal(100)), [], 2),
}


@pytest.mark.parametrize(("plan", "consent", "answers", "code"), ANSWERS.values(), ids=ANSWERS)
def test_which_answers_agree(
    plan: Plan, consent: Consent, answers: Sequence[object], code: int | None, monkeypatch
) -> None:
    """Each question is asked once, and no other."""
    left = iter(answers)
    monkeypatch.setattr(confirmation, "agreed", lambda _: next(left))
    monkeypatch.setattr(confirmation, "typed", lambda _: next(left))
    ended = None
    try:
        confirmed(plan, Destination(ACCOUNT, None), consent)
    except typer.Exit as exit_:
        ended = exit_.exit_code
    assert (ended, list(left)) == (code, [])


class Terminal(io.StringIO):
    """Standard input at which a person types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("lines", "code"), [("y\n3,00\n", Exit.DONE), ("y\n4\n", Exit.USAGE), ("n\n", 2)])
def test_the_command_asks_at_a_terminal(
    lines: str, code: int, console: Console, sandbox, monkeypatch
) -> None:
    """Once the file was read, and before anything is sent."""
    console.write("changes.csv", *rows(3))
    server = sandbox()
    at_terminal = SimpleNamespace(BytesIO=io.BytesIO, TextIOWrapper=lambda _: Terminal(lines))
    monkeypatch.setattr(console_module, "io", at_terminal)
    ended = console("apply", "changes.csv", "--confirm-above", "2,99", sandbox=server)
    assert ended.code == code, ended.err
    assert "ledger changes.csv.ledger?" in ended.err and server.url in ended.err
    assert ("Type the sum" in ended.err) == lines.startswith("y")
    assert server.books.requests == (3 if code is Exit.DONE else 0)


def test_a_dry_run_counts_what_the_ledger_has(console: Console, sandbox) -> None:
    """And what would be sent."""
    server = sandbox()
    console.write("changes.csv", *rows(3))
    assert console("apply", "changes.csv", "--yes", sandbox=server).code == 0
    console.write("changes.csv", *rows(5))
    ended = console("apply", "changes.csv", "--dry-run", sandbox=server)
    assert "3 of them are applied already" in ended.err
    assert "nothing was sent. 2 changes would be sent." in ended.err
    console.write("large.csv", HEADER, "c,100,r,o")
    ended = console("apply", "large.csv", "--yes", "--confirm-above", "99", sandbox=server)
    assert ended.code == Exit.USAGE and "R$ 100.00 added is above --confirm-above" in ended.err
    assert server.books.requests == 3


def test_a_dry_run_names_the_target_and_refuses_another_account(
    console: Console, sandbox, monkeypatch
) -> None:
    """As the run would; without credentials it says that the account was not compared."""
    server = sandbox()
    console.write("changes.csv", *rows(3))
    dry = ("apply", "changes.csv", "--dry-run")
    unknown = console(*dry)
    assert "Target: bonifiq, new ledger changes.csv.ledger; no credentials are set" in unknown.err
    ended = console(*dry, sandbox=server)
    assert f"at {server.url}, new ledger changes.csv.ledger." in " ".join(ended.err.split())
    assert console("apply", "changes.csv", "--yes", sandbox=server).code == 0
    token = {"BONIFIQ_API_TOKEN": "another"}
    ended = console(*dry, sandbox=server, **token)
    assert (ended.code, "of another account" in ended.err) == (Exit.USAGE, True)
    before = Path("changes.csv.ledger").read_bytes()
    assert console(*dry, "--same-account", sandbox=server, **token).code == 0
    assert Path("changes.csv.ledger").read_bytes() == before
    monkeypatch.delenv("BONIFIQ_BASE_URL")
    ended = console(
        "apply", "changes.csv", "--dry-run", "--ledger", "l", BONIFIQ_API_TOKEN="t", BONIFIQ_API_KEY="k"
    )
    assert "(BONIFIQ_BASE_URL is not set), new ledger l" in ended.err


def test_what_is_sent_again_is_asked_for_as_what_is_sent_first(console: Console, sandbox) -> None:
    """Its sum is typed, also with --yes; without a terminal nothing is sent."""
    server = sandbox(faults=FaultScript(["html-before"]))
    console.write("changes.csv", HEADER, "c,100,r,o")
    assert console("apply", "changes.csv", "--yes", sandbox=server).code == Exit.UNKNOWN
    again = ("settle", "changes.csv.ledger", "--all-by-repeating", "--yes", "--confirm-above")
    ended = console(*again, "99", sandbox=server)
    assert (ended.code, server.books.requests) == (Exit.USAGE, 1)
    assert "R$ 100.00 added is above --confirm-above" in ended.err
    assert (console(*again, "100", sandbox=server).code, server.books.requests) == (Exit.DONE, 2)


@one_test
@pytest.mark.parametrize(
    ("language", "typed", "agrees"),
    [
        ("pt", "s\n", True),
        ("pt", "Sim\n", True),
        ("pt", "y\n", True),
        ("pt", "não\n", False),
        ("pt", "\n", False),
        ("pt", "talvez\nsim\n", True),
        ("en", "yes\n", True),
        ("en", "n\n", False),
    ],
)
def test_a_question_takes_the_words_of_the_language(
    console: Console, monkeypatch, capsys, language: str, typed: str, agrees: bool
) -> None:
    """And shows them: what a person types in Portuguese is no error that is asked again in English."""
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    reader = READER.set(PORTUGUESE if language == "pt" else ENGLISH)
    try:
        assert agreed("?") is agrees
    finally:
        READER.reset(reader)
    assert ("[s/N]" if language == "pt" else "[y/N]") in "".join(capsys.readouterr())


@pytest.mark.parametrize(("typed", "code"), [("n\n", Exit.USAGE), ("y\n", Exit.DONE)])
def test_a_word_that_cannot_be_taken_back_is_asked_for(
    console: Console, sandbox, monkeypatch, typed: str, code: int
) -> None:
    """At a terminal; a script has said it with the command."""
    server = sandbox(faults=FaultScript(["html-before"] * 50))
    console.write("f.csv", HEADER, "ana,1,r,o1")
    assert console("apply", "f.csv", "--yes", sandbox=server).code == Exit.UNKNOWN
    at_terminal = SimpleNamespace(BytesIO=io.BytesIO, TextIOWrapper=lambda _: Terminal(typed))
    monkeypatch.setattr(console_module, "io", at_terminal)
    word = ("--key", "ADD-ana-1-o1", "--as", "applied", "--note", "ana, by phone")
    ended = console("settle", "f.csv.ledger", *word)
    assert (ended.code, "That cannot be taken back." in ended.err) == (code, True), ended.err
    assert ("is now recorded" in ended.err) == (code == Exit.DONE)
