"""The commands about a ledger in PostgreSQL, declared: its tables."""

import asyncio
from typing import Annotated

import typer

from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.terminal.screen import say, show

ledger = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Care for a ledger in PostgreSQL.")


@ledger.callback()
def _group() -> None:
    """Keep the one command a command of its own."""


@ledger.command()
def migrate(
    url: Annotated[
        str,
        typer.Argument(
            help="postgresql://user@host/database?schema=bonifiq; its password is in PGPASSWORD or ~/.pgpass."
        ),
    ],
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the SQL of all tables instead; connect to nothing.")
    ] = False,
) -> None:
    """Make the tables of a ledger in PostgreSQL, or what is missing of them."""
    from bonifiq_async.ledger.postgres.migration import migrate as run
    from bonifiq_async.ledger.postgres.migration import script
    from bonifiq_async.ledger.postgres.reading.reader import PostgresReader

    database = PostgresReader.at(url).database  # the URL of the other commands is taken, too
    if print_only:
        show(*script(database.schema).splitlines())
        return
    made = asyncio.run(run(database))
    for name in made:
        say(phrase("made: {name}", name=name))
    if not made:
        say(phrase("Nothing was missing: the tables are those of this program."))
