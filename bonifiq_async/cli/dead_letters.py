"""The commands about events that were put aside at a broker, declared."""

import asyncio
from typing import Annotated

import typer

from bonifiq_async._model.printable import printable
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.terminal.screen import say, show

letters = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Look at events that were put aside, and replay them."
)
Url = Annotated[
    str,
    typer.Argument(
        help="amqp://user@host/, nats://host, redis://host or kafka://host:9092; its password is in "
        "BONIFIQ_BROKER_PASSWORD."
    ),
]
Name = Annotated[str, typer.Argument(help="The queue, stream or topic with the events.")]


@letters.command("list")
def listed(
    url: Url, name: Name, as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False
) -> None:
    """Show the events that were put aside, and why where the broker keeps that."""
    from bonifiq_async.cli.files.outcome_file import json_line
    from bonifiq_async.dead_letters.at_broker import dead_letters

    async def look() -> int:
        count = 0
        async for letter in dead_letters(url, name).letters():
            count += 1
            body = letter.body.decode("utf-8", "replace")
            if as_json:
                show(json_line({"name": letter.name, "body": body, "why": letter.why}).decode().rstrip("\n"))
            else:
                show(printable(body), f"  {printable(letter.why or '')}".rstrip())
        return count

    count = asyncio.run(look())
    if not as_json:
        say(phrase("{count:,} event was put aside.", "{count:,} events were put aside.", count=count))


@letters.command()
def replay(url: Url, name: Name) -> None:
    """Give all events that were put aside back to their queue, stream or topic."""
    from bonifiq_async.dead_letters.at_broker import dead_letters

    count = asyncio.run(dead_letters(url, name).replay())
    say(
        phrase(
            "{count:,} event was given back: each change is still made once.",
            "{count:,} events were given back: each change is still made once.",
            count=count,
        )
    )
