"""What callers hand over: a change to be claimed, and how a claim ended."""

from collections.abc import Iterator, Sequence

from attrs import define, field

from bonifiq_async.ledger.handover import Job
from bonifiq_async.ledger.postgres.row import Place
from bonifiq_async.ledger.protocol import Ending, Granted, Intent, Ruling


@define(eq=False)
class ClaimJob(Job[Ruling]):
    """A change to be claimed. `lost` is what it was granted by a commit whose answer was lost."""

    intent: Intent = field(kw_only=True)
    lease: float = field(kw_only=True)
    repeatable: bool = field(kw_only=True)
    lost: Granted | None = None

    @property
    def wanted(self) -> bool:
        """Whether a caller waits for it, or it may be claimed for a caller that has gone."""
        return self.lost is not None or not self.done.done()

    @property
    def place(self) -> Place:
        """What it stands under."""
        return self.intent.key, self.intent.operation


@define(eq=False)
class EndJob(Job[bool]):
    """How a claim ended. `lost` says that it was in a commit whose answer was lost."""

    intent: Intent = field(kw_only=True)
    fence: int = field(kw_only=True)
    ending: Ending = field(kw_only=True)
    lost: bool = False

    @property
    def place(self) -> Place:
        """What it stands under."""
        return self.intent.key, self.intent.operation


def columns_of_claims(claims: Sequence[ClaimJob]) -> Iterator[list[object]]:
    """Yield the columns of claims, as `write_group` takes them."""
    intents = [job.intent for job in claims]
    yield [intent.key for intent in intents]
    yield [intent.operation for intent in intents]
    yield [bool(intent.rivals) for intent in intents]
    yield [intent.digest for intent in intents]
    yield [intent.customer_id for intent in intents]
    yield [str(intent.value) for intent in intents]
    yield [intent.path for intent in intents]
    yield [intent.body for intent in intents]
    yield [intent.line for intent in intents]
    yield [float(job.lease) for job in claims]


def columns_of_ends(ends: Sequence[EndJob]) -> Iterator[list[object]]:
    """Yield the columns of ends, as `write_group` takes them."""
    endings = [job.ending for job in ends]
    yield [job.intent.key for job in ends]
    yield [job.intent.operation for job in ends]
    yield [job.fence for job in ends]
    yield [ending.state.value for ending in endings]
    yield [ending.attempts for ending in endings]
    yield [kept(ending.answer) for ending in endings]
    yield [kept(ending.error) for ending in endings]


def kept(text: str | None) -> str | None:
    """Return a text as PostgreSQL keeps it: without NUL, and without half a character."""
    if text is None or text.isprintable():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")
