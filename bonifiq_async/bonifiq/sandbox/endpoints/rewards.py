"""Redeems that were made, and rewards as they are set up."""

from collections.abc import Mapping

from attrs import frozen

from bonifiq_async.bonifiq.sandbox.customers import points_of, thirty_two_bits
from bonifiq_async.bonifiq.sandbox.endpoints.customers import shown_customer
from bonifiq_async.bonifiq.sandbox.endpoints.redeeming import NO_REWARD
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.envelopes import without_nothing
from bonifiq_async.bonifiq.sandbox.forms.asked import RequestRefused, number_of
from bonifiq_async.bonifiq.sandbox.records.redeems import MadeRedeem
from bonifiq_async.sandbox.protocol import Reply, Request, Route


@frozen
class RewardEndpoints:
    """The endpoints of rewards."""

    store: Store

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each, and what answers it."""
        return {("GET", "/v1/pvt/Rewards/{id}"): self.get}

    def get(self, request: Request) -> Reply:
        """Answer a redeem that was made."""
        made = self.store.books.redeems.find(number_of(request, "id"))
        if made is None:
            raise RequestRefused(NO_REWARD)
        return Reply(200, shown_reward(self.store, made))


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
