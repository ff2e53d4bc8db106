"""A ledger in PostgreSQL with all that one in a file has: both kinds of reader are asked the same."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from postgres import by_sql

from bonifiq_async.ledger.postgres.database import Database

_CHANGES = (
    "INSERT INTO change (operation, key, digest, state, in_doubt, fence, owner, lease_until, first_sent,"
    " customer_id, value, path, body, last_sent, attempts, answer, error, run, line, last_run) VALUES ($1,"
    " $2, $3, $4, $5::int::bool, $6, $7, clock_timestamp() + interval '1 hour', to_timestamp($8), $9, $10,"
    " $11, $12, to_timestamp($13), $14, $15, $16, $17, $18, $19)"
)
_RUNS = (
    'INSERT INTO run (id, command, "user", host, file, digest, owner, begun, ended, counts) OVERRIDING SYSTEM'
    " VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8), to_timestamp($9), $10)"
)


def mirror(path: Path, database: Database) -> None:
    """Write into a schema what a file has; its owners live for as long as a beat counts."""
    with closing(sqlite3.connect(path)) as file:
        for row in file.execute(
            "SELECT operation, key, digest, state, in_doubt, fence, owner, first_sent, customer_id, value,"
            " path, body, last_sent, attempts, answer, error, run, line, last_run FROM change ORDER BY id"
        ):
            by_sql(database, _CHANGES, *row[:9], Decimal(row[9]), *row[10:])
        for row in file.execute("SELECT * FROM run"):
            by_sql(database, _RUNS, *row[:-1])
        by_sql(database, "SELECT setval(pg_get_serial_sequence('run', 'id'), (SELECT max(id) FROM run))")
        for (name,) in file.execute("SELECT name FROM owner"):
            by_sql(database, "INSERT INTO owner VALUES ($1, clock_timestamp())", name)
        account = file.execute("SELECT provider, fingerprint FROM book").fetchone()
        by_sql(database, "UPDATE book SET provider = $1, fingerprint = $2", *account)
