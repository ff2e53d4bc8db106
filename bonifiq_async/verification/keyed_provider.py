"""The provider with which all is tried in which no provider differs: it counts a change once for its key."""

from contextlib import AbstractContextManager
from pathlib import Path

from bonifiq_async.bonifiq import PROVIDER
from bonifiq_async.bonifiq.client import BasicCredentials
from bonifiq_async.verification.bench import Bench, bench

KeyedBench = Bench[BasicCredentials]
TITLE = PROVIDER.title
"""Its name in texts."""


def keyed_bench(script: str, *, ledgers: Path | None = None) -> AbstractContextManager[KeyedBench]:
    """Serve as it does, and answer a key that was used with an error: see `bench`."""
    options = {"duplicates": "error-400"}
    return bench(PROVIDER, BasicCredentials, script, ledgers=ledgers, options=options)
