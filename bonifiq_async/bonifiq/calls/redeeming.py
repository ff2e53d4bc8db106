"""Redeems that are made, and taken back: under the key of one that was taken back, none is made again.

A client remembers what it took back itself. With a ledger it also writes that down, under the key of the
redeem, before the request leaves: every client of that ledger then knows it, in this run and the next.
"""

import hashlib
from collections.abc import Awaitable, Callable, Hashable
from decimal import Decimal
from functools import partial
from typing import TypeVar

from bonifiq_async._delivery.claim import Claim
from bonifiq_async._model.errors import BonifiQError
from bonifiq_async._model.operation import BRL, Operation
from bonifiq_async._model.outcome import Change, Effect, Outcome, StopReason
from bonifiq_async._policy.history import Delivered
from bonifiq_async.bonifiq.calls.caller import Caller, CallParts
from bonifiq_async.bonifiq.changes.taken_back import Redeemed
from bonifiq_async.bonifiq.reading.redeems import read_redeem
from bonifiq_async.bonifiq.schemas.redeems import RedeemRewardResponse
from bonifiq_async.ledger.protocol import BY_EFFECT, Ending, Intent

T = TypeVar("T")
R = TypeVar("R", bound=RedeemRewardResponse)
_DIGEST = hashlib.blake2b(b"taken back", digest_size=16).digest()
"""Of what takes a redeem back, nothing tells one request from another: it is the same each time."""


async def redeemed(
    caller: Caller,
    change: Change,
    operation: Operation[R],
    asked: CallParts,
    *,
    deadline: float | None,
    cart: Hashable = None,
) -> Outcome[R]:
    """Make a redeem under its key, and take note of what takes it back: its number, and its `cart`."""
    taken_back = caller.taken_back
    taken_back.check(change.change_key)
    read = partial(read_redeem, key=change.change_key)
    outcome = await caller.applied(change, operation, asked, read=read, deadline=deadline)
    made = Redeemed(change.change_key, change.customer_id, change.value)
    if cart is not None:
        taken_back.made(cart, made)
    if outcome.result is not None:
        taken_back.made(outcome.result.reward_id, made)
    return outcome


async def taking_back(
    caller: Caller,
    operation: Operation[object],
    redeem: Redeemed | None,
    call: Callable[[], Awaitable[T]],
    is_done: Callable[[T], bool],
) -> T:
    """Return what `call` answers, which takes a redeem back; write down in the ledger what came of that.

    A redeem of which nothing is known is None, and nothing is written. Raises what `call` raises, and
    `LedgerError`.
    """
    if redeem is None:
        return await call()
    with caller.taken_back.taking(redeem.key):
        claim = await _claimed(caller, operation, redeem) if caller.keeps else None
        if claim is None:
            return await call()
        doubted, claim.history.in_doubt = claim.history.in_doubt, True  # from here on it may be taken back
        try:
            found = await call()
        except BonifiQError as error:
            await _settle(claim, error.effect, doubted=doubted)
            raise
        except BaseException:
            claim.abandon()
            raise
        await _settle(claim, Effect.APPLIED if is_done(found) else Effect.NOT_APPLIED, doubted=doubted)
        return found


async def _claimed(caller: Caller, operation: Operation[object], redeem: Redeemed) -> Claim | None:
    """Claim in the ledger that a redeem is taken back; None where that stands there, or another is at it."""
    claims, value = caller.calls.claims, -redeem.value if redeem.value else Decimal(0)
    intent = Intent(
        operation.name, redeem.key, _DIGEST, redeem.customer_id, value, "", b"{}", claims.account, unit=BRL
    )
    claimed = await claims.claim(intent, seconds=caller.calls.timeouts.call, repeatable=True)
    return claimed if isinstance(claimed, Claim) else None


async def _settle(claim: Claim, effect: Effect, *, doubted: bool) -> None:
    """Write down what came of it: what was in doubt before, only a yes settles."""
    if doubted and effect is not Effect.APPLIED:
        effect = Effect.UNKNOWN
    await claim.settle(Delivered[object](effect, StopReason.ANSWERED), Ending(BY_EFFECT[effect], 1))
