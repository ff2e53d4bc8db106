"""Cashback on a checkout (its removal is in `seed`), redeems that were made, rewards as they are set up."""

from attrs import evolve

from bonifiq_async._model.operation import BRL, AnswerShape, Certainty, Operation, RepeatClass
from bonifiq_async.bonifiq.operations.entries import BY_KEY, COUPON, SAME_AGAIN, UNDONE_BY, read, write
from bonifiq_async.bonifiq.payloads import CheckoutRemovalRequest
from bonifiq_async.bonifiq.schemas.configurations import RewardConfiguration
from bonifiq_async.bonifiq.schemas.pages import Unshaped
from bonifiq_async.bonifiq.schemas.redeems import (
    CheckoutRedeemRequest,
    CheckoutRefresh,
    ProductDiscountRedeemRequest,
    ProductDiscountRedeemResponse,
    RedeemRewardResponse,
    RewardConfigurationRedeemRequest,
    RewardResponse,
)

REDEEM_CHECKOUT = Operation(
    "bonifiq.checkout.redeem",
    "POST",
    "/v1/pvt/Checkout/redeem",
    RepeatClass.KEYED,
    writes=True,
    result=RedeemRewardResponse,
    unit=BRL,
    kept=("reward_id", "external_code"),
    recalled=COUPON,
    undone_by=UNDONE_BY,
    documented=write(
        "checkout.redeem",
        "api/private/checkout/redeems-cashback-for-a-checkout",
        f"{BY_KEY}, which the page calls optional and this library demands",
        CheckoutRedeemRequest,
        key="OriginalKey",
    ),
)
REFRESH_CHECKOUT = Operation(
    "bonifiq.checkout.refresh",
    "POST",
    "/v1/pvt/Checkout/redeem/refresh",
    RepeatClass.SAFE,
    writes=True,
    result=CheckoutRefresh,
    codes={
        "01": "CustomerNotFound",
        "02": "CheckoutIdRequired",
        "04": "CashbackNotApplied",
        "05": "CashbackStillApplied",
        "06": "CashbackRemovedByCartChange",
    },
    documented=evolve(
        write(
            "checkout.refresh",
            "api/private/checkout/"
            "revalidates-a-previously-redeemed-checkout-cashback-against-the-current-cart-state",
            f"it holds the cashback against the cart as it is: {SAME_AGAIN}",
            CheckoutRemovalRequest,
        ),
        certainty=Certainty.UNVERIFIED,
        caveat="its page was seen without method and path; they are those of the removal, by analogy",
        warns=True,
    ),
)
GET_REDEEM = Operation(
    "bonifiq.rewards.get",
    "GET",
    "/v1/pvt/Rewards/{id}",
    RepeatClass.SAFE,
    writes=False,
    result=RewardResponse,
    shape=AnswerShape.BARE,
    documented=read("rewards.get", "api/private/rewards/return-an-existant-reward-already-redeemed"),
)
GET_CONFIGURATION = Operation(
    "bonifiq.reward_configurations.get",
    "GET",
    "/v1/pvt/RewardConfigurations/{id}",
    RepeatClass.SAFE,
    writes=False,
    result=RewardConfiguration,
    documented=evolve(
        read(
            "reward_configurations.get",
            "api/private/rewardconfigurations/on-a-given-id-returns-the-rewards-configuration-if-found",
        ),
        certainty=Certainty.INCOMPLETE,
        caveat="the end of its result was not seen",
    ),
)
REDEEM_CONFIGURATION = Operation(
    "bonifiq.reward_configurations.redeem",
    "POST",
    "/v1/pvt/RewardConfigurations/{id}/redeem",
    RepeatClass.NEVER,
    writes=True,
    result=Unshaped,
    shape=AnswerShape.PAGE,
    documented=evolve(
        write(
            "reward_configurations.redeem",
            "api/private/rewardconfigurations/redeem-a-reward-for-the-customer-given-on-the-request-body",
            "it takes no key",
            RewardConfigurationRedeemRequest,
            unanswered="customers.points shows whether the customer's balance changed",
        ),
        certainty=Certainty.INCOMPLETE,
        caveat="a page of rewards is documented as its answer, which does not fit a redeem",
        warns=True,
    ),
)
REDEEM_PRODUCT_DISCOUNT = Operation(
    "bonifiq.reward_configurations.redeem_product_discount",
    "POST",
    "/v1/pvt/RewardConfigurations/{id}/product-discount/redeem",
    RepeatClass.NEVER,
    writes=True,
    result=ProductDiscountRedeemResponse,
    unit=BRL,
    kept=("reward_id", "external_code"),
    recalled=COUPON,
    undone_by=UNDONE_BY,
    documented=evolve(
        write(
            "reward_configurations.redeem_product_discount",
            "an earlier commit of the official point-of-sale example",
            "that the provider counts its key once is documented nowhere",
            ProductDiscountRedeemRequest,
            key="OriginalKey",
        ),
        certainty=Certainty.INCOMPLETE,
        caveat="no page of it was seen, and the official example has stopped using it",
        warns=True,
    ),
)
