"""Redeems that were made, rewards as they are set up, and what is redeemed by their number."""

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from bonifiq_async.bonifiq.sandbox.customers import points_of, thirty_two_bits
from bonifiq_async.bonifiq.sandbox.endpoints.customers import shown_customer
from bonifiq_async.bonifiq.sandbox.endpoints.redeeming import (
    NO_REWARD,
    Taking,
    coupon_of,
    participant,
    redeem,
    shown_redeem,
)
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.envelopes import whole_page, without_nothing
from bonifiq_async.bonifiq.sandbox.forms.asked import PageAsked, RequestRefused, body_of, number_of
from bonifiq_async.bonifiq.sandbox.forms.bodies import REDEEM_CONFIGURATION, REDEEM_PRODUCT
from bonifiq_async.bonifiq.sandbox.judge import BLANK, Said
from bonifiq_async.bonifiq.sandbox.records.program import PRODUCT, REWARDS, Reward
from bonifiq_async.bonifiq.sandbox.records.redeems import MadeRedeem
from bonifiq_async.sandbox.protocol import Reply, Request, Route

_ANOTHER_REWARD = Said("RewardConfigurationId is not the one of the path")
_ANOTHER_PRODUCT = Said("The reward is not for this product", name="ProductRewardNoApplicableProduct")


@frozen
class RewardEndpoints:
    """The endpoints of rewards."""

    store: Store

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each, and what answers it."""
        return {
            ("GET", "/v1/pvt/Rewards/{id}"): self.get,
            ("GET", "/v1/pvt/RewardConfigurations/{id}"): self.configuration,
            ("POST", "/v1/pvt/RewardConfigurations/{id}/redeem"): self.redeem,
            ("POST", "/v1/pvt/RewardConfigurations/{id}/product-discount/redeem"): self.redeem_product,
        }

    def get(self, request: Request) -> Reply:
        """Answer a redeem that was made."""
        made = self.store.books.redeems.find(number_of(request, "id"))
        if made is None:
            raise RequestRefused(NO_REWARD)
        return Reply(200, shown_reward(self.store, made))

    def configuration(self, request: Request) -> Reply:
        """Answer a reward as it is set up."""
        return self.store.answers.done(_shown(_reward(request)))

    def redeem(self, request: Request) -> Reply:
        """Redeem a reward as a coupon; it takes no key, and counts each time.

        Its page shows a page of rewards as the answer; here it is the one that was redeemed.
        """
        asked, reward = body_of(request, REDEEM_CONFIGURATION), _reward(request)
        customer_id = participant(self.store, asked.text("CustomerId"))
        cash = self.store.books.balance(customer_id) if reward.is_cashback else Decimal(0)
        taking = Taking(customer_id, None, reward.number, cash, reward.points, reward.value)
        made = redeem(self.store, taking)
        made.coupon = coupon_of(made)
        return whole_page([reward], PageAsked(), _shown)

    def redeem_product(self, request: Request) -> Reply:
        """Redeem a product reward. No page says that its key counts once: it counts each time here."""
        asked, reward = body_of(request, REDEEM_PRODUCT), _reward(request)
        named, key, product = asked.text("CustomerId"), asked.key("OriginalKey"), asked.maybe_part("Product")
        if asked.whole("RewardConfigurationId") != reward.number:
            raise RequestRefused(_ANOTHER_REWARD)
        if product is None:
            raise RequestRefused(Said("Product is required", *BLANK))
        if reward.kind != PRODUCT or product.text("ExternalProductId") != reward.product:
            raise RequestRefused(_ANOTHER_PRODUCT)
        taking = Taking(
            participant(self.store, named),
            key,
            reward.number,
            points=reward.points,
            worth=reward.value,
            product=reward.product,
        )
        made = redeem(self.store, taking)
        return self.store.answers.done({**shown_redeem(made), "ProductDiscountTotal": reward.value})


def _reward(request: Request) -> Reward:
    reward = REWARDS.get(number_of(request, "id") or 0)
    if reward is None:
        raise RequestRefused(NO_REWARD)
    return reward


def _shown(reward: Reward) -> dict[str, object]:
    """Return a reward as it is set up (schema RewardConfiguration)."""
    return {
        "Id": reward.number,
        "Points": reward.points,
        "RewardType": reward.kind,
        "IsActive": True,
        "Value": reward.value,
        "Title": reward.title,
        "HasValidDate": False,
        "HasSameCustomerUsageLimit": False,
        "HasGlobalUsageLimit": False,
        "CustomerEmailConfiguration": None,
        "CumulativeDiscount": False,
        "MinimalValue": reward.minimum,
        "ManualCouponGeneration": False,
        "PreGeneratedCouponLists": [],
    }


def shown_reward(store: Store, made: MadeRedeem) -> dict[str, object]:
    """Return a redeem as it is read (schema RewardResponse)."""
    return {
        "Id": made.number,
        "Customer": shown_customer(store, store.books.profiles.of(made.customer_id)),
        "ExternalCode": made.external_code,
        "CashValue": made.worth,
        "IsCanceled": made.is_cancelled,
        "RedeemDate": made.moment,
        "Points": {
            "Id": made.effect,
            "Points": thirty_two_bits(-(made.points or points_of(made.cash))),
            **without_nothing({"EventKey": made.key}),
        },
    }
