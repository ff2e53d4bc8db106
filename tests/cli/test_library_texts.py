"""What usually fails is said in Portuguese, though the library says it in English."""

import itertools
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from console import HEADER, Console
from one_test import one_test

from bonifiq_async import Effect, StopReason, Verdict
from bonifiq_async._delivery.single_flight import UNTOLD
from bonifiq_async._model.evidence import ErrorAnswer, Evidence, Failure, Reading, Refusal
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async._model.outcome import Attempt
from bonifiq_async._policy.failures import error_of
from bonifiq_async._policy.history import Delivered
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK
from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.library_texts import sentence_said, stored_said
from bonifiq_async.cli.language.phrase import Phrase
from bonifiq_async.cli.language.portuguese import PORTUGUESE
from bonifiq_async.ledger.account import another
from bonifiq_async.ledger.postgres.connection import fault_of as fault_of_database
from bonifiq_async.ledger.postgres.connection import too_late as too_late_database
from bonifiq_async.ledger.postgres.connection import unusable as unusable_database
from bonifiq_async.ledger.postgres.database import Database
from bonifiq_async.ledger.sqlite.connection import fault_of, too_late, unusable

LEDGER = Path("l")
SHOP = Database.of("postgresql://db/shop", "s")
DEAD = {
    "BONIFIQ_API_TOKEN": "t",
    "BONIFIQ_API_KEY": "k",
    "BONIFIQ_BASE_URL": "http://127.0.0.1:9",  # the discard port, at which nothing listens
}


@one_test
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            fault_of(LEDGER, sqlite3.OperationalError("database is locked")),
            "outro programa bloqueia o arquivo",
        ),
        (
            fault_of(LEDGER, sqlite3.OperationalError("database or disk is full")),
            "o disco está cheio. Libere",
        ),
        (
            fault_of(LEDGER, PermissionError("[Errno 13] x")),
            "O registro l não pode ser gravado: [Errno 13] x",
        ),
        (too_late(LEDGER), "O registro l não aceitou o lançamento no tempo da chamada"),
        (unusable(LEDGER, sqlite3.OperationalError("database is locked")), "O registro l não pode ser usado"),
    ],
)
def test_a_fault_of_the_ledger_is_in_the_readers_language(error: Exception, text: str) -> None:
    shown = said(error)
    assert isinstance(shown, Phrase) and shown == str(error)
    assert text in shown.within(PORTUGUESE)


def test_what_the_command_meets_is_in_the_readers_language(console: Console) -> None:
    console.write("no", "x" * 5_000)
    console.write("f.csv", HEADER, "ana,1,r,o")
    speak = ("--language", "pt")
    assert "no não é um registro: não começa como um." in console("status", "no", *speak).err
    wrong = DEAD | {"BONIFIQ_BASE_URL": "ftp://x"}
    assert "BONIFIQ_BASE_URL: a URL base não tem esquema" in console("balance", "c", *speak, **wrong).err
    opened = console("apply", "f.csv", "--yes", "--ledger", "gone/l", *speak, **DEAD).err
    assert "gone/l não pode ser aberto: não há esse arquivo ou pasta. Nada foi enviado." in opened


@one_test
@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://ana:geheim@127.0.0.1:9/shop", "A URL do registro contém uma senha"),
        ("postgresql://ana@127.0.0.1:9/shop?schema=A", "schema precisa ser um nome"),
        ("postgresql://ana@127.0.0.1:9/shop?pgbouncer=si", "pgbouncer na URL de um registro é yes ou no"),
        ("postgresql://ana@127.0.0.1:9/a/b", "A URL do registro não pode ser lida"),
    ],
)
def test_a_url_that_is_no_ledger_is_said_in_the_readers_language(
    console: Console, url: str, text: str
) -> None:
    assert text in " ".join(console("status", url, "--language", "pt").err.split())


@one_test
@pytest.mark.parametrize(
    ("error", "text"),
    [
        (unusable_database(SHOP, OSError("x")), "O registro shop at db, schema s não pode ser usado: x."),
        (fault_of_database(SHOP, OSError("x")), "não pode ser gravado: x. Corrija isso no servidor"),
        (too_late_database(SHOP, OSError("x")), "não aceitou o lançamento no tempo da chamada"),
    ],
)
def test_a_fault_of_a_database_is_in_the_readers_language(error: Exception, text: str) -> None:
    shown = said(error)
    assert isinstance(shown, Phrase) and shown == str(error)
    assert text in shown.within(PORTUGUESE)


