"""BonifiQ at the point of sale: rewards, the PIN challenge and orders."""

from attrs import evolve

from bonifiq_async._model.operation import (
    BRL,
    BRL_OF_ORDERS,
    AnswerShape,
    Certainty,
    Operation,
    RepeatClass,
)
from bonifiq_async.bonifiq.operations.entries import BY_KEY, COUPON, UNDONE_BY, UNDONE_ONCE, read, write
from bonifiq_async.bonifiq.operations.orders import CANCELLED_ONCE, LOOK_AT_IT, LOOK_FOR_IT, NOT_SAID
from bonifiq_async.bonifiq.schemas.cancels import (
    CancelOrderRequest,
    OrderCancelResponse,
    PartialCancelRequest,
)
from bonifiq_async.bonifiq.schemas.orders import CreateOrderRequest, OrderResponse
from bonifiq_async.bonifiq.schemas.point_of_sale import (
    PosAvailableRewardsRequest,
    PosAvailableRewardsResponse,
    PosChallengeRequest,
    PosChallengeResponse,
    PosChallengeValidateRequest,
    PosChallengeValidateResponse,
)
from bonifiq_async.bonifiq.schemas.redeems import PosRedeemRequest, RedeemRewardResponse, RewardResponse

AVAILABLE_REWARDS = Operation(
    "bonifiq.pos.available_rewards",
    "POST",
    "/v1/pvt/POS/rewards/available",
    RepeatClass.SAFE,
    writes=False,
    result=PosAvailableRewardsResponse,
    shape=AnswerShape.BARE,
    documented=read(
        "pos.available_rewards",
        "api/private/pos/returns-a-list-of-available-rewards-for-a-given-customer-and-purchase",
        PosAvailableRewardsRequest,
    ),
)
CHALLENGE = Operation(
    "bonifiq.pos.challenge",
    "POST",
    "/v1/pvt/POS/customers/{id}/challenge",
    RepeatClass.NEVER,
    writes=True,
    result=PosChallengeResponse,
    shape=AnswerShape.BARE,
    sealed=True,
    documented=write(
        "pos.challenge",
        "api-reference/pos/creates-a-challenge-otp-to-confirm-that-the-customer-is-the-owner-of-the-points",
        "each call sends a message to a person",
        PosChallengeRequest,
        unanswered="ask the customer whether a message with the PIN has come",
    ),
)
VALIDATE_CHALLENGE = Operation(
    "bonifiq.pos.validate_challenge",
    "POST",
    "/v1/pvt/POS/customers/{id}/challengevalidate",
    RepeatClass.NEVER,
    writes=True,
    result=PosChallengeValidateResponse,
    shape=AnswerShape.BARE,
    sealed=True,
    documented=write(
        "pos.validate_challenge",
        "api-reference/pos/after-sending-the-challenge-request-the-app-must-ask-the-user-for-the-pin-code",
        "whether a PIN is good a second time, and how many tries there are, is not documented",
        PosChallengeValidateRequest,
        unanswered="pos.available_rewards shows whether the customer is still to be validated",
    ),
)
REDEEM = Operation(
    "bonifiq.pos.redeem",
    "POST",
    "/v1/pvt/POS/rewards/{id}/redeem",
    RepeatClass.KEYED,
    writes=True,
    result=RedeemRewardResponse,
    unit=BRL,
    kept=("reward_id", "external_code"),
    recalled=COUPON,
    undone_by=UNDONE_BY,
    documented=write(
        "pos.redeem",
        "api-reference/pos/this-method-can-be-used-to-redeem-a-reward-in-behalf-of-a-customer",
        f"{BY_KEY}: the same request twice redeems once",
        PosRedeemRequest,
        key="OriginalKey",
    ),
)
CANCEL_REDEEM = Operation(
    "bonifiq.pos.cancel_redeem",
    "DELETE",
    "/v1/pvt/POS/rewards/{id}",
    RepeatClass.SAFE,
    writes=True,
    result=RewardResponse,
    done="is_canceled",
    documented=write(
        "pos.cancel_redeem", "api-reference/pos/cancel-an-existing-reward-by-canceling-...", UNDONE_ONCE
    ),
)
CANCEL_REDEEM_BY_KEY = Operation(
    "bonifiq.pos.cancel_redeem_by_key",
    "DELETE",
    "/v1/pvt/POS/rewards",
    RepeatClass.SAFE,
    writes=True,
    result=RewardResponse,
    query=("originalKey",),
    done="is_canceled",
    documented=evolve(
        write(
            "pos.cancel_redeem_by_key",
            "api/private/pos/cancel-an-existing-reward-using-the-originalkey",
            UNDONE_ONCE,
        ),
        certainty=Certainty.UNVERIFIED,
        caveat="where the key stands in the request, and how its name is spelt, were not seen",
        warns=True,
    ),
)
CREATE_ORDER = Operation(
    "bonifiq.pos.create_order",
    "POST",
    "/v1/pvt/POS/orders",
    RepeatClass.NEVER,
    writes=True,
    result=OrderResponse,
    documented=evolve(
        write(
            "pos.create_order",
            "api-reference/pos/this-is-shortcut-for-the-original-orders-endpoint-to-add-orders-into-bonifiq",
            NOT_SAID,
            CreateOrderRequest,
            unanswered=LOOK_FOR_IT,
        ),
        certainty=Certainty.INCOMPLETE,
        caveat="the end of its result was not seen, and is that of the official example",
    ),
)
CANCEL_ORDER = Operation(
    "bonifiq.pos.cancel_order",
    "POST",
    "/v1/pvt/POS/orders/{orderId}/cancel",
    RepeatClass.SAFE,
    writes=True,
    result=OrderCancelResponse,
    done="is_canceled",
    documented=write(
        "pos.cancel_order",
        "api-reference/pos/this-is-shortcut-for-the-original-orderscancel-endpoint-for-canceling-orders",
        UNDONE_ONCE,
        CancelOrderRequest,
    ),
)
CANCEL_ORDER_PARTIALLY = Operation(
    "bonifiq.pos.cancel_order_partially",
    "POST",
    "/v1/pvt/POS/{orderId}/partialcancel",  # without a segment `orders`, as on its page
    RepeatClass.KEYED,
    writes=True,
    result=OrderCancelResponse,
    unit=BRL_OF_ORDERS,
    kept=("is_canceled", "status"),
    documented=write(
        "pos.cancel_order_partially",
        "api/private/pos/partially-cancel-an-order",
        CANCELLED_ONCE,
        PartialCancelRequest,
        key="CancelKey",
        unanswered=LOOK_AT_IT,
    ),
)
