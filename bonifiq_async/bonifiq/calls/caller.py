"""Makes the calls of all groups of operations: paths that a caller replaced, warnings, pages."""

import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, date, datetime
from typing import TypeVar
from warnings import warn_explicit

from attrs import evolve

from bonifiq_async._delivery.calls import Calls
from bonifiq_async._delivery.terms import AS_USUAL, Terms
from bonifiq_async._model import validation
from bonifiq_async._model.errors import ConfigurationError, PayloadError
from bonifiq_async._model.evidence import Evidence, Reading
from bonifiq_async._model.operation import Certainty, Operation
from bonifiq_async._model.outcome import Attempt, Change, Outcome
from bonifiq_async._model.secret import Secret
from bonifiq_async._model.values import fixed, public
from bonifiq_async._policy.failures import denied_by_a_repeat
from bonifiq_async._policy.request import prepare
from bonifiq_async._policy.verdict import answers_a_repeat
from bonifiq_async._provider.paging import pages
from bonifiq_async.bonifiq.answers import AnswerReader
from bonifiq_async.bonifiq.changes.taken_back import TakenBack
from bonifiq_async.bonifiq.reading.pages import Listing, Turning, read_page
from bonifiq_async.bonifiq.schemas.checks import check_births

T = TypeVar("T")
Item = TypeVar("Item")
Read = Callable[[AnswerReader, Operation[T], Evidence], Reading[T]]
"""How the answers of an operation are read."""
Texts = Mapping[str, str]
NOTHING: Texts = {}
PATHS: Texts = {}
"""No path is replaced."""
_WITHIN = f"{__name__.partition('.')[0]}."
"""How the modules of this package are called."""


@public
class UnverifiedOperationWarning(UserWarning):
    """An operation was called of which a part was never seen written: its path, a parameter or its answer.

    It comes once for each client and operation. `paths=` of the client replaces a path that is another.
    """


@fixed
class CallParts:
    """What is sent of a call, beside its operation: parameters of the path and of the query, and a body."""

    path: Texts = NOTHING
    payload: object = None
    query: Mapping[str, str | None] = NOTHING
    secrets: tuple[Secret, ...] = ()


class Caller:
    """Makes the calls of one client. `paths` replaces the paths of operations by their method names.

    `wall` is the client's clock, in seconds since the epoch. `keeps` says that it was given a ledger.
    """

    def __init__(
        self,
        calls: Calls,
        base_url: str,
        reader: AnswerReader,
        paths: Texts = PATHS,
        wall: Callable[[], float] = time.time,
        *,
        keeps: bool = False,
    ) -> None:
        self.calls, self.base_url, self.reader, self._wall = calls, base_url, reader, wall
        self.taken_back, self.keeps = TakenBack(), keeps
        self._paths = dict(paths)
        self._warned: set[str] = set()

    async def value(
        self,
        operation: Operation[T],
        asked: CallParts,
        *,
        read: Read[T] = AnswerReader.read,
        deadline: float | None = None,
    ) -> T:
        """Return what an operation answers; raise what kept it from that.

        A write whose repeat says that nothing was done may have been made by the attempt before:
        `OutcomeUnknownError`.
        """
        result, attempts = await self.answered(operation, asked, read=read, deadline=deadline)
        if operation.done and getattr(result, operation.done) is False and answers_a_repeat(attempts):
            raise denied_by_a_repeat(operation, attempts)
        return result

    async def answered(
        self,
        operation: Operation[T],
        asked: CallParts,
        *,
        read: Read[T] = AnswerReader.read,
        deadline: float | None = None,
    ) -> tuple[T, tuple[Attempt, ...]]:
        """Return what an operation answers, and the attempts; raise what kept it from that."""
        births: Mapping[str, date | None] | None = getattr(asked.payload, "births", None)
        if births is not None:
            check_births(births, datetime.fromtimestamp(self._wall(), UTC))
        meant = self._meant(operation)
        path, query = _placed(meant, asked)
        request = prepare(meant, self.base_url, path, asked.payload, query=query, secrets=asked.secrets)
        return await self.calls.value(meant, request, _bound(self.reader, read), deadline=deadline)

    async def outcome(
        self,
        change: Change,
        operation: Operation[T],
        asked: CallParts,
        *,
        read: Read[T] = AnswerReader.read,
        terms: Terms = AS_USUAL,
    ) -> Outcome[T]:
        """Return what became of a change under its key, whatever that is."""
        meant = self._meant(operation)
        request = prepare(
            meant,
            self.base_url,
            asked.path,
            asked.payload,
            key=change.change_key,
            secrets=asked.secrets,
        )
        return await self.calls.outcome(change, meant, request, _bound(self.reader, read), terms)

    async def applied(
        self,
        change: Change,
        operation: Operation[T],
        asked: CallParts,
        *,
        read: Read[T] = AnswerReader.read,
        deadline: float | None = None,
    ) -> Outcome[T]:
        """Return the outcome of a change that was made, now or before; raise the error of any other."""
        terms = AS_USUAL if deadline is None else Terms(deadline)
        outcome = await self.outcome(change, operation, asked, read=read, terms=terms)
        if outcome.error is not None:
            raise outcome.error
        return outcome

    async def items(
        self,
        operation: Operation[Listing[Item]],
        ask: Callable[[int], CallParts],
        size: int,
        deadline: float | None,
    ) -> AsyncGenerator[Item, None]:
        """Yield the items of all pages of a list; `ask` says what is sent for a page, counted from 1."""
        turning = Turning(size)

        async def read(number: int | None) -> tuple[tuple[Item, ...], int | None]:
            at = 1 if number is None else number
            page = await self.value(operation, ask(at), read=read_page, deadline=deadline)
            try:
                return page.items, turning.after(at, page)
            except PayloadError as error:
                raise PayloadError(
                    f"The call {operation.name} got a page that does not fit the contract: {error}.",
                    path=error.path,
                ) from None

        async with aclosing(pages(read)) as found:
            async for item in found:
                yield item

    def replaced(self, operation: Operation[T]) -> Operation[T]:
        """Return an operation with the path that is used here."""
        known = operation.documented
        path = None if known is None else self._paths.get(known.called)
        return operation if path is None else evolve(operation, path=path)

    def _meant(self, operation: Operation[T]) -> Operation[T]:
        """Return an operation with the path that its caller gave, and warn of one that was never seen."""
        known = operation.documented
        if known is None or (not known.warns and not self._paths):
            return operation
        if known.called in self._paths:
            return self.replaced(operation)
        if known.warns and known.called not in self._warned:
            self._warned.add(known.called)
            _warn(f"{known.called}: {known.caveat}. Source: {known.source}.")
        return operation


