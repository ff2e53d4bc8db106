"""What a ledger knows of a change, and what it answers to a caller that wants to send it.

The states, and which may follow which, are a table; both ledgers, the command line and the tests read it.
"""

from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from typing import Protocol, Self, runtime_checkable

from attrs import field

from bonifiq_async._model.outcome import Effect
from bonifiq_async._model.secret import Secret
from bonifiq_async._model.values import Kind, fixed, public


class State(Kind):
    """Where a change stands."""

    CLAIMED = "claimed"
    """A process may be sending it now; written before the first byte leaves."""
    IN_DOUBT = "in doubt"
    """It was sent, and its sender has gone without an answer."""
    APPLIED = "applied"
    ALREADY_APPLIED = "already applied"
    USED_ELSEWHERE = "used elsewhere"
    """Applied already by the provider's word alone: see `Outcome.used_elsewhere`."""
    REFUSED = "refused"
    NOT_APPLIED = "not applied"
    UNKNOWN = "unknown"


_ENDS = frozenset(State) - {State.CLAIMED}

TRANSITIONS: Mapping[State | None, frozenset[State]] = {
    None: frozenset({State.CLAIMED}),
    State.CLAIMED: _ENDS | {State.CLAIMED},  # claimed again when its lease has run out
    State.IN_DOUBT: frozenset({State.CLAIMED, State.APPLIED, State.NOT_APPLIED}),
    State.UNKNOWN: frozenset({State.CLAIMED, State.APPLIED, State.NOT_APPLIED}),
    State.REFUSED: frozenset({State.CLAIMED}),
    State.NOT_APPLIED: frozenset({State.CLAIMED}),
    State.APPLIED: frozenset(),
    State.ALREADY_APPLIED: frozenset(),
    State.USED_ELSEWHERE: frozenset({State.ALREADY_APPLIED, State.NOT_APPLIED}),
}
"""What may follow a state; None is a change that the ledger has never seen.

What changes a state other than `CLAIMED` is the next claim, or a person's word.
"""

BY_EFFECT: Mapping[Effect, State] = {effect: State[effect.name] for effect in Effect}

FOR_EVER = float("inf")
"""Seconds for which a provider remembers a key that never forgets one."""
CLOCK_TOLERANCE = 60.0
"""Seconds by which the clock may go back before it says nothing of how long ago a change was sent."""
DOUBTFUL = frozenset({State.CLAIMED, State.IN_DOUBT, State.UNKNOWN})
"""States in which the balance may have changed, unless its sender is still at work."""
FREE = frozenset({State.REFUSED, State.NOT_APPLIED})
"""States in which the balance has not changed, and no process is sending."""
DONE = frozenset({State.APPLIED, State.ALREADY_APPLIED, State.USED_ELSEWHERE})
"""States in which the balance has changed, or the provider says so: nothing is sent again."""
SURE = frozenset({State.APPLIED, State.ALREADY_APPLIED})
"""States in which the balance has changed, by more than the provider's word that the key was used before."""


Account = tuple[str, str]
"""Whose changes a ledger holds: the provider, and what tells the account (see `account`)."""


@fixed
class Intent:
    """One change, and the request that makes it: enough to send it again, byte for byte.

    `body` leaves out what is secret; a request with a secret in it is sent again by a caller that has it.
    `account` is the one that it is made with. `bearer` tells whose change it is where nothing else does; it
    is in no ledger. `rivals` are the provider's other operations for which the same key counts. `line` is the
    line of the file that it came from, 0 for one of no file. `unit` is what `value` is measured in. Those
    of the rivals that take it back are `undone_by`.
    """

    operation: str
    key: str
    digest: bytes
    customer_id: str
    value: Decimal
    path: str
    body: bytes
    account: Account
    bearer: Secret | None = None
    rivals: tuple[str, ...] = ()
    line: int = 0
    unit: str = ""
    undone_by: tuple[str, ...] = ()


@fixed
class Row:
    """What stands in a ledger for an operation and key. Times are seconds since the epoch.

    `answer` is that of its ending, where a repeat is answered with it.
    """

    digest: bytes
    state: State
    in_doubt: bool
    fence: int
    owner: str
    lease_until: float
    first_sent: float
    customer_id: str
    value: Decimal
    answer: str | None = None


def always() -> bool:
    """Say that a claim holds, as one does whose owner the others see."""
    return True


@fixed
class Granted:
    """Send it. `fence` goes with the outcome; `in_doubt` says that an earlier run may have applied it.

    `cleared` says that the ledger knows of an earlier run, and that it did not apply it. `seconds` is for
    how long the provider surely remembers the key: a repeat after that could apply it twice. `held` says
    whether the claim surely holds now: without that, another process may send, and this one may not.
    """

    fence: int
    in_doubt: bool
    cleared: bool = False
    seconds: float = FOR_EVER
    held: Callable[[], bool] = field(default=always, eq=False, repr=False)


