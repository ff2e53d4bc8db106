"""The tables of the ledger: how they are made, and which version of them is there.

Numbered SQL files beside this module make them, each once, in the order of their numbers. A ledger that is
used runs none: it compares the version, and needs no right to make tables. PostgreSQL's DDL is transactional:
a file is there as a whole or not at all (its documentation, "Transactions").
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.ledger.postgres.connection import connected, transaction
from bonifiq_async.ledger.postgres.database import Database

if TYPE_CHECKING:
    from bonifiq_async.ledger.postgres.connection import Connection

LONGEST = 3600.0
"""Seconds that it may take to make what is missing: an index reads a whole table."""

_TABLE = """DO $$ BEGIN
    IF to_regnamespace('{schema}') IS NULL THEN CREATE SCHEMA {schema}; END IF;
END $$;
CREATE TABLE IF NOT EXISTS {schema}.migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    applied timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('ledger {schema}', 0));\n"
_DONE = "INSERT INTO {{schema}}.migration (number, name) VALUES ({number}, '{name}');\n"


@frozen
class Migration:
    """One file: its `number`, its `name`, and its `sql` with `{schema}` where the schema's name belongs."""

    number: int
    name: str
    sql: str


def migrations() -> Sequence[Migration]:
    """Return all migrations, the first one first."""
    found = [each for each in files(__package__).joinpath("migrations").iterdir() if each.name[:4].isdigit()]
    return sorted(
        (
            Migration(int(each.name[:4]), each.name.removesuffix(".sql"), each.read_text("utf-8"))
            for each in found
        ),
        key=lambda each: each.number,
    )


def script(schema: str, wanted: Sequence[Migration] | None = None) -> str:
    """Return the SQL that makes the tables, all of them or those `wanted`, to be run in one transaction."""
    steps = [
        each.sql.rstrip() + "\n" + _DONE.format(number=each.number, name=each.name)
        for each in wanted or migrations()
    ]
    return "\n".join([_LOCK + _TABLE, *steps]).replace("{schema}", f'"{schema}"')


async def migrate(database: Database) -> Sequence[str]:
    """Make what is missing of the tables, and return the names of the migrations that did: none, as a rule.

    The role needs the right to create in the schema, or to create the schema. Two at once wait for each
    other. Raises `ConfigurationError` where the database cannot be used or is newer than this program.
    """
    plainly = evolve(database, pgbouncer=True)  # whatever answers there, a few statements need no preparing
    async with connected(plainly) as connection, transaction(connection):
        await connection.execute(_LOCK.replace("{schema}", f'"{database.schema}"'), timeout=LONGEST)
        version = await _version(connection, database.schema)
        known = migrations()
        if version > known[-1].number:
            raise ConfigurationError(_mismatch(database, version, known[-1].number))
        missing = [each for each in known if each.number > version]
        if missing:
            await connection.execute(script(database.schema, missing), timeout=LONGEST)
        return [each.name for each in missing]


async def check_version(connection: "Connection", database: Database) -> None:
    """Raise `ConfigurationError` unless the tables are those of this program."""
    version, known = await _version(connection, database.schema), migrations()[-1].number
    if version != known:
        raise ConfigurationError(_mismatch(database, version, known))


async def _version(connection: "Connection", schema: str) -> int:
    """Return the number of the last migration that was made, 0 for none."""
    if await connection.fetchval("SELECT to_regclass($1)", f'"{schema}".migration') is None:
        return 0
    found: int = await connection.fetchval(f'SELECT coalesce(max(number), 0) FROM "{schema}".migration')
    return found


def _mismatch(database: Database, version: int, known: int) -> str:
    if version > known:
        return (
            f"The ledger {database} has version {version}, and this program knows no more than {known}. "
            "Nothing was sent; install the bonifiq-async that the other programs have."
        )
    found = f"has version {version}, and this program needs {known}" if version else "has no tables yet"
    return (
        f"The ledger {database} {found}. Nothing was sent; have a role that may create tables run "
        "`bonifiq ledger migrate URL`, which keeps what is there."
    )