def _warn(message: str) -> None:
    """Warn at the line of the program that made the call, however many clients have warned there."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_WITHIN):
        frame = frame.f_back
    # `warn` would show a second client's no more: a module remembers which of its lines has warned.
    warn_explicit(
        message,
        UnverifiedOperationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__"),
    )


class Group:
    """A group of a client's operations."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller


def _placed(operation: Operation[T], asked: CallParts) -> tuple[Texts, Mapping[str, str | None]]:
    """Return the parameters of path and query; in a path that was replaced, some of these may stand, too."""
    given = ((name, value) for name, value in asked.query.items() if f"{{{name}}}" in operation.path)
    moved = {name: value for name, value in given if value is not None}
    if not moved:
        return asked.path, asked.query
    left = {name: value for name, value in asked.query.items() if name not in moved}
    return {**asked.path, **moved}, left


def _bound(reader: AnswerReader, read: Read[T]) -> Callable[[Operation[T], Evidence], Reading[T]]:
    return lambda operation, evidence: read(reader, operation, evidence)


def checked_paths(paths: Texts, operations: tuple[Operation[object], ...]) -> Texts:
    """Return the paths that a caller gives for operations, by their method names such as `checkout.refresh`.

    A path has the parameters of the one that it replaces. It may have those of the query, too, which then
    stand there: `/v1/pvt/POS/rewards?Key={originalKey}`. An error lists their names.

    Raises `ConfigurationError` for a name that is none, for an operation that was seen whole, and for a path
    whose parameters do not fit.
    """
    known = {each.documented.called: each for each in operations if each.documented is not None}
    for name, path in paths.items():
        operation = known.get(name)
        if operation is None or operation.documented is None:
            raise ConfigurationError(
                f"paths: there is no operation {validation.shown(name)}. Nothing was sent."
            )
        if operation.documented.certainty not in (Certainty.INCOMPLETE, Certainty.UNVERIFIED):
            raise ConfigurationError(f"paths: the path of {name} is documented, and stays. Nothing was sent.")
        if not isinstance(path, str) or not path.startswith("/") or not _fits(_parameters(path), operation):
            more = f"; it may have {', '.join(operation.query)}" if operation.query else ""
            raise ConfigurationError(
                f"paths: that of {name} must begin with / and have the parameters of {operation.path}{more}, "
                f"not {validation.shown(path)}. Nothing was sent."
            )
    return paths


def _fits(given: list[str], operation: Operation[object]) -> bool:
    """Say whether a path has each parameter once that it needs, and none that is not known."""
    return sorted(set(given) - set(operation.query)) == _parameters(operation.path) and len(given) == len(
        set(given)
    )


def _parameters(path: str) -> list[str]:
    return sorted(part.partition("}")[0] for part in path.split("{")[1:])


def page_size(size: object, operation: Operation[T]) -> int:
    """Return a size of pages if the provider allows it, else raise `PayloadError` naming what says so."""
    number = validation.number(size, "page_size")
    known = operation.documented
    largest = None if known is None else known.largest_page
    if known is not None and largest is not None and number > largest:
        raise PayloadError(
            f"page_size is {number}; at most {largest} are allowed ({known.source})", path="page_size"
        )
    return number


def segment(value: object, field: str) -> str:
    """Return a text that stands as one part of a path."""
    return validation.path_segment(value, field)


def whole(value: object, field: str) -> str:
    """Return the number of something as a part of a path."""
    return str(validation.number(value, field))
