"""The point of sale: rewards for a purchase, the PIN challenge, redeems and their cancelling."""

import hmac
from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from bonifiq_async.bonifiq.sandbox.customers import thirty_two_bits
from bonifiq_async.bonifiq.sandbox.endpoints.checkout import ORIGINAL_KEY
from bonifiq_async.bonifiq.sandbox.endpoints.redeeming import (
    NO_REWARD,
    Taking,
    amount_of,
    coupon_of,
    give_back,
    pairs_of,
    participant,
    redeem,
    shown_redeem,
)
from bonifiq_async.bonifiq.sandbox.endpoints.rewards import shown_reward
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.forms.asked import (
    AskedMembers,
    Parameters,
    RequestRefused,
    body_of,
    number_of,
)
from bonifiq_async.bonifiq.sandbox.forms.bodies import (
    AVAILABLE_REWARDS,
    CHALLENGE,
    POS_REDEEM,
    VALIDATE_CHALLENGE,
)
from bonifiq_async.bonifiq.sandbox.judge import BLANK, Said
from bonifiq_async.bonifiq.sandbox.records.challenges import Challenge
from bonifiq_async.bonifiq.sandbox.records.profiles import CustomerProfile
from bonifiq_async.bonifiq.sandbox.records.program import PERCENT, PRODUCT, REWARDS, TIERS, Reward
from bonifiq_async.bonifiq.sandbox.records.redeems import MadeRedeem
from bonifiq_async.bonifiq.sandbox.used_keys import Key
from bonifiq_async.sandbox.document import MONEY
from bonifiq_async.sandbox.protocol import Reply, Request, Route

(
    _CAN_USE,
    _NOT_ENOUGH_POINTS,
    _MINIMUM_NOT_REACHED,
    _NO_CASHBACK,
    _NO_CUSTOMER,
    _ABOVE_PURCHASE,
    _,
    _NOT_ENROLLED,
    _,
    _NO_PRODUCT,
) = range(10)
"""Why a reward cannot be used (CannotUseReason)."""
_NO_PIN = Said("The customer's PIN was not validated", name="CustomerNotValidated")
_USED = Said("The reward was used by an order, which is to be cancelled", name="Reward_UsedByOrder")


