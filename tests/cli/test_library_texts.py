"""What usually fails is said in Portuguese, though the library says it in English."""

import sqlite3
from pathlib import Path

import pytest
from console import HEADER, Console
from one_test import one_test

from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.phrase import Phrase
from bonifiq_async.cli.language.portuguese import PORTUGUESE
from bonifiq_async.ledger.sqlite.connection import fault_of, too_late, unusable

LEDGER = Path("l")
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


@pytest.mark.slow
def test_an_outage_and_its_cause_are_in_the_readers_language(console: Console) -> None:
    console.write("f.csv", HEADER, "ana,1,r,o")
    stops = ("--no-ledger", "--give-up-at-start", "1", "--language", "pt")
    shown = console("apply", "f.csv", "--yes", *stops, **DEAD).err
    cause = "conexão recusada em 127.0.0.1:9"
    assert f"não chegou a ser enviada: {cause})" in shown
    assert f"({cause}), então a execução foi parada. O que estava em curso foi contado" in shown
    assert "refused" not in shown