REASONS = [each for each in StopReason if each not in (StopReason.ANSWERED, StopReason.REMEMBERED)]
SAID = ErrorAnswer(status=422, code="07", message="Bloqueado")
ATTEMPTS = [
    Attempt(1, verdict, status, True, datetime(2026, 1, 2, tzinfo=UTC), 0.1, 0.0, cause=cause)
    for verdict in (Verdict.LOST, Verdict.BROKEN, Verdict.NOT_SENT, Verdict.THROTTLED, Verdict.UNREADABLE)
    for status, cause in ((None, ""), (None, "no answer in time"), (503, ""))
]


def stored() -> Iterator[str]:
    """Yield what the library says of changes that did not succeed, as a ledger keeps it."""
    for refusal in Refusal:
        for said_of in (None, SAID):
            reading = Reading(Verdict.REFUSED, refusal=refusal, said=said_of)
            yield text_of(Delivered(Effect.REFUSED, StopReason.ANSWERED, (), reading))
    for each, reason in itertools.product([(), *((each,) for each in ATTEMPTS)], REASONS):
        for effect, note in itertools.product((Effect.UNKNOWN, Effect.NOT_APPLIED), (None, "3 s")):
            if reason is not StopReason.UNREADABLE or effect is Effect.UNKNOWN:
                yield text_of(Delivered(effect, reason, each, note=note))
    for evidence in (Evidence(True, 1, 503, failure=Failure.TOO_LARGE), Evidence(True, 1, 200)):
        yield text_of(Delivered(Effect.UNKNOWN, StopReason.UNREADABLE, evidence=evidence))
    yield text_of(Delivered(Effect.UNKNOWN, StopReason.NO_SAFE_REPEAT), RepeatClass.NEVER)
    yield from (
        UNTOLD,
        "settled by hand: Ana viu",
        f"it stood as refused ({text_of(REFUSED)}) when its sender was answered",
    )


REFUSED: Delivered[object] = Delivered(Effect.REFUSED, StopReason.ANSWERED)


def text_of(delivered: Delivered[object], repeat: RepeatClass = RepeatClass.KEYED) -> str:
    return str(error_of(evolve(CHANGE_CASHBACK, repeat=repeat), delivered, "ADD-ana-1-o1"))


def test_whatever_a_ledger_keeps_of_an_end_is_in_the_readers_language() -> None:
    """What the library says is known again, part by part: a reworded sentence is missed here."""
    english = re.compile(r"\b(the|was|and|it|its|an|to|by hand)\b")
    for text in set(stored()):
        shown = stored_said(text)
        assert isinstance(shown, Phrase), text
        found = shown.within(PORTUGUESE)
        assert not english.search(found), (text, found)
        assert ("ADD-ana-1-o1" in text) == ("ADD-ana-1-o1" in found)


def test_what_others_have_written_stays_as_it_is() -> None:
    assert stored_said("an earlier version said so") == "an earlier version said so"


@one_test
@pytest.mark.parametrize(
    ("held", "asked", "words"),
    [
        (
            ("p", "token=1\nbase URL=http://a"),
            ("q", "token=1\nbase URL=http://a"),
            "gravado para p, e não para q",
        ),
        (
            ("p", "token=1\nbase URL=http://a"),
            ("p", "token=2\nbase URL=http://a"),
            "gravado com outro token. Nada foi enviado; corrija o token, ou",
        ),
        (
            ("p", "token=1\nbase URL=http://a"),
            ("p", "token=1\nbase URL=http://b"),
            "gravado com o endereço http://a, e não http://b. Nada foi enviado; corrija o endereço, ou",
        ),
        (
            ("p", "token=1\nbase URL=http://a"),
            ("p", "token=2\nbase URL=http://b"),
            "com outro token e o endereço http://a, e não http://b. Nada foi enviado; corrija o token e o",
        ),
    ],
)
def test_a_ledger_of_another_account_is_refused_in_the_readers_language(
    held: tuple[str, str], asked: tuple[str, str], words: str
) -> None:
    shown = sentence_said(another("The ledger l", held, asked))
    assert shown is not None and words in shown.within(PORTUGUESE) and "The" not in shown.within(PORTUGUESE)


@pytest.mark.slow
def test_an_outage_and_its_cause_are_in_the_readers_language(console: Console) -> None:
    console.write("f.csv", HEADER, "ana,1,r,o")
    stops = ("--no-ledger", "--give-up-at-start", "1", "--language", "pt")
    shown = console("apply", "f.csv", "--yes", *stops, **DEAD).err
    cause = "conexão recusada em 127.0.0.1:9"
    assert f"não chegou a ser enviada: {cause})" in shown
    assert f"({cause}), então a execução foi parada. O que estava em curso foi contado" in shown
    assert "refused" not in shown
