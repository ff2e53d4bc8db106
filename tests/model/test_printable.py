"""Texts of a provider, a file, its name, a ledger or an environment: escaped in screens, logs and errors."""

import asyncio
import logging
import os
import subprocess
from collections.abc import Iterator
from decimal import Decimal

import pytest
from conftest import fast
from hostile import HIDING, HOSTILE, KEY, NAME, REFUSALS, Answer, change, provider, raw
from hypothesis import given, settings
from hypothesis import strategies as st
from one_test import one_test

from bonifiq_async import (
    BasicCredentials,
    BonifiQClient,
    BonifiQError,
    Earn,
    Member,
    PayloadError,
    Raba7niClient,
    Raba7niCredentials,
    SqliteLedger,
)
from bonifiq_async._log import Log
from bonifiq_async._model import errors
from bonifiq_async._model.printable import LONGEST, printable
from bonifiq_async.cli.files.rows import shell_quoted
from bonifiq_async.cli.terminal.tables import Table
from bonifiq_async.sandbox.journal import JournalEntry
from bonifiq_async.sandbox.report import BalanceReport, Under, report
from bonifiq_async.verification.finding import Figures, Finding, Proof
from bonifiq_async.verification.page import Head, page

# The one function.


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=80), st.integers(10, 60))
def test_what_is_shown_is_one_harmless_line_of_bounded_length(text: str, longest: int) -> None:
    shown = printable(text, longest)
    assert shown.isprintable() and len(shown) <= longest
    assert printable(shown, longest) == shown
    assert printable(printable(text, None), None) == printable(text, None)
    if text.isprintable() and len(text) <= longest:
        assert shown == text


def test_escapes_are_those_of_python() -> None:
    assert printable("a\x1b[31m\u202e\n\udce9\U000e0041") == r"a\x1b[31m\u202e\n\udce9\U000e0041"
    assert printable("José é ótimo 中文 👍") == "José é ótimo 中文 👍"


def test_a_long_text_is_cut_before_it_is_searched() -> None:
    shown = printable("\x1b" * 10_000_000)
    assert len(shown) == LONGEST and shown.endswith("...")


# Errors and log lines.


def _kinds(kind: type[BonifiQError] = BonifiQError) -> Iterator[type[BonifiQError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


@one_test
@pytest.mark.parametrize("kind", list(_kinds()), ids=lambda kind: kind.__name__)
def test_every_error_is_one_harmless_line(kind: type[BonifiQError]) -> None:
    """However it is made, and however long its texts are."""
    path = {"path": "p"} if issubclass(kind, PayloadError) else {}
    assert str(kind(HOSTILE * 9, **path)).isprintable()
    assert len(str(kind("x" * 10**6, **path))) == errors.MOST_WORDS


def test_a_log_line_shows_its_arguments_escaped(caplog) -> None:
    caplog.set_level(logging.INFO)
    log = Log(logging.getLogger("test"))
    log.info("a %s b %s %d %.1f", HOSTILE, ValueError(HOSTILE), 3, 0.25)
    log.warning("key=%s", HOSTILE)
    assert all(record.getMessage().isprintable() for record in caplog.records)
    assert caplog.records[0].getMessage().endswith(" 3 0.2")
    assert [(record.levelname, record.funcName) for record in caplog.records] == [
        ("INFO", "test_a_log_line_shows_its_arguments_escaped"),
        ("WARNING", "test_a_log_line_shows_its_arguments_escaped"),
    ]


@pytest.mark.parametrize("no", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_text_of_the_provider_is_escaped_in_errors_and_logs(no: Answer, caplog, tmp_path) -> None:
    """Also the text in the ledger, which the next run shows."""
    caplog.set_level(logging.INFO, "bonifiq_async")
    told: list[str] = []

    async def every(url: str) -> None:
        async with (
            SqliteLedger(tmp_path / "b") as first,
            SqliteLedger(tmp_path / "r") as second,
            BonifiQClient(
                BasicCredentials("a", "b"), base_url=url, retry=fast(max_attempts=2), ledger=first
            ) as bonifiq,
            Raba7niClient(
                Raba7niCredentials("a", "b"), base_url=url, retry=fast(max_attempts=2), ledger=second
            ) as raba7ni,
        ):
            earn = Earn(card_id=1, member=Member.by_id(1), purchase_amount=Decimal(1), key=KEY)
            for _ in range(2):
                for outcome in (await bonifiq.outcome_of(change()), await raba7ni.outcome_of(earn)):
                    told.append(str(outcome.error))
            for call in (
                bonifiq.outcome_of(change("another")),  # a conflict
                bonifiq.customers.points(f"c{HIDING}"),
                bonifiq.checkout.remove_cashback("c", f"c{HIDING}"),
                raba7ni.cards.get(1),
                raba7ni.cashback.balance(1, 1),
                raba7ni.members.request_otp(email="a"),
            ):
                try:
                    told.append(str(await call))
                except BonifiQError as error:
                    told.append(str(error))

    with provider(lambda _: no) as url:
        asyncio.run(every(url))
    logged = [record.getMessage() for record in caplog.records if record.name == "bonifiq_async"]
    assert told and (logged or no[0] != 500)
    assert [text for text in (*told, *logged) if raw(text) or "\n" in text] == []


def test_a_shell_reads_a_shown_command_as_it_was_typed() -> None:
    """Also where its file has a name that cannot be printed."""
    names = ["plain.csv", "two words'.csv", f"{NAME}\\'1.csv", os.fsdecode(b"caf\xe9.csv"), "café.csv"]
    typed = " ".join(map(shell_quoted, names))
    assert typed.isprintable()
    read = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {typed}"], stdout=subprocess.PIPE, check=True
    ).stdout
    assert read.split(b"\0")[:-1] == [os.fsencode(name) for name in names]


def test_a_table_has_no_markup_and_no_endless_text() -> None:
    table = Table()
    table.add_row(f"[bold]{HOSTILE}", "y" * 10**6)
    shown = [str(cell) for column in table.columns for cell in column.cells]
    assert [raw(cell) for cell in shown] == [[], []] and shown[0].startswith("[bold]")
    assert len(shown[1]) == LONGEST


def test_a_page_and_a_report_are_escaped() -> None:
    """The page of `prove`, and the sandbox's report in a failed test."""
    finding = Finding(Figures(), [HOSTILE], HOSTILE)
    made = page(Head(HOSTILE, 1, 1.0, HOSTILE), [Proof("n", HOSTILE, HOSTILE, finding)], [])
    assert raw(made) == [] and "<bold>" not in made
    under = Under(HOSTILE, 1, [HOSTILE])
    told = report(
        [JournalEntry(1, "GET", HOSTILE, HOSTILE)], [BalanceReport(HOSTILE, Decimal(0), Decimal(1))], [under]
    )
    assert raw(told + under.told()) == []
