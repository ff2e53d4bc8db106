"""Words: what one attempt left behind, and how a provider's answer was read."""

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import evolve, field

from bonifiq_async.fixed import fixed
from bonifiq_async.kind import Kind
from bonifiq_async.outcome import Verdict
from bonifiq_async.secret import Blotter

T = TypeVar("T")


class Failure(Kind):
    """What kept an attempt from ending in a complete answer."""

    QUEUE = "no free connection in time"
    CONNECT = "no connection"
    TIMEOUT = "no answer in time"
    DISCONNECTED = "the connection broke"
    MALFORMED = "what came back is not HTTP"
    TOO_LARGE = "the answer is larger than the limit"
    LOCAL = "the request could not be made"


class HandOver:
    """Notes, for one attempt, whether any of its body was handed to the transport."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False


@fixed
class Evidence:
    """What is known of one attempt.

    `sent` is false only when the body was provably never handed to the transport. `requests` is the
    number of times the transport put the request on the wire. `headers` are the answer's, in order,
    as received. `body` is whole unless `failure` says otherwise; its repr is left out, because an
    answer can hold a secret. `elapsed` is in seconds.
    """

    sent: bool
    requests: int
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = field(default=b"", repr=False)
    failure: Failure | None = None
    detail: str = ""
    elapsed: float = 0.0

    def header(self, name: str) -> tuple[str, ...]:
        """Return every value of the header `name` (compared without case), in order."""
        wanted, length = name.lower(), len(name)
        return tuple([value for key, value in self.headers if len(key) == length and key.lower() == wanted])


@fixed
class ErrorAnswer:
    """What a provider said of a failure; any part may be missing."""

    status: int
    code: str | None = None
    code_name: str | None = None
    error_code: int | None = None
    message: str | None = None
    request_id: str | None = None

    def without(self, blotter: Blotter) -> "ErrorAnswer":
        """Return the same with its secrets blotted out."""
        texts = (self.code, self.code_name, self.message, self.request_id)
        code, code_name, message, request_id = (text and blotter.text(text) for text in texts)
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


@fixed
class Reading(Generic[T]):
    """A complete answer, read: one of `ACCEPTED`, `DUPLICATE`, `REFUSED`, `UNREADABLE` and `BROKEN`.

    `result` is set when accepted; `said` when the provider reported a failure; `path` and `problem`
    when the answer does not fit the contract; `request_id` when its body names the request. `BROKEN`
    is an answer that settles nothing yet, such as that an earlier request is still being worked on.

    Of an answer that the status alone judged, `verdict` is that judgement, and `said` what the body said.
    """

    verdict: Verdict
    result: T | None = None
    said: ErrorAnswer | None = None
    refusal: Refusal = Refusal.OTHER
    path: str | None = None
    problem: str | None = None
    request_id: str | None = None

    def without(self, blotter: Blotter) -> "Reading[T]":
        """Return the same with the secrets in its texts blotted out."""
        path, problem, request_id = (
            text and blotter.text(text) for text in (self.path, self.problem, self.request_id)
        )
        said = None if self.said is None else self.said.without(blotter)
        return evolve(self, said=said, path=path, problem=problem, request_id=request_id)
