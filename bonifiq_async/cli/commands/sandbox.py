"""`bonifiq sandbox`: the sandbox in the foreground."""

import signal
import threading
from pathlib import Path

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.adapter import FileAdapter
from bonifiq_async.cli.language.phrase import joined, phrase
from bonifiq_async.cli.terminal.screen import say, show
from bonifiq_async.sandbox import FaultScript


def faults_of(rate: float, seed: int, script: Path | None) -> FaultScript:
    """Return what requests meet: what a script says, or chance."""
    return FaultScript(rate=rate, seed=seed) if script is None else FaultScript.from_file(script)


def serve(adapter: FileAdapter, port: int, faults: FaultScript, duplicates: str | None) -> None:
    """Serve until SIGINT or SIGTERM, after printing the settings that point a client here. Raises `Lost`."""
    box = adapter.sandbox(faults, port, duplicates)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        box.start()
    except OSError as error:
        raise ConfigurationError(
            phrase(
                "Port {port} cannot be used: {why}. Choose another with --port.",
                port=port,
                why=error.strerror,
            )
        ) from None
    try:
        show(*[joined(("export ", name, "=", value), "") for name, value in box.environment().items()])
        say(phrase("The sandbox is running; set the lines above in another shell. Ctrl-C ends it."))
        over.wait()
    finally:
        box.stop()
    say(
        phrase(
            "{requests:,} requests arrived, {failed:,} of them failed on purpose.",
            requests=box.books.requests,
            failed=box.faults.met.total(),
        )
    )
