"""What one attempt left behind, and how a provider's answer was read."""

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import evolve, field, frozen

from bonifiq_async._model.outcome import Notice, Verdict
from bonifiq_async._model.redaction import Redactor
from bonifiq_async._model.secret import Secret
from bonifiq_async._model.values import Kind, fixed, public

T = TypeVar("T")

Headers = tuple[tuple[str, str], ...]
"""The headers of an answer, in order, as received."""


class Failure(Kind):
    """What kept an attempt from ending in a complete answer."""

    CONNECT = "no connection"
    UNTRUSTED = "the other side's certificate is not to be trusted"
    TIMEOUT = "no answer in time"
    DISCONNECTED = "the connection broke"
    MALFORMED = "what came back is not HTTP"
    TOO_LARGE = "the answer is larger than the limit"
    LOCAL = "the request could not be made"


class HandOver:
    """How one attempt passes over to the transport, and what the delivery learns of it before it has ended.

    `done` says whether any of the request was handed to the transport, `withheld` that it was about to leave
    and may not. This one lets every request leave; a delivery has its own.
    """

    done = withheld = False

    def may_send(self) -> bool:
        """Say whether the request may leave now. Asked right before its first byte: it may have to wait."""
        return True

    def head(self, status: int, headers: Headers) -> None:
        """Take in the head of an answer whose status is 300 or more, before its body is read."""


@fixed
class Evidence:
    """What is known of one attempt.

    `sent` is false only when the body was provably never handed to the transport. `requests` is the
    number of times the transport put the request on the wire. `headers` are the answer's, in order,
    as received. `body` is whole unless `failure` says otherwise; its repr is left out, because an
    answer can hold a secret. `elapsed` is in seconds. `secrets` went out with this attempt alone.
    """

    sent: bool
    requests: int
    status: int | None = None
    headers: Headers = ()
    body: bytes = field(default=b"", repr=False)
    failure: Failure | None = None
    detail: str = ""
    elapsed: float = 0.0
    secrets: tuple[Secret, ...] = ()

    def header(self, name: str) -> tuple[str, ...]:
        """Return every value of the header `name` (compared without case), in order."""
        return values_of(name, self.headers)


def values_of(name: str, headers: Headers) -> tuple[str, ...]:
    """Return every value of the header `name` (compared without case), in order."""
    wanted, length = name.lower(), len(name)
    found: tuple[str, ...] = ()
    for key, value in headers:
        if len(key) == length and key.lower() == wanted:
            found += (value,)
    return found


@public
@frozen
class ErrorAnswer:
    """What a provider said of a failure; any part may be missing."""

    status: int
    code: str | None = None
    code_name: str | None = None
    error_code: int | None = None
    message: str | None = None
    request_id: str | None = None

    def without(self, redactor: Redactor) -> "ErrorAnswer":
        """Return the same with its secrets redacted."""
        texts = (self.code, self.code_name, self.message, self.request_id)
        code, code_name, message, request_id = (text and redactor.text(text) for text in texts)
        return ErrorAnswer(self.status, code, code_name, self.error_code, message, request_id)


DuplicateRule = Callable[[ErrorAnswer], bool]
"""Says whether a provider's error means that the key was used before."""


class Refusal(Kind):
    """Which kind of no it was."""

    OTHER = "other"
    CREDENTIALS = "credentials"
    SIGN_IN = "sign-in"
    """The credentials, or what signs one person in for this call alone: the answer does not say which."""
    CUSTOMER = "customer not found"
    PAGE = "a page that is not the provider's"
    """What a proxy or a firewall answers in the provider's place (403)."""
    PROXY = "credentials of a proxy"


@fixed
class Reading(Generic[T]):
    """A complete answer, read: any verdict but `NOT_SENT`, `LOST` and `INTERCEPTED`.

    `result` is set when accepted; `said` when the provider reported a failure; `path` and `problem`
    when the answer does not fit the contract; `request_id` when its body names the request; `notice` when an
    accepted answer said something beside its result. `BROKEN`
    is an answer that settles nothing yet, such as that an earlier request is still being worked on;
    `UNPROCESSED` says that this one was not acted on, and that another attempt may be.

    Of an answer that the status alone judged, `verdict` is that judgement, and `said` what the body said.
    """

    verdict: Verdict
    result: T | None = None
    said: ErrorAnswer | None = None
    refusal: Refusal = Refusal.OTHER
    path: str | None = None
    problem: str | None = None
    request_id: str | None = None
    notice: Notice | None = None

    def of_no_use(self, path: str, problem: str) -> "Reading[T]":
        """Return the same as an answer that proves nothing, because of the `problem` at `path`."""
        return evolve(self, verdict=Verdict.UNREADABLE, result=None, path=path, problem=problem, notice=None)

    def without(self, redactor: Redactor) -> "Reading[T]":
        """Return the same with the secrets in its texts redacted."""
        path, problem, request_id = (
            text and redactor.text(text) for text in (self.path, self.problem, self.request_id)
        )
        said = None if self.said is None else self.said.without(redactor)
        notice = None if self.notice is None else self.notice.without(redactor)
        return evolve(self, said=said, path=path, problem=problem, request_id=request_id, notice=notice)
