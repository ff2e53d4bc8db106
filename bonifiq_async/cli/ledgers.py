"""What is left of a run: given out as a file, or sent again."""

import contextlib
import csv
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from bonifiq_async.cli.examine import Plan, examine
from bonifiq_async.cli.outcome_file import json_line
from bonifiq_async.cli.rows import Format, Source
from bonifiq_async.converters import decode
from bonifiq_async.errors import ConfigurationError
from bonifiq_async.intent import State
from bonifiq_async.ledger.look import SETTLEABLE, Recorded, recorded

COLUMNS = ("customer_id", "value", "reason", "change_key", "customer_reason")
"""What `bonifiq apply` reads: an export can be applied again, under the same keys."""


def export(ledger: Path, states: Collection[State], format: Format) -> None:
    """Print the changes that stand in one of `states` to standard output."""
    rows = (_row(change) for change in recorded(ledger, states))
    if format == "jsonl":
        for row in rows:
            sys.stdout.write(json_line(dict(row)).decode())
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow("" if value is None else value for _, value in row)


@contextlib.contextmanager
def in_doubt(ledger: Path) -> Iterator[Plan | None]:
    """Give what is in doubt in a ledger as a plan to apply again; None when nothing is."""
    with tempfile.NamedTemporaryFile(prefix="bonifiq-", suffix=".jsonl") as copy:
        count = 0
        for change in recorded(ledger, SETTLEABLE):
            copy.write(json_line(dict(_row(change))))
            count += 1
        copy.flush()
        yield examine(Source(Path(copy.name), str(ledger), "jsonl"), _refuse) if count else None


def _refuse(problem: object) -> None:
    raise ConfigurationError(f"The ledger holds a change that cannot be read: {problem}. Nothing was sent.")


def _row(change: Recorded) -> Iterator[tuple[str, object]]:
    body = decode(change.body)
    members = body if isinstance(body, dict) else {}
    values = (
        change.customer_id,
        members.get("Value"),
        members.get("Reason"),
        change.key,
        members.get("CustomerReason"),
    )
    return zip(COLUMNS, values, strict=True)
