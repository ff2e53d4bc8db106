"""The exceptions, each with what it means for the money.

    BonifiQError
    ├── ConfigurationError       the client cannot be used like this; nothing was sent
    ├── PayloadError             what was given, or what came back, does not fit the contract
    ├── ChangeKeyConflict        the key already stands for another change; nothing was sent
    ├── RefusedError             the provider said no; nothing changed
    │   ├── AuthenticationError  401 or 403
    │   └── CustomerNotFound
    ├── NotAppliedError          given up before the provider could act; nothing changed
    │   └── RetryAfterTooLong
    ├── OutcomeUnknownError      may have changed; carries the key to ask or repeat with
    └── LedgerError              the durable record cannot be kept; what is in doubt stays in it

Every exception pickles and copies, and holds no header and no credential.
"""

from collections.abc import Mapping

from bonifiq_async._model.outcome import Attempt, Effect
from bonifiq_async._model.printable import printable
from bonifiq_async._model.values import public

MOST_WORDS = 4_000
"""Characters of an error's message at the most; a foreign text in it has fewer (`printable.LONGEST`)."""


@public
class BonifiQError(Exception):
    """Anything this library raises. Its text is one line that a terminal may show (`printable`).

    `effect` is what the failure means for the balance. `change_key` is set when a keyed change was
    meant. `attempts` are the requests made, in order. `status`, `request_id`, `code`, `code_name` and
    `error_code` (the number of an older table of errors) come from the last answer, as it has them.
    `retry_after` is in seconds, where the provider asked for a wait. `provider_message` is what the provider
    says in words, on one line.
    """

    default_effect = Effect.NOT_APPLIED
    provider_message: str | None = None

    def __init__(
        self,
        message: str,
        *,
        effect: Effect | None = None,
        change_key: str | None = None,
        attempts: tuple[Attempt, ...] = (),
        status: int | None = None,
        request_id: str | None = None,
        code: str | None = None,
        code_name: str | None = None,
        error_code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(printable(message, MOST_WORDS))
        self.effect = self.default_effect if effect is None else effect
        self.change_key = change_key
        self.attempts = attempts
        self.status = status
        self.request_id = request_id
        self.code = code
        self.code_name = code_name
        self.error_code = error_code
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), dict(self.__dict__))


@public
class ConfigurationError(BonifiQError):
    """The client cannot be used like this: credentials, base URL, closed client, another event loop."""


@public
class PayloadError(BonifiQError):
    """A value does not fit the contract. `path` names it: a field, or a JSON path such as `$.Result`.

    Raised by validation, before anything is sent (effect `NOT_APPLIED`), and for an answer to a read.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str,
        effect: Effect | None = None,
        attempts: tuple[Attempt, ...] = (),
        status: int | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, effect=effect, attempts=attempts, status=status, request_id=request_id)
        self.path = path


@public
class ChangeKeyConflict(BonifiQError):
    """The key already stands for another change, so this one was not sent."""


@public
class RefusedError(BonifiQError):
    """The provider said no. Nothing changed."""

    default_effect = Effect.REFUSED


@public
class AuthenticationError(RefusedError):
    """The provider does not accept the credentials (401), or not for this (403). Nothing changed.

    Or a proxy on the way to it asks for credentials (407).

    `shared` is false when the call had a sign-in of its own, which may be what was refused: other calls
    may still be accepted.
    """

    shared = True


@public
class CustomerNotFound(RefusedError):
    """The provider does not know the customer. Nothing changed."""


@public
class NotAppliedError(BonifiQError):
    """Given up before the provider could act. Nothing changed; the same call may be made again."""


@public
class RetryAfterTooLong(NotAppliedError):
    """The provider asked to wait `retry_after` seconds, which the policy or the deadline forbids."""


@public
class OutcomeUnknownError(BonifiQError):
    """The balance may have changed. Repeat with the same key where that is safe, or ask the provider.

    `change_key` is None for a call without a key: it is repeated only where its message says so.
    `answer` keeps the first bytes of an answer that could not be read, for a person to look at.
    """

    default_effect = Effect.UNKNOWN
    answer: bytes | None = None


@public
class LedgerError(BonifiQError):
    """The ledger is damaged or takes no more.

    `effect` is `NOT_APPLIED` where it shows that the change was never sent, else `UNKNOWN`: an earlier run
    may have applied what cannot be looked up.
    """

    default_effect = Effect.UNKNOWN


def _rebuild(kind: type[BonifiQError], message: str, state: Mapping[str, object]) -> BonifiQError:
    error = kind.__new__(kind, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error