@frozen
class SaleEndpoints:
    """The endpoints of the point of sale, but for its orders."""

    store: Store

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each, and what answers it."""
        return {
            ("POST", "/v1/pvt/POS/rewards/available"): self.available,
            ("POST", "/v1/pvt/POS/customers/{id}/challenge"): self.challenge,
            ("POST", "/v1/pvt/POS/customers/{id}/challengevalidate"): self.validate,
            ("POST", "/v1/pvt/POS/rewards/{id}/redeem"): self.redeem,
            ("DELETE", "/v1/pvt/POS/rewards/{id}"): self.cancel,
            ("DELETE", "/v1/pvt/POS/rewards"): self.cancel_by_key,
        }

    def available(self, request: Request) -> Reply:
        """Answer all rewards for a purchase, usable or not."""
        asked = body_of(request, AVAILABLE_REWARDS)
        purchase = MONEY.subtract(
            asked.amount("PurchaseValue"), asked.maybe_amount("DiscountValue") or Decimal(0)
        )
        products = {each.maybe_text("OriginalId") for each in asked.parts("Products")}
        books, named = self.store.books, asked.maybe_text("CustomerId")
        customer_id = None if named is None else books.profiles.named(named)
        profile = (
            books.profiles.of(customer_id) if customer_id is not None and books.knows(customer_id) else None
        )
        cashback = Decimal(0) if profile is None else self.store.shown_cashback(profile.original_id)
        most = max(Decimal(0), min(cashback, purchase))
        rewards = [
            self._offered(reward, self._cannot_use(reward, profile, purchase, products), cashback, most)
            for reward in REWARDS.values()
        ]
        last = None if profile is None else books.challenges.last(profile.original_id)
        validated = last is not None and last.is_validated
        points = 0 if profile is None else int(books.points.balance(profile.original_id))
        return Reply(
            200,
            {
                "Customer": None if profile is None else self._shown(profile),
                "Rewards": rewards,
                "HasRestrictedItems": False,
                "RestrictedValue": Decimal(0),
                "EligibleValue": purchase,
                "HasRewards": any(each["CanUse"] for each in rewards),
                "ShouldValidateCustomer": self.store.pin_required and profile is not None and not validated,
                "ShouldValidateCustomerSignup": False,
                "AvailablePoints": thirty_two_bits(points),
                "CashbackEnabled": self.store.cashback_active,
                "AvailableCashback": cashback,
                "MaxCashbackForCurrentPurchase": most,
            },
        )

    def challenge(self, request: Request) -> Reply:
        """Send a PIN, each time again. `Code` has it, as in the provider's preview environment."""
        asked = body_of(request, CHALLENGE)
        customer_id = self.store.customer(request.parameters["id"])
        profile = self.store.books.profiles.of(customer_id)
        phone = asked.maybe_text("Phone") or profile.phone
        email = asked.maybe_text("Email") or profile.email
        transaction, reachable = asked.maybe_text("TransactionId"), phone is not None or email is not None
        pin = self.store.pin() if reachable else None
        if pin is not None:
            self.store.books.challenges.send(customer_id, Challenge(transaction, pin))
        return Reply(
            200,
            {
                "Success": reachable,
                "FriendlyErrorMessage": None if reachable else "Ask for a phone number or an address",
                "ShouldInformPhone": not reachable,
                "ShouldInformEmail": not reachable,
                "SentBySMS": phone is not None,
                "SentByEmail": email is not None,
                "TransactionId": transaction,
                "ErrorMessage": None,
                "Code": pin,
            },
        )

    def validate(self, request: Request) -> Reply:
        """Check a PIN: the last one, for the same purchase, once."""
        asked = body_of(request, VALIDATE_CHALLENGE)
        transaction, code = asked.maybe_text("TransactionId"), asked.text("Code")
        last = self.store.books.challenges.last(self.store.customer(request.parameters["id"]))
        right = (
            last is not None
            and not last.is_validated
            and last.transaction == transaction
            and hmac.compare_digest(last.pin.encode(), code.encode())
        )
        if last is not None and right:
            last.is_validated = True
        message = None if right else "The PIN is not right"
        return Reply(200, {"TransactionId": transaction, "Success": right, "FriendlyErrorMessage": message})

    def redeem(self, request: Request) -> Reply:
        """Redeem a reward once for an OriginalKey."""
        asked = body_of(request, POS_REDEEM)
        named, key = asked.text("CustomerId"), asked.key("OriginalKey")

        def act() -> Reply:
            customer_id = participant(self.store, named)
            reward = REWARDS.get(number_of(request, "id") or 0)
            if reward is None:
                raise RequestRefused(NO_REWARD)
            last = self.store.books.challenges.last(customer_id)
            if self.store.pin_required and (last is None or not last.is_validated):
                raise RequestRefused(_NO_PIN)
            made = redeem(self.store, self._taking(asked, customer_id, key, reward))
            if asked.maybe_flag("ForceGenerateCoupon"):
                made.coupon = coupon_of(made)
            return self.store.answers.done(shown_redeem(made))

        change = (request.parameters["id"], request.body)
        return self.store.used.once(None if key is None else Key(ORIGINAL_KEY, key), change, act)

    def _taking(self, asked: AskedMembers, customer_id: str, key: str | None, reward: Reward) -> Taking:
        pairs = pairs_of(asked, "Metadatas")
        if reward.is_cashback:
            cash = amount_of(asked, self.store.books.balance(customer_id))
            return Taking(customer_id, key, reward.number, cash, pairs=pairs)
        if asked.maybe_amount("Value") is not None or asked.maybe_whole("Points") is not None:
            raise RequestRefused(Said("Value and Points are for cashback rewards alone"))
        return Taking(
            customer_id,
            key,
            reward.number,
            points=reward.points,
            worth=reward.value,
            product=reward.product,
            pairs=pairs,
        )

    def cancel(self, request: Request) -> Reply:
        """Cancel a redeem by its number; what it took goes back."""
        return self._cancelled(self.store.books.redeems.find(number_of(request, "id")))

    def cancel_by_key(self, request: Request) -> Reply:
        """Cancel a redeem by its OriginalKey, which is looked for in the query."""
        key = Parameters.of(request, "originalKey").text("originalKey")
        if key is None:
            raise RequestRefused(Said("originalKey is required", *BLANK))
        return self._cancelled(self.store.books.redeems.under(key))

    def _cancelled(self, made: MadeRedeem | None) -> Reply:
        if made is None:
            raise RequestRefused(NO_REWARD)
        if made.order is not None and not made.is_cancelled:
            raise RequestRefused(_USED)
        give_back(self.store, made)
        return self.store.answers.done(shown_reward(self.store, made))

    def _cannot_use(
        self, reward: Reward, profile: CustomerProfile | None, purchase: Decimal, products: set[str | None]
    ) -> int:
        """Return why a reward cannot be used for a purchase, 0 where it can be."""
        if profile is None:
            return _NO_CUSTOMER
        if not profile.takes_part:
            return _NOT_ENROLLED
        if reward.is_cashback:
            return _CAN_USE if self.store.shown_cashback(profile.original_id) > 0 else _NO_CASHBACK
        if purchase < reward.minimum:
            return _MINIMUM_NOT_REACHED
        if reward.kind not in (PERCENT, PRODUCT) and reward.value > purchase:
            return _ABOVE_PURCHASE
        if reward.product is not None and reward.product not in products:
            return _NO_PRODUCT
        enough = self.store.books.points.balance(profile.original_id) >= reward.points
        return _CAN_USE if enough else _NOT_ENOUGH_POINTS

    def _offered(self, reward: Reward, why_not: int, cashback: Decimal, most: Decimal) -> dict[str, object]:
        return {
            "Id": reward.number,
            "Title": reward.title,
            "RewardType": reward.kind,
            "Value": reward.value,
            "CanSelectValue": reward.is_cashback,
            "IsCashback": reward.is_cashback,
            "Requirements": None,
            "AvailableCashback": cashback if reward.is_cashback else Decimal(0),
            "MaxCashbackForCurrentPurchase": most if reward.is_cashback else Decimal(0),
            "CanUse": why_not == _CAN_USE,
            "Points": reward.points,
            "RewardCanBeCumulative": False,
            "CannotUseReason": why_not,
            "ExternalProductId": reward.product,
        }

    def _shown(self, profile: CustomerProfile) -> dict[str, object]:
        tier = TIERS[profile.tier]
        return {
            "Id": profile.number,
            "OriginalId": profile.original_id,
            "Name": self.store.name(profile.original_id),
            "Email": profile.email,
            "Phone": profile.phone,
            "Document": profile.document,
            "IsEnrolled": profile.takes_part,
            "CurrentTier": {"Name": tier.name, "Color": tier.color, "IconUrl": None},
        }
