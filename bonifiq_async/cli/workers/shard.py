"""What a worker does beside applying: it takes its shard, keeps it, and says what is left of the file."""

import asyncio
import contextlib
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from attrs import evolve, field, frozen

from bonifiq_async._concurrency.runtime import Runtime
from bonifiq_async._model.errors import BonifiQError
from bonifiq_async._model.outcome import Effect
from bonifiq_async.cli.files.rows import Source
from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.ledgers import GOODBYE
from bonifiq_async.cli.terminal.screen import say
from bonifiq_async.ledger.postgres.pace import SharedPace
from bonifiq_async.ledger.postgres.shards.lease import RENEWAL, ShardHeld, ShardLease
from bonifiq_async.ledger.postgres.shards.progress import LEASE
from bonifiq_async.ledger.postgres.store import PostgresLedger
from bonifiq_async.ledger.reader import WritableLedger
from bonifiq_async.ledger.shards import Shard, ShardCounts

if TYPE_CHECKING:
    from bonifiq_async.batch import CashbackBatch, FlowControl
    from bonifiq_async.cli.adapter import FileChange
    from bonifiq_async.cli.terminal.report import RunEnding

_SHARD = re.compile(r"(\d{1,6})/(\d{1,6})", re.ASCII)


def numbers_of(text: str | None) -> tuple[int, int] | None:
    """Return number and count of `--shard 3/16`. Raises `BadParameter` for another text."""
    if text is None:
        return None
    found = _SHARD.fullmatch(text)
    number, of = map(int, found.groups()) if found is not None else (0, 0)
    if not number < of:
        raise typer.BadParameter(
            phrase("{text} is no shard: write 0/16 to 15/16 for sixteen of them", text=repr(text)),
            param_hint="--shard",
        )
    return number, of


def shard_of(source: Source, numbers: tuple[int, int]) -> Shard:
    """Return a shard of a file, which other machines know by its name without the folder."""
    with source.path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Shard(Path(source.name).name, digest, *numbers)


def progress_of(ending: "RunEnding") -> ShardCounts:
    """Return how far a run is."""
    return ShardCounts(ending.planned, ending.planned - ending.not_tried, ending.by_name)


@frozen
class ShardWork:
    """A shard that this process has taken, at the time `began`, and under `fence`."""

    lease: ShardLease
    fence: int
    began: float
    runtime: Runtime = field(factory=Runtime)

    def attach(
        self,
        stack: contextlib.AsyncExitStack,
        ending: "RunEnding",
        batch: "CashbackBatch[FileChange, object]",
    ) -> None:
        """Keep the shard until the stack is left, and say then what became of it."""
        stack.push_async_exit(lambda kind, *_: self.end(kind, ending, batch))
        stack.callback(asyncio.create_task(self.keep(ending, batch)).cancel)

    async def keep(self, ending: "RunEnding", batch: "CashbackBatch[FileChange, object]") -> None:
        """Renew the lease for as long as the run goes on; where it is lost, nothing more is begun."""
        why = _lost(self.lease.shard)
        try:
            await self.lease.keep(self.fence, lambda: progress_of(ending), self.began, self.runtime)
        except BonifiQError as error:
            why = said(error)
        ending.stopped = ending.stopped or why
        batch.stop()

    async def end(
        self,
        kind: type[BaseException] | None,
        ending: "RunEnding",
        batch: "CashbackBatch[FileChange, object]",
    ) -> None:
        """Write down that the shard is done, where every change has an outcome; else let another have it."""
        shard, progress = self.lease.shard, progress_of(ending)
        stopped = kind is not None or ending.interrupted or ending.stopped or batch.stopped_by is not None
        if stopped or ending.not_tried or ending.counts[Effect.NOT_APPLIED]:
            with contextlib.suppress(BonifiQError, TimeoutError):  # it is free when its lease is over
                async with asyncio.timeout(GOODBYE):
                    await self.lease.leave(self.fence, progress)
            return
        try:
            async with asyncio.timeout(LEASE):  # then, another worker may take it
                left = await self.lease.finish(self.fence, progress)
        except TimeoutError:
            ending.stopped = _not_known_as_done(shard)
        else:
            _tell(shard, left, ending)


def _tell(shard: Shard, left: int | None, ending: "RunEnding") -> None:
    """Say how many shards of the file are left; where there is no number, this one was lost."""
    if left is None:
        ending.stopped = _lost(shard)
    elif left:
        say(
            phrase(
                "Shard {shard} of {file} is done; {count:,} shard is not.",
                "Shard {shard} of {file} is done; {count:,} shards are not.",
                shard=shard,
                file=shard.name,
                count=left,
            )
        )
    else:
        say(
            phrase(
                "Shard {shard} was the last: {file} is done, in all its {count:,} shards.",
                shard=shard,
                file=shard.name,
                count=shard.of,
            )
        )


def _lost(shard: Shard) -> str:
    return phrase(
        "Shard {shard} of {file} is lost to another worker, or was not renewed in time. Nothing else is "
        "sent.",
        shard=shard,
        file=shard.name,
    )


def _not_known_as_done(shard: Shard) -> str:
    return phrase(
        "Every change of shard {shard} of {file} has its outcome, but the ledger did not take in "
        "{seconds:.0f} s that the shard is done. The next worker of the shard says so, and sends none of "
        "them again.",
        shard=shard,
        file=shard.name,
        seconds=LEASE,
    )


def paced(flow: "FlowControl", work: ShardWork | None) -> "FlowControl":
    """Return how a worker sends: at its rate, which it keeps together with the workers of all shards."""
    if work is None or flow.max_rate is None:
        return flow
    return evolve(flow, max_rate=None, shared_pace=SharedPace(work.lease.ledger, flow.max_rate))


async def taken(
    ledger: WritableLedger, shard: Shard, progress: ShardCounts, runtime: Runtime | None = None
) -> ShardWork:
    """Take a shard; where another worker has it, wait until that is done or silent, and say so."""
    if not isinstance(ledger, PostgresLedger):
        raise TypeError("shards are in a database")
    runtime, lease, owner = runtime or Runtime(), ShardLease(ledger, shard), ""
    while True:
        began = runtime.monotonic()
        found = await lease.take(progress)
        if not isinstance(found, ShardHeld):
            return ShardWork(lease, found, began, runtime)
        if found.owner != owner:
            owner = found.owner
            say(
                phrase(
                    "Shard {shard} of {file} is at work: {owner} has it. This worker waits, and takes it "
                    "over when that one has ended or is silent.",
                    shard=shard,
                    file=shard.name,
                    owner=owner,
                )
            )
        await runtime.sleep(min(max(found.seconds, 0.1), RENEWAL))
