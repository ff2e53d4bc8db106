"""The table of all operations."""

from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.options import AsJson


def operations(as_json: AsJson = False) -> None:
    """List every operation of the API, with how sure it is and whether a repeat is safe (BonifiQ)."""
    from attrs import asdict

    from bonifiq_async.bonifiq.operations.table import OPERATIONS, entry_of
    from bonifiq_async.cli.files.outcome_file import json_line
    from bonifiq_async.cli.terminal.screen import give
    from bonifiq_async.cli.terminal.tables import Table, show_table

    entries = list(map(entry_of, OPERATIONS))
    if as_json:
        give(b"".join([json_line(asdict(each)) for each in entries]))
        return
    table = Table()
    for name in (phrase("operation"), phrase("repeat, key"), phrase("source")):
        table.add_column(name, overflow="fold")
    for each in entries:
        keyed = (each.repeat,) if each.key is None else (each.repeat, each.key)
        table.add_row((each.method_name, f"{each.method} {each.path}"), keyed, each.source)
    show_table(table)
