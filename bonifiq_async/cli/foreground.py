"""`bonifiq sandbox`: the sandbox in the foreground."""

import signal
import threading

from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.cli.progress import say
from bonifiq_async.errors import ConfigurationError
from bonifiq_async.sandbox import FaultScript, Sandbox
from bonifiq_async.sandbox.provider import Duplicates

TOKEN, KEY = "sandbox", "sandbox"
"""The sandbox's own sign-in. It guards nothing: the server listens on this machine alone."""


def serve(port: int, faults: FaultScript, duplicates: Duplicates) -> None:
    """Serve until SIGINT or SIGTERM, after printing the settings that point a client here."""
    box = Sandbox(
        duplicates=duplicates,
        faults=faults,
        credentials=BasicCredentials(TOKEN, KEY),
        port=port,
    )
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        box.start()
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be used: {error.strerror}. Choose another with --port."
        ) from None
    print(f"export BONIFIQ_BASE_URL={box.url}")
    print(f"export BONIFIQ_API_TOKEN={TOKEN}")
    print(f"export BONIFIQ_API_KEY={KEY}", flush=True)
    say("The sandbox is running; set the lines above in another shell. Ctrl-C ends it.")
    over.wait()
    box.stop()
    say(f"{box.books.requests:,} requests arrived, {box.faults.met.total():,} of them failed on purpose.")
