"""Shards of a file: which customers are of which, and how far the workers are that apply one each."""

import hashlib
from collections.abc import Mapping

from attrs import field, frozen

from bonifiq_async._model.values import Kind


def shard_of(customer_id: str, shards: int) -> int:
    """Return the shard of a customer, from 0: the first 8 bytes of the SHA-256 of the id, modulo `shards`.

    It is the same on every machine and in every version: all changes of a customer are of one shard.
    """
    digest = hashlib.sha256(customer_id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % shards


@frozen
class Shard:
    """Shard `number` of the `of` shards of the file `name`, whose bytes have the SHA-256 `digest`."""

    name: str
    digest: str
    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def has(self, customer_id: str) -> bool:
        """Say whether the changes of a customer are of this shard."""
        return shard_of(customer_id, self.of) == self.number


class ShardState(Kind):
    """Where a shard stands."""

    WAITING = "waiting"
    """No worker has it."""
    AT_WORK = "at work"
    LEFT = "left"
    """Its worker is silent: the next that asks takes it over."""
    DONE = "done"


@frozen
class ShardCounts:
    """How far a worker is: of `changes`, so many have `ended`; `counts` has these by what became of them."""

    changes: int
    ended: int = 0
    counts: Mapping[str, int] = field(factory=dict)


@frozen
class ShardProgress:
    """A shard as it stands. `owner` has it, or had it last; `fence` is how often it was taken.

    `rate` is how many changes a second its worker ended since it took the shard, None where it has none.
    """

    number: int
    state: ShardState
    progress: ShardCounts
    owner: str | None
    fence: int
    rate: float | None


@frozen
class ShardedFile:
    """A file and its shards, in order. `begun` is in seconds since the epoch."""

    name: str
    digest: str
    begun: float
    shards: tuple[ShardProgress, ...]

    @property
    def changes(self) -> int:
        """How many changes the shards have that were counted so far."""
        return sum(each.progress.changes for each in self.shards)

    @property
    def ended(self) -> int:
        """How many of them have an outcome."""
        return sum(each.progress.ended for each in self.shards)

    @property
    def is_done(self) -> bool:
        """Whether every shard is done."""
        return all(each.state is ShardState.DONE for each in self.shards)
