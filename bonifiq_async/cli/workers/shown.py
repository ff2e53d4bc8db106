"""How far the shards of a file are: as a table for a person, and as values for machines."""

from collections.abc import Mapping, Sequence

from bonifiq_async.cli.files.outcome_file import local_time
from bonifiq_async.cli.language.phrase import Phrase, number, phrase, recognised
from bonifiq_async.cli.terminal.tables import Table
from bonifiq_async.ledger.shards import ShardedFile, ShardProgress, ShardState

STATES: Mapping[ShardState, Phrase] = {
    ShardState.WAITING: phrase("waiting"),
    ShardState.AT_WORK: phrase("at work"),
    ShardState.LEFT: phrase("left by its worker"),
    ShardState.DONE: phrase("done"),
}


def shards_table(file: ShardedFile) -> Table:
    """Return how far each shard of a file is, and all together."""
    title = phrase("{file} in {count:,} shards", file=file.name, count=len(file.shards))
    table = Table(title=title, title_justify="left")
    for name in (phrase("shard"), phrase("state"), phrase("worker")):
        table.add_column(name, overflow="fold")
    for name in (phrase("changes"), phrase("ended"), phrase("left"), phrase("a second")):
        table.add_column(name, justify="right")
    for shard in file.shards:
        table.add_row(number(shard.number), STATES[shard.state], _worker(shard.owner), *_figures([shard]))
    done = sum(shard.state is ShardState.DONE for shard in file.shards)
    table.add_row(phrase("all"), phrase("{count:,} done", count=done), "", *_figures(file.shards))
    return table


def _worker(owner: str | None) -> str:
    name = (owner or "-").partition(" [")[0]  # what tells two owners of one process apart is long
    return recognised(name, [phrase("process {pid} on {host}", pid="", host="")]) or name


def _figures(shards: Sequence[ShardProgress]) -> Sequence[str]:
    changes, ended = (
        sum(shard.progress.changes for shard in shards),
        sum(shard.progress.ended for shard in shards),
    )
    rates = [shard.rate for shard in shards if shard.rate is not None]
    rate = phrase("{rate:,.1f}", rate=sum(rates)) if rates else "-"
    return number(changes), number(ended), number(changes - ended), rate


def shards_values(files: Sequence[ShardedFile]) -> Sequence[Mapping[str, object]]:
    """Return the same for machines."""
    return [
        {
            "file": file.name,
            "sha256": file.digest,
            "begun": local_time(file.begun),
            "done": file.is_done,
            "shards": [_values(shard) for shard in file.shards],
        }
        for file in files
    ]


def _values(shard: ShardProgress) -> Mapping[str, object]:
    return {
        "shard": shard.number,
        "state": shard.state.value.replace(" ", "_"),
        "worker": shard.owner,
        "taken": shard.fence,
        "changes": shard.progress.changes,
        "ended": shard.progress.ended,
        "left": shard.progress.changes - shard.progress.ended,
        "rate": None if shard.rate is None else round(shard.rate, 1),
        "counts": {name.replace(" ", "_"): count for name, count in shard.progress.counts.items()},
    }
