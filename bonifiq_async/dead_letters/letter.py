"""One dead letter, and what a broker's module does with them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Protocol

from attrs import frozen

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async._model.printable import printable


@frozen
class DeadLetter:
    """The body of an event that was put aside; `why` is None where the broker does not keep it."""

    name: str
    body: bytes
    why: str | None


class DeadLetters(Protocol):
    """The dead letters of one queue, stream or subject."""

    def letters(self) -> AsyncIterator[DeadLetter]:
        """Yield each, and leave it there. Raises `ConfigurationError` where there is nothing of that name."""

    async def replay(self) -> int:
        """Give all that are there now back to the events, and return how many those were.

        A crash meanwhile may give one back twice: the ledger answers the second. Raises as `letters` does.
        """


@contextmanager
def reached(*errors: type[Exception]) -> Iterator[None]:
    """Raise `ConfigurationError` where a broker takes no connection: for an `OSError`, and for `errors`."""
    kinds: tuple[type[Exception], ...] = (OSError, *errors)
    try:
        yield
    except kinds as error:
        why = printable(str(error) or type(error).__name__).rstrip(".")
        raise ConfigurationError(
            f"The broker cannot be reached: {why}. Nothing was read and nothing given back; look at the URL "
            "and at BONIFIQ_BROKER_PASSWORD."
        ) from error


def no_such(kind: str, name: str) -> ConfigurationError:
    """Return the error that says that the broker has no queue, stream or topic `name` (the `kind`)."""
    return ConfigurationError(
        f"The broker has no {kind} {name}. Nothing was read and nothing given back; look at the name and the "
        "URL. A consumer makes it when it starts."
    )
