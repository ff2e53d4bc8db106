"""What the database has as applied, asked for by keys, beside the tables of another database."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from bonifiq_async.ledger.comparison import OTHER
from bonifiq_async.ledger.postgres.reading.recorded import CHANGE, recorded_of
from bonifiq_async.ledger.postgres.reading.session import Session
from bonifiq_async.ledger.protocol import DONE, FREE, State
from bonifiq_async.ledger.recorded import Recorded

if TYPE_CHECKING:
    import asyncpg

KEYS = 2_000
"""Keys that are asked for at once."""
CUSTOMERS = 100_000
"""Customers of a file for which alone the database looks; of more, it gives all that it has."""
_OF_CUSTOMERS = (
    " AND (octet_length(convert_to(customer_id, 'UTF8')) <> length(customer_id)"
    " OR CASE WHEN customer_id ~ '^[0-9]+$' THEN ltrim(customer_id, '0')"
    ' ELSE lower(customer_id COLLATE "C") END = ANY($3))'
)
"""That the customer may be one in $3: each id may that is not in ASCII, and of the others those alike."""
_FREE = [state.value for state in FREE]


@frozen
class AppliedInDatabase:
    """What a database has as applied: see `AppliedChanges`, whose methods these are.

    `tables` is the database with the tables that it is compared with.
    """

    session: Session
    tables: sqlite3.Connection

    @property
    def provider(self) -> str | None:
        """See `AppliedChanges.provider`."""
        [(found,)] = self.session.fetch("SELECT provider FROM {schema}.book")
        return None if found is None else str(found)

    def among(
        self, table: str, columns: Sequence[str], operations: Collection[str]
    ) -> Iterator[Sequence[tuple[object, ...]]]:
        """See `AppliedChanges.among`."""
        if self.provider is None:
            return
        wanted = self.tables.execute(
            f"SELECT key, digest, {', '.join(columns)} FROM {table} INDEXED BY by_key ORDER BY key"
        )
        while some := wanted.fetchmany(KEYS):
            kept = defaultdict(list)
            for key, digest, state in self._known("key, digest, state", [row[0] for row in some], operations):
                kept[key].append((digest, State(state)))
            yield [
                (*row[2:], kind)
                for row in some
                for digest, state in kept[row[0]]
                if (kind := _kind(state, same=digest == row[1])) is not None
            ]

    def under(self, keys: Sequence[str], operations: Collection[str]) -> Sequence[Recorded]:
        """See `AppliedChanges.under`."""
        return [recorded_of(each) for each in self._known(CHANGE, keys, operations)]

    def alike(
        self, table: str, likeness: Callable[[str, str, str, bytes], str | None], apart_from: str = ""
    ) -> Iterator[Sequence[tuple[Recorded, int]]]:
        """See `AppliedChanges.alike`."""
        like = f"SELECT line FROM {table} INDEXED BY by_likeness WHERE likeness = ? AND key <> ?"
        others = " AND run NOT IN (SELECT id FROM {schema}.run WHERE digest = nullif($2, ''))"
        of_customers, customers = self._of_customers(table)
        for some in self._applied(others + of_customers, apart_from, *customers):
            kept = [recorded_of(each) for each in some]
            found = [
                (each, line)
                for each in kept
                for (line,) in self.tables.execute(
                    like, (likeness(each.key, each.customer_id, str(each.value), each.body), each.key)
                ).fetchall()
            ]
            if found:
                yield found

    def left_behind(self, table: str, file: str) -> Iterator[Sequence[str]]:
        """See `AppliedChanges.left_behind`."""
        there = f"SELECT 1 FROM {table} INDEXED BY by_key WHERE key = ?"
        of_file = " AND run IN (SELECT id FROM {schema}.run WHERE file = $2)"
        for some in self._applied(of_file, file):
            keys = [str(each["key"]) for each in some]
            left = [key for key in keys if not self.tables.execute(there, (key,)).fetchone()]
            if left:
                yield left

    def _of_customers(self, table: str) -> tuple[str, Sequence[Sequence[str]]]:
        """Return the condition that a change is of a customer of the table, and its values, if any."""
        found = self.tables.execute(f"SELECT DISTINCT customer FROM {table} LIMIT {CUSTOMERS}").fetchall()
        return (_OF_CUSTOMERS, [[each for (each,) in found]]) if len(found) < CUSTOMERS else ("", [])

    def _known(
        self, columns: str, keys: Sequence[str], operations: Collection[str]
    ) -> "Sequence[asyncpg.Record]":
        return self.session.fetch(
            f"SELECT {columns} FROM {{schema}}.change"
            " WHERE key = ANY($1) AND operation = ANY($2) AND state <> ALL($3)",
            keys,
            list(operations),
            _FREE,
        )

    def _applied(self, condition: str = "", *values: object) -> "Iterator[Sequence[asyncpg.Record]]":
        with self.session.transaction():
            yield from self.session.each(
                f"SELECT {CHANGE} FROM {{schema}}.change WHERE state <> ALL($1){condition}", _FREE, *values
            )


def _kind(state: State, *, same: bool) -> int | None:
    """Return the number of `AppliedChanges.among`; None where nothing is applied."""
    if not same:
        return OTHER
    return int(state is State.USED_ELSEWHERE) if state in DONE else None
