"""Affiliates, estimates of points, objectives, tiers, and the look of the program."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from attrs import evolve, frozen

from bonifiq_async.bonifiq.sandbox.endpoints.customers import profile_from
from bonifiq_async.bonifiq.sandbox.endpoints.order_answer import bonus
from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.envelopes import as_it_is, whole_page
from bonifiq_async.bonifiq.sandbox.forms.asked import (
    AskedMembers,
    Parameters,
    RequestRefused,
    body_of,
    list_of,
    number_of,
)
from bonifiq_async.bonifiq.sandbox.forms.bodies import AFFILIATE, ESTIMATED_PRODUCT, TIERS
from bonifiq_async.bonifiq.sandbox.judge import BLANK, Said
from bonifiq_async.bonifiq.sandbox.records import program
from bonifiq_async.bonifiq.sandbox.records.orders import COMPLETED
from bonifiq_async.bonifiq.sandbox.records.profiles import CustomerProfile
from bonifiq_async.bonifiq.sandbox.records.program import LOOK, OBJECTIVES, StoreTier
from bonifiq_async.sandbox.protocol import Reply, Request, Route

_LARGEST_PAGE = 50
_NO_AFFILIATE = Said("The affiliate was not found", name="Affiliate_NotFound", status=404)
NO_TIER = Said("The tier was not found", name="Tier_NotFound")


@frozen
class CatalogueEndpoints:
    """The endpoints of what a store offers."""

    store: Store

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each, and what answers it."""
        return {
            ("POST", "/v1/pvt/Affiliate"): self.upsert_affiliate,
            ("DELETE", "/v1/pvt/Affiliate/disable/{originalId}"): self.disable_affiliate,
            ("POST", "/v1/pvt/Product/points"): self.estimate,
            ("POST", "/v1/pub/Product/points"): self.estimate_sum,
            ("POST", "/v1/pub/Product/pointslist"): self.estimate_list,
            ("GET", "/v1/pvt/Objectives/active"): self.objectives,
            ("POST", "/v1/pvt/Tiers/available"): self.tiers,
            ("GET", "/v1/pvt/Tiers/{tierId}/benefits"): self.benefits,
            ("GET", "/v1/pvt/Customization"): self.look,
            ("GET", "/v1/pub/Customization"): self.look,
        }

    def upsert_affiliate(self, request: Request) -> Reply:
        """Make an affiliate, or change one, by the address or the document."""
        asked = body_of(request, AFFILIATE)
        named = asked.maybe_text("Email") or asked.maybe_text("Document")
        if named is None:
            raise RequestRefused(Said("Email or Document is required", *BLANK))
        self.store.books.affiliates[named] = True
        if asked.maybe_flag("CreateCustomer"):
            profile_from(self.store, asked)
        return self.store.answers.done(True)

    def disable_affiliate(self, request: Request) -> Reply:
        """Disable an affiliate."""
        Parameters.of(request, "reason")
        named, affiliates = request.parameters["originalId"], self.store.books.affiliates
        if named not in affiliates:
            raise RequestRefused(_NO_AFFILIATE)
        affiliates[named] = False
        return self.store.answers.done(True)

    def estimate(self, request: Request) -> Reply:
        """Answer what products give; one without an id or a price is named within a 200."""
        asked = list_of(request, ESTIMATED_PRODUCT)
        missing = [
            {"Description": BLANK[0], "Field": name, "FieldText": f"{name} is required"}
            for each in asked
            for name, found in (("Id", each.maybe_text("Id")), ("Price", each.maybe_amount("Price")))
            if found is None
        ]
        if not missing:
            return Reply(200, {"HasError": False, "ErrorMessages": [], "Result": self._estimates(asked)})
        words = [each["FieldText"] for each in missing]
        return Reply(
            200,
            {
                "HasError": True,
                "ErrorMessages": words,
                "ErrorMessage": words[0],
                "ErrorDescriptions": missing,
                "Result": None,
            },
        )

    def estimate_list(self, request: Request) -> Reply:
        """Answer what products give, without an envelope."""
        return Reply(200, self._estimates(list_of(request, ESTIMATED_PRODUCT)))

    def estimate_sum(self, request: Request) -> Reply:
        """Answer what products give together, as a file of bytes: that is what its page documents."""
        found = self._estimates(list_of(request, ESTIMATED_PRODUCT))
        together = sum(int(str(each["Points"])) for each in found)
        return evolve(Reply(200, {"Points": together}), kind="application/octet-stream")

    def _estimates(self, asked: Sequence[AskedMembers]) -> list[Mapping[str, object]]:
        found: list[Mapping[str, object]] = []
        for each in asked:
            points = bonus(max(each.amount("Price"), Decimal(0)))
            cashback = self.store.worth(points) if self.store.cashback_active else None
            found.append({"Id": each.text("Id"), "Points": points, "Cashback": cashback})
        return found

    def objectives(self, request: Request) -> Reply:
        """Answer the ways to earn points."""
        query = Parameters.of(request, "CustomerId", "PageNumber", "PageSize")
        items = [
            {
                "Title": title,
                "Description": title,
                "AmountOfPoints": points,
                "Active": True,
                "Details": None,
                "Id": number,
                "Type": number,
            }
            for number, (title, points) in enumerate(OBJECTIVES.items(), 1)
        ]
        return whole_page(items, query.page("PageNumber", "PageSize", _LARGEST_PAGE), as_it_is)

    def tiers(self, request: Request) -> Reply:
        """Answer the tier of a customer, and those above it; without a customer, all."""
        named, books = body_of(request, TIERS).maybe_text("CustomerId"), self.store.books
        customer_id = None if named is None else books.profiles.named(named)
        known = customer_id is not None and books.knows(customer_id)
        profile = books.profiles.of(customer_id) if customer_id is not None and known else None
        shown = {tier.number: self._tier(tier, profile) for tier in program.TIERS.values()}
        now = 0 if profile is None else profile.tier
        return Reply(
            200,
            {
                "CurrentTier": shown.get(now),
                "NextTiers": [each for number, each in shown.items() if number > now],
                "AllTiers": list(shown.values()),
            },
        )

    def benefits(self, request: Request) -> Reply:
        """Answer the benefits of a tier; the shape is that of the tiers, since its page shows none."""
        tier = program.TIERS.get(number_of(request, "tierId") or 0)
        if tier is None:
            raise RequestRefused(NO_TIER)
        return Reply(200, _benefits(tier))

    def look(self, _: Request) -> Reply:
        """Answer the look of the program."""
        return Reply(200, LOOK)

    def _tier(self, tier: StoreTier, profile: CustomerProfile | None) -> dict[str, object]:
        bought = sum(
            int(order.left)
            for order in self.store.books.orders.values()
            if profile is not None and order.customer_id == profile.original_id and order.state == COMPLETED
        )
        goal = int(tier.goal)
        return {
            "Id": tier.number,
            "Color": tier.color,
            "Name": tier.name,
            "Order": tier.number,
            "Benefits": _benefits(tier),
            "Goals": [
                {
                    "Name": "Purchases",
                    "GoalValue": goal,
                    "CurrentValue": bought,
                    "PercentToGoal": min(100, bought * 100 // goal) if goal else 100,
                }
            ],
        }


def _benefits(tier: StoreTier) -> list[dict[str, object]]:
    return [
        {"IsUsed": False, "Description": benefit, "Type": 0, "Objective": None} for benefit in tier.benefits
    ]
