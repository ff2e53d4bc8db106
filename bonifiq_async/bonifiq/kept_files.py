"""What a ledger of BonifiQ's keeps as rows: those of its files, and redeems and partial cancels beside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import ClassVar, cast

from attrs import evolve

from bonifiq_async._model.operation import BRL, Operation, RepeatClass
from bonifiq_async._policy.request import digest_of_kept
from bonifiq_async.bonifiq.changes.kept import KeptChange
from bonifiq_async.bonifiq.files import ADAPTER, BonifiQFiles
from bonifiq_async.bonifiq.operations import CHANGE_CASHBACK
from bonifiq_async.bonifiq.operations.changes import CHANGES
from bonifiq_async.bonifiq.operations.customers import CHANGE_POINTS
from bonifiq_async.cli.adapter import FileChange, Grounds
from bonifiq_async.cli.files.rows import Cells
from bonifiq_async.ledger.recorded import Recorded

_KEPT = ("operation", "path", "body")
"""What a request has that no file of changes can say."""
_OF_FILES = (CHANGE_CASHBACK.name, CHANGE_POINTS.name)


class BonifiQKeptFiles(BonifiQFiles):
    """Rows of a ledger, for which the columns of a file are too few: they have the request itself."""

    columns = evolve(BonifiQFiles.columns, names=(*BonifiQFiles.columns.names, *_KEPT))
    answer_columns: ClassVar[tuple[str, ...]] = (*BonifiQFiles.answer_columns, "reward_id", "external_code")
    export_columns: ClassVar[tuple[str, ...]] = (*BonifiQFiles.export_columns, *_KEPT)

    @cached_property
    def changes(self) -> Mapping[str, Operation[object]]:
        """All that a ledger may hold and that is sent again."""
        return {each.name: each for each in CHANGES if each.repeat is RepeatClass.KEYED}

    def read_row(self, line: int, cells: Cells) -> FileChange:
        """Return the change of a row: one with an operation is the request that was kept."""
        *told, operation, path, body = cells
        if operation is None:
            return super().read_row(line, tuple(told))
        customer_id, value, _, key, *_ = cast("tuple[str, Decimal, str, str]", cells)
        unit = str(self.recorded[str(operation)].unit)
        kept = str(body).encode()
        return KeptChange(str(operation), customer_id, Decimal(value), unit, key, str(path), kept, line)

    def export_cells(self, change: Recorded) -> Iterable[object]:
        """Return the cells of a recorded change; of one that no file can have, with its request."""
        if change.operation in _OF_FILES:
            return (*ADAPTER.export_cells(change), *(None for _ in _KEPT))
        cells = {"customer_id": change.customer_id, "value": change.value, "change_key": change.key}
        named = tuple(cells.get(name) for name in BonifiQFiles.export_columns)
        return (*named, change.operation, change.path, change.body.decode())

    def digest(self, change: FileChange) -> bytes:
        """Return the digest of the change's request."""
        if isinstance(change, KeptChange):
            return digest_of_kept(self.recorded[change.operation].method, change.path, change.body)
        return super().digest(change)

    def change_cells(self, change: FileChange) -> Sequence[object]:
        """Return the customer, and an amount in reais: what is no cashback stands in no column of a sum."""
        if isinstance(change, KeptChange):
            return change.customer_id, change.value if change.unit == BRL else None, None
        return super().change_cells(change)

    def grounds(self, change: FileChange) -> Grounds:
        """Return why a change is made, as far as a file says it."""
        return Grounds() if isinstance(change, KeptChange) else super().grounds(change)

    def row_purpose(self, change: FileChange) -> str | None:
        """Return the reference of a row, None of a request that was kept."""
        return None if isinstance(change, KeptChange) else super().row_purpose(change)


KEPT_ADAPTER = BonifiQKeptFiles()
