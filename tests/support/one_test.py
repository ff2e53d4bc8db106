"""Tables of cheap rows as one test: it tries them all, and names each row that fails."""

import functools
import inspect
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest

Check = Callable[..., None]
Row = tuple[str, dict[str, object]]


def one_test(check: Check) -> Check:
    """Make the tables under it, each a `pytest.mark.parametrize`, one test instead of one a row.

    For decisions that take microseconds: a test of its own costs some milliseconds in pytest and its
    workers. Rows share their fixtures, so it is for tests that leave nothing behind.
    """
    assert not inspect.iscoroutinefunction(check), "a coroutine's rows would share a loop"
    marks: list[pytest.Mark] = check.pytestmark  # type: ignore[attr-defined]
    tables = [mark for mark in marks if mark.name == "parametrize"]

    @functools.wraps(check)
    def tried(**fixtures: object) -> None:
        number, failed = 0, []
        for rows in product(*(_rows(*mark.args, **mark.kwargs) for mark in tables)):
            number += 1
            try:
                check(**fixtures, **{name: value for _, row in rows for name, value in row.items()})
            except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # all rows are tried
                error.add_note(f"Row: {', '.join(label for label, _ in reversed(rows))}")
                failed.append(error)
        assert number, "a table without rows tries nothing"
        if failed:
            raise BaseExceptionGroup(f"{len(failed)} of {number} rows failed", failed)

    signature = inspect.signature(check)
    given = {name for mark in tables for name in _names(mark.args[0])}
    left = [each for name, each in signature.parameters.items() if name not in given]
    tried.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
    tried.pytestmark = [mark for mark in marks if mark not in tables]  # type: ignore[attr-defined]
    return tried


def _names(names: str | tuple[str, ...]) -> list[str]:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)


def _rows(names: str | tuple[str, ...], rows: Any, ids: Any = None) -> Iterator[Row]:
    """Yield the rows of one table, with their own labels, or the table's, or their values."""
    listed, labels = _names(names), None if ids is None or callable(ids) else iter(ids)
    single = isinstance(names, str) and len(listed) == 1
    for row in rows:
        label = next(labels, None) if labels else None
        if isinstance(row, type(pytest.param())):
            assert not row.marks, "a row of one test has no marks of its own"
            values, label = row.values, row.id or label
        else:
            values = (row,) if single else tuple(row)
        if label is None:
            label = "-".join(str(ids(value) if callable(ids) else repr(value)) for value in values)
        yield str(label), dict(zip(listed, values, strict=True))