FIRST = Granted(fence=1, in_doubt=False)
"""What is answered for a change that the ledger has never seen."""


@fixed
class Settled:
    """It is applied already; send nothing. `used_elsewhere` is that of `Outcome`, `answer` that of `Row`."""

    used_elsewhere: bool = False
    answer: str | None = None


@fixed
class Conflict:
    """The key stands for another change: of `value`, for `customer_id`.

    `operation` is that change's where it is a rival, `path` and `body` are its request where that is kept.
    """

    customer_id: str
    value: Decimal
    operation: str | None = None
    path: str | None = None
    body: bytes | None = None


@fixed
class Held:
    """`owner` is sending it, and is trusted to for `seconds` more."""

    owner: str
    seconds: float


@fixed
class Unsettled:
    """It may be applied and must not be sent again, because of `reason`: a person settles it."""

    reason: str


Ruling = Granted | Settled | Conflict | Held | Unsettled


@fixed
class Ending:
    """How one sending ended: state, requests made, the provider's answer in short, the error.

    `recalled` says that a repeat which is not sent is answered with `answer`.
    """

    state: State
    attempts: int = 0
    answer: str | None = None
    error: str | None = None
    recalled: bool = False


@public
@runtime_checkable
class Ledger(Protocol):
    """The durable record of intents and outcomes.

    A claim is durable before `claim` returns, an outcome before `end` does. All raise `LedgerError`
    when the record cannot be kept; its effect is `NOT_APPLIED` only where the change was surely never sent.

    A claim keeps to the time that it is given. The wait for `bind` and `end` is bounded by the client, which
    cancels what takes longer than its call has time; what `end` was given is still written when that can be.
    """

    @property
    def identity(self) -> Hashable:
        """What tells this record from another: equal for two ledgers that keep one file, say."""

    async def bind(self, provider: str, account: str) -> None:
        """Say whose changes these are; a ledger of another account refuses with `ConfigurationError`.

        An account whose changes were all refused or not applied gives way to another one, as long as no
        client uses the ledger for it. It is asked once, before the first claim.
        """

    async def claim(
        self, intent: Intent, *, lease: float, repeatable: bool, within: float = float("inf")
    ) -> Ruling:
        """Ask to send `intent`, for at most `lease` seconds; `repeatable` says a repeat does no harm.

        A caller that has no answer `within` so many seconds gets a `LedgerError`, and claims nothing.
        Whose ledger it is, is asked in the same transaction: another one than `intent.account`, to which it
        may have gone over since `bind`, is a `ConfigurationError`.
        """

    async def end(self, intent: Intent, fence: int, ending: Ending) -> bool:
        """Write down how it ended; False when another process has claimed it since."""

    def leave(self, intent: Intent, fence: int, ending: Ending) -> None:
        """Write the same down soon, without waiting: the caller is being cancelled."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


def rival(row: Row | None, operation: str) -> Conflict | None:
    """Return what is answered where `row` stands under the key for a rival operation; None: nothing."""
    return None if row is None or row.state in FREE else Conflict(row.customer_id, row.value, operation)


def rule(
    row: Row | None, intent: Intent, *, now: float, owner: str, repeatable: bool, retention: float
) -> Ruling:
    """Return what a ledger answers to `owner`, which wants to send `intent`, when it has `row`.

    `retention` is for how many seconds the provider remembers a key.
    """
    if row is None or row.state in FREE:
        seconds = retention if repeatable else FOR_EVER
        if row is None:
            return Granted(FIRST.fence, FIRST.in_doubt, seconds=seconds)
        return Granted(row.fence + 1, row.in_doubt, True, seconds)
    if row.digest != intent.digest:
        return Conflict(row.customer_id, row.value)
    if row.state in DONE:
        return Settled(row.state is State.USED_ELSEWHERE, row.answer)
    if row.state is State.CLAIMED and row.owner != owner and row.lease_until > now:
        return Held(row.owner, row.lease_until - now)
    if not repeatable:
        return Unsettled(
            "the provider does not de-duplicate this operation, so a repeat could apply it twice"
        )
    age = now - row.first_sent
    if age > retention or (-age > CLOCK_TOLERANCE and retention != FOR_EVER):
        return Unsettled(
            f"it was first sent longer ago than the provider remembers a key ({retention:.0f} s)"
        )
    return Granted(row.fence + 1, True, seconds=retention - max(age, 0.0))
