"""One machine: a process for each shard of a file, and another one for one that is killed."""

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from attrs import define, field

from bonifiq_async.batch import FlowControl
from bonifiq_async.cli.exit_codes import FIRST, Exit
from bonifiq_async.cli.files.outcome_file import json_line
from bonifiq_async.cli.files.rows import command_line
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.terminal.screen import give, say, whatever_is_read
from bonifiq_async.cli.terminal.tables import show_table
from bonifiq_async.cli.workers.shown import shards_table, shards_values
from bonifiq_async.ledger.reader import LedgerReader

OWN: Mapping[str, bool] = {
    "--shards": True,
    "--out": True,
    "--report": True,
    "--problems": True,
    "--confirm-above": True,
    "--max-in-flight": True,
    "--save-profile": True,
    "--same-account": False,
    "--json": False,
    "--yes": False,
    "-y": False,
}
"""Options that are not handed on to the workers as they are, and whether a value follows."""
REPLACED = 5
"""Processes that are started, one after the other, in place of those of one shard that are killed."""
LONGEST_LINE = 1 << 20
"""Bytes that are shown of what a worker says on one line."""


def commands_of(
    arguments: Sequence[str], shards: int, flow: FlowControl, out: Path | None
) -> Sequence[Sequence[str]]:
    """Return the arguments of each worker, of those of the command that starts them all.

    What is in flight at once is divided; the rate is one that all workers keep together.
    """
    kept: list[str] = []
    skipped = False
    for argument in arguments:
        name, given, _ = argument.partition("=")
        if skipped or name in OWN:
            skipped = not skipped and OWN[name] and not given
            continue
        kept.append(argument)
    at = kept.index("apply") + 1
    shared = ["--yes", "--max-in-flight", str(max(1, flow.max_in_flight // shards))]
    return [
        [*kept[:at], "--shard", f"{number}/{shards}", *shared, *_out(out, number, shards), *kept[at:]]
        for number in range(shards)
    ]


def _out(out: Path | None, number: int, shards: int) -> Sequence[str]:
    return () if out is None else ("--out", str(out.with_stem(f"{out.stem}-{number}-of-{shards}")))


@define
class _Workers:
    """The processes that run, by the number of their shard.

    They were `interrupted`, by a person unless one of them `failed` to start.
    """

    running: dict[int, Process] = field(factory=dict)
    interrupted: bool = False
    failed: bool = False

    async def all(self, commands: Sequence[Sequence[str]]) -> Collection[int]:
        """Run a worker for each command, and return their exit codes; what goes wrong leaves none at work."""
        tasks = [asyncio.create_task(self.work(*each)) for each in enumerate(commands)]
        try:
            return await asyncio.gather(*tasks)
        except BaseException:
            if not self.interrupted:
                self.interrupt()
            await asyncio.wait(tasks)
            left = (process.communicate() for process in self.running.values())
            await asyncio.gather(*left, return_exceptions=True)
            raise

    async def work(self, number: int, command: Sequence[str]) -> int:
        """Run a worker to its end, and another one where it is killed; return the exit code."""
        for _ in range(1 + REPLACED):
            try:
                process = await _start(command)
            except OSError as error:
                self._not_started(number, error)
                return Exit.STOPPED
            self.running[number] = process
            if self.interrupted:
                self._interrupt(process)
            await _relay(process, number)
            code = await process.wait()
            if self.interrupted and (code < 0 or code == Exit.INTERRUPTED):
                return Exit.STOPPED if self.failed else Exit.INTERRUPTED
            if code >= 0:
                return code
            say(
                phrase(
                    "The worker of shard {shard} was killed (signal {signal}). Another one takes the shard "
                    "over when the lease of that one is over.",
                    shard=str(number),
                    signal=-code,
                )
            )
        return Exit.STOPPED

    def interrupt(self) -> None:
        """Have every worker end what is in flight; the second time, have them end at once."""
        self.interrupted = True
        for process in self.running.values():
            self._interrupt(process)

    def _not_started(self, number: int, error: OSError) -> None:
        say(
            phrase(
                "The worker of shard {shard} could not be started ({why}). The other workers end what is in "
                "flight, and send nothing more.",
                shard=str(number),
                why=error.strerror or error,
            )
        )
        if not self.interrupted:
            self.failed = True
            self.interrupt()

    @staticmethod
    def _interrupt(process: Process) -> None:
        if sys.platform != "win32" and process.returncode is None:  # there, the console interrupts them
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)


async def _start(command: Sequence[str]) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bonifiq_async", *command),
        stdin=DEVNULL,
        stdout=DEVNULL,  # the ledger has the results
        stderr=PIPE,
        limit=LONGEST_LINE,
        start_new_session=True,  # Ctrl-C reaches it from here alone: twice would end it at once
    )


async def _relay(process: Process, number: int) -> None:
    assert process.stderr is not None
    begins = True
    while True:
        ended = True
        try:
            line = await process.stderr.readuntil()
        except asyncio.IncompleteReadError as end:
            line = end.partial
        except asyncio.LimitOverrunError as error:
            line, ended = await process.stderr.readexactly(error.consumed), False
        if not line:
            return
        if begins:  # of a longer line, what follows is not shown
            text = line.decode(errors="replace").rstrip()
            say(phrase("shard {shard}: {text}", shard=str(number), text=text))
        begins = ended


@contextlib.contextmanager
def _signals(workers: _Workers) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    numbers = () if sys.platform == "win32" else (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, workers.interrupt)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _all(commands: Sequence[Sequence[str]]) -> Collection[int]:
    workers = _Workers()
    with _signals(workers):
        return await workers.all(commands)


def exit_code(codes: Collection[int]) -> int:
    """Return the exit code of several workers: that of the worst ending."""
    return next((code for code in (Exit.BUG, Exit.USAGE, *FIRST) if code in codes), max(codes))


def apply_shards(
    ledger: LedgerReader, name: str, shards: int, flow: FlowControl, out: Path | None, *, as_json: bool
) -> int:
    """Apply the shards of a file, a process for each, with the arguments of this one; return the code."""
    code = exit_code(asyncio.run(_all(commands_of(sys.argv[1:], shards, flow, out))))
    files = [file for file in ledger.shards() if file.name == name]
    with whatever_is_read():
        if as_json:
            give(json_line({"files": shards_values(files), "exit_code": int(code)}))
        else:
            for file in files:
                show_table(shards_table(file))
    if code in (Exit.INTERRUPTED, Exit.STOPPED):
        say(
            phrase("To go on, run the same command again; no change is applied twice:"), f"  {command_line()}"
        )
    return code
