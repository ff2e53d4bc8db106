"""The runs of a ledger: which command of which user has sent what stands there, on which file."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from attrs import field, frozen

from bonifiq_async._model.values import Kind


class RunState(Kind):
    """Where a run stands."""

    ENDED = "ended"
    UNDER_WAY = "under way"
    """Its process may still be at work."""
    NOT_ENDED = "not ended"
    """Its process is gone, and has not said how it ended: it was killed."""


@frozen
class RunOrigin:
    """What is run: a `command` as it is typed, such as `apply`, by a `user` on a `host`.

    `file` is the path of the file of changes and `digest` the SHA-256 of its bytes in hexadecimal digits;
    both are empty where there is no file.
    """

    command: str
    user: str
    host: str
    file: str = ""
    digest: str = ""


@frozen
class Run:
    """A run as it stands. `id` counts from 1, in the order in which they were begun.

    `begun` and `ended` are seconds since the epoch, `ended` None where it has not. `counts` are its changes
    by what became of them, such as `applied`; a run that has not ended has none.
    """

    id: int
    origin: RunOrigin
    begun: float
    ended: float | None
    state: RunState
    counts: Mapping[str, int] = field(factory=dict)


@frozen
class Begun:
    """A run that was begun just now: its `id`, and the last run of the same file `before` it, if any."""

    id: int
    before: Run | None


@runtime_checkable
class RunLedger(Protocol):
    """A ledger that keeps runs, too. One in memory does not: no other process could ask it afterwards.

    Between `begin_run` and `end_run`, what is claimed by this object is claimed in that run: one at a time.
    Without a run, as in a web service, changes are of none.
    """

    async def begin_run(self, origin: RunOrigin) -> Begun:
        """Write down that a run begins. Raises `ConfigurationError` while another one has not ended."""

    async def end_run(self, counts: Mapping[str, int]) -> None:
        """Write down that the run has ended, and what its changes came to."""
