"""BonifiQ at the point of sale: rewards, the PIN challenge and orders."""

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Unpack

from attrs import evolve

from bonifiq_async._model import validation
from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.outcome import Outcome
from bonifiq_async._model.redaction import Redactor
from bonifiq_async._model.secret import Secret
from bonifiq_async.bonifiq.calls.caller import CallParts, Group, segment, whole
from bonifiq_async.bonifiq.calls.fields import CancelFields, OrderFields, PartFields
from bonifiq_async.bonifiq.calls.orders import cancelled, cancelled_whole, created
from bonifiq_async.bonifiq.calls.redeeming import redeemed, taking_back
from bonifiq_async.bonifiq.changes.keys import how_much, one_key
from bonifiq_async.bonifiq.changes.redeems import PosRedeem
from bonifiq_async.bonifiq.changes.taken_back import Redeemed
from bonifiq_async.bonifiq.operations import point_of_sale as pos
from bonifiq_async.bonifiq.reading.plain import read_checked, read_sealed
from bonifiq_async.bonifiq.reading.redeems import read_made
from bonifiq_async.bonifiq.schemas.cancels import (
    OrderCancelResponse,
)
from bonifiq_async.bonifiq.schemas.checks import each_of
from bonifiq_async.bonifiq.schemas.orders import CreateOrderRequest, OrderResponse
from bonifiq_async.bonifiq.schemas.parts import IdName, NameValue, RedeemOrigin
from bonifiq_async.bonifiq.schemas.point_of_sale import (
    ChallengeCode,
    PosAvailableProduct,
    PosAvailableRewardsRequest,
    PosAvailableRewardsResponse,
    PosChallengeRequest,
    PosChallengeResponse,
    PosChallengeValidateRequest,
    PosChallengeValidateResponse,
    without_pin,
)
from bonifiq_async.bonifiq.schemas.redeems import PosRedeemRequest, RedeemRewardResponse, RewardResponse


