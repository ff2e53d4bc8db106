"""Input/output: one key, one change, within one client.

The same key in flight twice is one request with two listeners. A key that is applied is not sent
again, one that is in doubt keeps that doubt, and a key that stands for another change is refused.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from attrs import define, field, frozen

from bonifiq_async.errors import ChangeKeyConflict, OutcomeUnknownError
from bonifiq_async.history import Delivered, History
from bonifiq_async.outcome import Effect, StopReason
from bonifiq_async.request import PreparedRequest

T = TypeVar("T")

REMEMBERED = 100_000
"""Keys that a client remembers of each kind (applied, in doubt); the oldest are forgotten first."""


@frozen
class _Standing:
    digest: bytes
    effect: Effect


@define
class _Flight:
    digest: bytes
    landed: "asyncio.Future[Delivered[object] | None]" = field(
        factory=lambda: asyncio.get_running_loop().create_future()
    )


class Claims:
    """What the keys of one client stand for: in flight, applied, or in doubt."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._flights: dict[str, _Flight] = {}
        self._applied: OrderedDict[str, _Standing] = OrderedDict()
        self._in_doubt: OrderedDict[str, _Standing] = OrderedDict()

    def in_doubt(self) -> tuple[str, ...]:
        """Return the keys whose change may or may not have been applied, oldest first."""
        return tuple(self._in_doubt)

    async def once(
        self,
        request: PreparedRequest,
        deliver: Callable[[History, float], Awaitable[Delivered[T]]],
        *,
        seconds: float,
    ) -> Delivered[T]:
        """Deliver the keyed `request` unless that is being done or was done, within `seconds`.

        `deliver` is given the seconds that are left.

        Raises `ChangeKeyConflict` when the key stands for another request, `OutcomeUnknownError` when
        another call with the key has not ended in time, and what `deliver` raises.
        """
        key = request.key
        if key is None:
            return await deliver(History(), seconds)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (flight := self._flights.get(key)) is not None:
            _same(key, flight.digest, request)
            if not await _done(flight.landed, deadline - loop.time()):
                raise OutcomeUnknownError(
                    f"Change {key} is in flight in another call, which has not ended in time. It may or may "
                    "not be applied: await that call, or repeat with the same key.",
                    change_key=key,
                )
            delivered = flight.landed.result()
            if delivered is None or (delivered.reason is StopReason.DEADLINE and deadline > loop.time()):
                continue  # the other call ended for reasons of its own: go on under the same key
            return cast(Delivered[T], delivered)
        standing = self._applied.get(key) or self._in_doubt.get(key)
        if standing is not None:
            _same(key, standing.digest, request)
            if standing.effect is not Effect.UNKNOWN:
                return Delivered(Effect.ALREADY_APPLIED, StopReason.REMEMBERED)
        history = History(in_doubt=standing is not None)
        return await self._lead(key, request, lambda: deliver(history, deadline - loop.time()), history)

    async def _lead(
        self,
        key: str,
        request: PreparedRequest,
        deliver: Callable[[], Awaitable[Delivered[T]]],
        history: History,
    ) -> Delivered[T]:
        flight = self._flights[key] = _Flight(request.digest)
        landed: Delivered[T] | None = None
        try:
            landed = await deliver()
            self._note(key, request.digest, landed.effect)
            return landed
        except BaseException:
            # A listener that still waits becomes the next to send, under the same key.
            self._note(key, request.digest, Effect.UNKNOWN if history.may_have_changed else None)
            raise
        finally:
            del self._flights[key]
            flight.landed.set_result(cast("Delivered[object] | None", landed))

    def _note(self, key: str, digest: bytes, effect: Effect | None) -> None:
        self._in_doubt.pop(key, None)
        if effect in (Effect.APPLIED, Effect.ALREADY_APPLIED):
            kind = self._applied
        elif effect is Effect.UNKNOWN:
            kind = self._in_doubt
        else:
            return
        kind[key] = _Standing(digest, effect)
        if len(kind) > self._capacity:
            kind.popitem(last=False)


async def _done(future: "asyncio.Future[T]", seconds: float) -> bool:
    """Wait up to `seconds` for `future` without touching it, and say whether it is done."""
    done, _ = await asyncio.wait([future], timeout=seconds)
    return bool(done)


def _same(key: str, digest: bytes, request: PreparedRequest) -> None:
    if digest != request.digest:
        raise ChangeKeyConflict(
            f"Key {key} already stands for another change. Nothing was sent. If it is the same change, "
            "send it exactly as before, its reason included; only another change needs another key.",
            change_key=key,
        )
