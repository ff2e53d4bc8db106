"""What happened to a change, and what each request on its behalf proved. See docs/explanation/outcomes.md."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from attrs import frozen

from bonifiq_async._model.values import Kind, fixed, public

if TYPE_CHECKING:
    from bonifiq_async._model.errors import BonifiQError
    from bonifiq_async._model.redaction import Redactor

T = TypeVar("T")


@public
class Effect(Kind):
    """What happened to the customer's balance."""

    APPLIED = "applied"
    """This call changed it."""
    ALREADY_APPLIED = "already_applied"
    """An earlier request with the same key changed it; see `Outcome.used_elsewhere`."""
    REFUSED = "refused"
    """The provider said no; nothing changed."""
    NOT_APPLIED = "not_applied"
    """Given up before the provider could act; nothing changed and it may be tried again."""
    UNKNOWN = "unknown"
    """It may have changed; the key tells which change to ask for or to repeat."""


@public
class Verdict(Kind):
    """What the evidence of one attempt proves."""

    NOT_SENT = "not sent"
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    THROTTLED = "throttled"
    UNPROCESSED = "not processed"
    """The provider says that it has not acted on the request, and that another attempt may go well."""
    BROKEN = "broken"
    LOST = "lost"
    UNREADABLE = "unreadable"
    INTERCEPTED = "intercepted"
    """Refused by a proxy or a firewall in the provider's place."""


@public
class StopReason(Kind):
    """Why no further attempt was made."""

    ANSWERED = "answered"
    """The provider gave a final answer."""
    NO_SAFE_REPEAT = "a repeat could apply it twice"
    """The provider does not de-duplicate the operation, and the request had left."""
    UNREADABLE = "the answer does not fit the contract"
    INTERCEPTED = "a proxy or a firewall refused it in the provider's place"
    ATTEMPTS_SPENT = "all attempts are spent"
    DEADLINE = "the deadline leaves no time"
    LIMITED = "within the provider's limit its turn comes after the deadline"
    QUOTA_SPENT = "the retry quota is spent"
    RETRY_AFTER_TOO_LONG = "the provider asks to wait longer than allowed"
    CLOSED = "the client was closed"
    REMEMBERED = "it was applied before"
    """Answered from the ledger, without a request."""
    HELD = "another call or process is sending it"
    UNSETTLED = "it must not be sent again"
    OUTAGE = "nothing has succeeded for too long"
    """The run gave up on the provider."""
    STOPPED = "the run was stopped"
    """It was asked to, and a further attempt was not worth waiting for."""


@public
@fixed
class Attempt:
    """One try to send a request, in short.

    `number` counts from 1. `sent` is false when the body was provably never handed to the network.
    `requests` is how often the transport put it on the wire (0 when it never left; 2 when a lost
    connection made the transport repeat a read by itself). A provider may count fewer: of a request on a
    connection that the other side closes at that moment, no program there need have read anything, and the
    client cannot know. A request that was kept back because of a wait is no try. `started_at` is in UTC;
    `elapsed` (the attempt) and `waited` (before it: queue, back-off, hold) are seconds. `cause` says in plain
    words why there was no whole answer, None when there was one.
    """

    number: int
    verdict: Verdict
    status: int | None
    sent: bool
    started_at: datetime
    elapsed: float
    waited: float
    request_id: str | None = None
    requests: int = 1
    cause: str | None = None


class Change(Protocol):
    """What every provider's change has: the customer, the amount and its unit, and the key.

    `unit` is what the value is measured in: values of two units are never added together.

    A change whose amount has a converter derives from this class: pyright does not see the converted type.
    """

    __slots__ = ()

    @property
    def customer_id(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def unit(self) -> str: ...
    @property
    def change_key(self) -> str: ...


@public
@frozen
class Notice:
    """What an answer that was accepted said beside its result.

    `code` and `code_name` are the provider's own. `severity` is how it is meant: 0 for a success, 1 for a
    warning, another number as the provider gave it, None where that was not said. `message` are its words.
    """

    code: str | None = None
    code_name: str | None = None
    severity: int | None = None
    message: str | None = None

    @property
    def warns(self) -> bool:
        """Whether it is more than the name of a success."""
        return self.severity not in (None, 0)

    def without(self, redactor: Redactor) -> Notice:
        """Return the same with its secrets redacted."""
        texts = (self.code, self.code_name, self.message)
        code, code_name, message = (text and redactor.text(text) for text in texts)
        return Notice(code, code_name, self.severity, message)


@public
@fixed
class Outcome(Generic[T]):
    """A change and what became of it.

    `result` is the provider's answer where there is one. Of a change that was answered from memory it is
    None, but for a redeem, of which `reward_id` and `external_code` are remembered. It is None, too, where
    the provider said that the change was made and gave no result. `notice` is what it
    said beside the result, None where it said nothing more: a warning may say that a part was applied.
    `error` is set for every effect but `APPLIED` and `ALREADY_APPLIED`. `position` is
    the change's place in a batch, counted from 0; None for a single call. `reason` says why no further
    attempt was made; it is None when none was thought of, as for a key that stands for another change.

    `used_elsewhere` is true of an `ALREADY_APPLIED` that rests on the provider's word alone: it says that the
    key was used before, and no request is known that may have used it, neither of this call, nor of an
    earlier one of this client, nor of one in the ledger. Another program may have made this very change; or
    the key stands for another change, and this customer got nothing. The customer's balance and the origin of
    the key tell which.
    """

    change: Change
    effect: Effect
    result: T | None
    attempts: tuple[Attempt, ...]
    error: BonifiQError | None = None
    position: int | None = None
    reason: StopReason | None = None
    used_elsewhere: bool = False
    notice: Notice | None = None
