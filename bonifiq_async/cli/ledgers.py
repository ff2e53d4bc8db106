"""`bonifiq export` and `bonifiq settle`: what is left of a run, and a person's word on it."""

import csv
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from bonifiq_async.cli.outcome_file import json_line
from bonifiq_async.cli.rows import Format
from bonifiq_async.converters import decode
from bonifiq_async.intent import State
from bonifiq_async.ledger.look import Recorded, recorded

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