class PointOfSale(Group):
    """A client's point of sale. A customer's id is an e-mail address, or the digits of a CPF or CNPJ.

    All methods raise `PayloadError` for what must not be sent, `RefusedError` (or `AuthenticationError`,
    `CustomerNotFound`) and `NotAppliedError`: nothing changed; and those that change something
    `OutcomeUnknownError`.
    """

    async def available_rewards(
        self,
        *,
        customer_id: str,
        purchase_value: Decimal,
        discount_value: Decimal | None = None,
        products: Sequence[PosAvailableProduct] = (),
        deadline: float | None = None,
    ) -> PosAvailableRewardsResponse:
        """Return the rewards of a customer for a purchase, usable or not.

        `purchase_value` is gross, in BRL, and `discount_value` any other discount. Ask again whenever the
        cart changes, and use a reward with `can_use` alone. Where `should_validate_customer` is true,
        `challenge` comes first.
        """
        body = PosAvailableRewardsRequest(
            customer_id=customer_id,
            purchase_value=purchase_value,
            discount_value=discount_value,
            products=products,
        )
        return await self._caller.value(pos.AVAILABLE_REWARDS, CallParts(payload=body), deadline=deadline)

    async def challenge(
        self,
        customer_id: str,
        *,
        transaction_id: str | None = None,
        phone: str | None = None,
        email: str | None = None,
        document: str | None = None,
        name: str | None = None,
        deadline: float | None = None,
    ) -> PosChallengeResponse:
        """Have a PIN sent to a customer. Each call sends a message to a person, so that it is never repeated.

        Where no answer came, `OutcomeUnknownError` is raised: ask the customer before another is sent. Where
        `should_inform_phone` or `should_inform_email` is true, call it again with the same `transaction_id`
        and the missing one. `code` of the answer is the PIN itself, where the provider gives it: a secret.
        """
        body = PosChallengeRequest(
            transaction_id=transaction_id, phone=phone, email=email, document=document, name=name
        )
        asked = CallParts({"id": segment(customer_id, "customer_id")}, body)
        sent = await self._caller.value(pos.CHALLENGE, asked, read=read_sealed, deadline=deadline)
        return evolve(sent, transaction_id=_own(transaction_id, sent.transaction_id, sent.code))

    async def validate_challenge(
        self,
        customer_id: str,
        *,
        code: str | ChallengeCode,
        transaction_id: str | None = None,
        deadline: float | None = None,
    ) -> PosChallengeValidateResponse:
        """Check the PIN that a customer typed; `transaction_id` is that of the challenge.

        Look at `success`. It is sent once: whether a PIN is good a second time is not documented.
        """
        sealed: list[ChallengeCode] = []
        problem: PayloadError | None = None
        try:
            sealed.append(ChallengeCode.of(code))
        except PayloadError as error:  # raised out here: its frames have the code
            problem = PayloadError(str(error).replace(error.path, "code", 1), path="code")
        finally:
            del code  # a traceback that shows locals must not have it
        if problem is not None:
            raise problem
        body = PosChallengeValidateRequest(transaction_id=transaction_id, code=sealed[0])
        secrets: tuple[Secret, ...] = tuple(sealed)
        asked = CallParts({"id": segment(customer_id, "customer_id")}, body, secrets=secrets)
        checked = await self._caller.value(
            pos.VALIDATE_CHALLENGE, asked, read=read_checked, deadline=deadline
        )
        return evolve(
            checked,
            friendly_error_message=without_pin(checked.friendly_error_message, *sealed),
            transaction_id=_own(transaction_id, checked.transaction_id, *sealed),
        )

    async def redeem(
        self,
        reward_id: int,
        *,
        customer_id: str,
        original_key: str | None = None,
        reference: str | None = None,
        value: Decimal | None = None,
        points: int | None = None,
        metadatas: Sequence[NameValue] = (),
        redeem_origin: RedeemOrigin | int | None = RedeemOrigin.PDV,
        branch: IdName | None = None,
        sales_person: IdName | None = None,
        force_generate_coupon: bool | None = None,
        deadline: float | None = None,
    ) -> Outcome[RedeemRewardResponse]:
        """Redeem a reward for a customer; exactly one of `original_key` and `reference` is given.

        `value` (BRL) and `points` are for cashback rewards, one of both at the most. The result has the
        `reward_id` with which it is cancelled, and the `external_code` that the order takes as its `coupon`.
        The provider counts a key once: after `OutcomeUnknownError`, call it again with the same. A repeat has
        the result, or of it what is remembered: `reward_id` and `external_code`. Where the provider says no
        more than that the key was used, `result` is None: take that redeem back with `cancel_redeem_by_key`,
        and redeem again under another key. After a redeem that was taken back, the next needs another
        reference or key, too: under the old one nothing is taken. Where this client took it back itself, or
        may have, that raises `ChangeKeyConflict`.
        """
        number = whole(reward_id, "reward_id")
        parts = (("customer_id", customer_id), ("reward_id", number), how_much(value, points))
        body = PosRedeemRequest(
            customer_id=customer_id,
            value=value,
            points=points,
            original_key=one_key(original_key, reference, parts, kind="POS", given="original_key"),
            metadatas=each_of(metadatas, NameValue, "metadatas"),
            redeem_origin=redeem_origin,
            branch=branch,
            sales_person=sales_person,
            force_generate_coupon=force_generate_coupon,
        )
        change, asked = PosRedeem(reward_id, body), CallParts({"id": number}, body)
        return await redeemed(self._caller, change, pos.REDEEM, asked, deadline=deadline)

    async def cancel_redeem(
        self, reward_id: int, *, original_key: str | None = None, deadline: float | None = None
    ) -> RewardResponse:
        """Cancel a redeem by the `reward_id` of its result: what was taken goes back. It cannot be undone.

        Look at `is_canceled`: false is as in `Orders.cancel`. A second time does no harm. The next redeem
        needs a new reference or key. `original_key` is the key of a redeem that this client did not make, so
        that its ledger knows that it was taken back; it is not sent.
        """
        asked = CallParts({"id": whole(reward_id, "reward_id")})
        redeem = self._caller.taken_back.redeem_of(reward_id)
        if redeem is None and original_key is not None:
            redeem = Redeemed(validation.label(original_key, "original_key"), f"redeem {reward_id}")
        read = partial(read_made, number=reward_id)
        call = partial(self._caller.value, pos.CANCEL_REDEEM, asked, read=read, deadline=deadline)
        done = await taking_back(self._caller, pos.CANCEL_REDEEM, redeem, call, _is_canceled)
        if done.is_canceled and redeem is not None:
            self._caller.taken_back.undone_by_key(redeem.key)
        return done

    async def cancel_redeem_by_key(
        self, original_key: str, *, deadline: float | None = None
    ) -> RewardResponse:
        """Cancel a redeem by its key, as after one whose answer was lost; the rest is as in `cancel_redeem`.

        Where the key stands in the request was not seen: the first call of a client comes with an
        `UnverifiedOperationWarning`.
        """
        asked = CallParts(query={"originalKey": segment(original_key, "original_key")})
        operation, redeem = pos.CANCEL_REDEEM_BY_KEY, Redeemed(original_key, f"redeem {original_key}")
        call = partial(self._caller.value, operation, asked, deadline=deadline)
        done = await taking_back(self._caller, operation, redeem, call, _is_canceled)
        if done.is_canceled:
            self._caller.taken_back.undone_by_key(original_key)
        return done

    async def create_order(
        self, *, deadline: float | None = None, **order: Unpack[OrderFields]
    ) -> OrderResponse:
        """Register an order of the point of sale: see `Orders.create`. It is sent once."""
        return await created(self._caller, pos.CREATE_ORDER, CreateOrderRequest(**order), deadline)

    async def cancel_order(
        self, order_id: str, *, deadline: float | None = None, **when: Unpack[CancelFields]
    ) -> OrderCancelResponse:
        """Cancel a whole order of the point of sale: see `Orders.cancel`. Points it gave are taken back."""
        return await cancelled_whole(self._caller, pos.CANCEL_ORDER, order_id, when, deadline)

    async def cancel_order_partially(
        self, order_id: str, *, deadline: float | None = None, **part: Unpack[PartFields]
    ) -> Outcome[OrderCancelResponse]:
        """Take back a part of an order of the point of sale: see `Orders.cancel_partially`."""
        return await cancelled(self._caller, pos.CANCEL_ORDER_PARTIALLY, order_id, part, deadline)


def _is_canceled(redeem: RewardResponse) -> bool:
    return bool(redeem.is_canceled)


def _own(sent: str | None, answered: str | None, *codes: ChallengeCode | None) -> str | None:
    """Return the id of a transaction: what the caller sent as it is, any other without the PIN."""
    if answered is None or answered == sent:
        return answered
    return Redactor([code for code in codes if code is not None]).text(answered)
