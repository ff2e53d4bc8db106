"""Which ledger a text names: what a person types for one, and where it stands unless a person says so."""

from pathlib import Path

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.ledger.postgres.database import is_url
from bonifiq_async.ledger.postgres.reading.reader import PostgresReader
from bonifiq_async.ledger.reader import LedgerReader
from bonifiq_async.ledger.sqlite.reader import SqliteReader

GOODBYE = 3.0
"""Seconds for which the end of a run waits until the ledger has that it ended, or that its shard is free.

What is not written by then is tried on while the ledger is closed, which gives up by itself.
"""


def ledger_at(place: str) -> LedgerReader:
    """Return the ledger in a file at a path, or in a database at a URL. Raises `ConfigurationError`."""
    if "://" in place and not is_url(place):  # it is not repeated: it may have a password
        raise ConfigurationError(
            phrase("A URL of a ledger begins with postgresql://. Nothing was sent; correct it.")
        )
    return PostgresReader.at(place) if is_url(place) else SqliteReader(Path(place))


def told(ledger: LedgerReader, adapter: FileAdapter) -> str:
    """Return the sentence that says where it is recorded what is sent, and with what."""
    if adapter.ledger_alone_knows and ledger.name == _shared(adapter):
        return phrase(
            "What is sent is recorded in {ledger}, with all other files beside it; the same command goes on "
            "there.",
            ledger=ledger,
        )
    return phrase("What is sent is recorded in {ledger}; the same command goes on there.", ledger=ledger)


def _shared(adapter: FileAdapter) -> str:
    return f"{adapter.name}.ledger"


def default_ledger(file: str, adapter: FileAdapter) -> LedgerReader:
    """Return the ledger of `file` where the operator names none.

    That is `FILE.ledger`; of a provider that does not de-duplicate, it is one for the folder: a copy of the
    file under another name would else be applied again. Raises `ConfigurationError` when both could be meant.
    """
    own = Path(f"{file}.ledger")
    if not adapter.ledger_alone_knows:
        return SqliteReader(own)
    shared = own.with_name(_shared(adapter))
    if own.exists() and not shared.exists():
        raise ConfigurationError(
            phrase(
                "{own} may have what was sent of {file}, and {shared} would be begun anew. Nothing was sent; "
                "say which one it is with --ledger.",
                own=own,
                file=file,
                shared=shared,
            )
        )
    return SqliteReader(shared)
