"""Customers' data, their history and their coupons."""

from collections.abc import Mapping
from datetime import datetime

from attrs import frozen

from bonifiq_async.bonifiq.sandbox.endpoints.store import Store
from bonifiq_async.bonifiq.sandbox.envelopes import as_it_is, whole_page, without_nothing
from bonifiq_async.bonifiq.sandbox.forms.asked import AskedMembers, Parameters, RequestRefused, body_of
from bonifiq_async.bonifiq.sandbox.forms.bodies import CHANGE_STATUS, CHANGE_TIER, CUSTOMER, SET_BIRTHDAY
from bonifiq_async.bonifiq.sandbox.judge import BLANK, Said
from bonifiq_async.bonifiq.sandbox.records.profiles import CustomerProfile
from bonifiq_async.bonifiq.sandbox.records.program import TIERS
from bonifiq_async.sandbox.protocol import Reply, Request, Route

_LARGEST_PAGE = 50
_NO_TIER = Said("The tier was not found", name="Tier_NotFound")
_UNBORN = Said("Birthday is in the future")


@frozen
class CustomerEndpoints:
    """The endpoints of customers."""

    store: Store

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Return method and path of each, and what answers it."""
        return {
            ("GET", "/v1/pvt/Customer/{id}"): self.get,
            ("PUT", "/v1/pvt/Customer/{id}"): self.update,
            ("POST", "/v1/pvt/Customer/upsert"): self.upsert,
            ("POST", "/v1/pvt/Customer/{id}/setbirthday"): self.set_birthday,
            ("POST", "/v1/pvt/Customer/{originalId}/changestatus"): self.change_status,
            ("POST", "/v1/pvt/Customer/{originalId}/changetier"): self.change_tier,
            ("POST", "/v1/pvt/Customer/{id}/history"): self.history,
            ("POST", "/v1/pvt/Customer/{id}/availablecoupons"): self.coupons,
        }

    def get(self, request: Request) -> Reply:
        """Answer what is known of a customer."""
        return self._done(self._profile(request, "id"))

    def update(self, request: Request) -> Reply:
        """Change what is known of a customer that exists."""
        asked, profile = body_of(request, CUSTOMER), self._profile(request, "id")
        return self._done(_filled(self.store, profile, asked))

    def upsert(self, request: Request) -> Reply:
        """Make a customer, or change what is known of one, by OriginalId."""
        asked = body_of(request, CUSTOMER)
        profiles = self.store.books.profiles
        before = profiles.find(profiles.named(asked.text("OriginalId")))
        profile = profile_from(self.store, asked)
        operation = "created" if before is None else "updated"
        return self.store.answers.done({**shown_customer(self.store, profile), "Operation": operation})

    def set_birthday(self, request: Request) -> Reply:
        """Set a customer's birthday, which is not in the future."""
        birthday, profile = body_of(request, SET_BIRTHDAY).moment("Birthday"), self._profile(request, "id")
        self._born(birthday)
        profile.birthday = birthday
        return self._done(profile)

    def change_status(self, request: Request) -> Reply:
        """Let a customer take part, or not."""
        asked, profile = body_of(request, CHANGE_STATUS), self._profile(request, "originalId")
        asked.text("Reason")
        enabled = asked.maybe_flag("IsEnabled")
        if enabled is None:
            raise RequestRefused(Said("IsEnabled is required", *BLANK))
        profile.enabled = enabled
        return self.store.answers.done(True)

    def change_tier(self, request: Request) -> Reply:
        """Move a customer to a tier.

        The older envelope has the boolean of the page's sample, the newer one the object of its prose.
        """
        asked, profile = body_of(request, CHANGE_TIER), self._profile(request, "originalId")
        tier = TIERS.get(asked.whole("TierId"))
        if tier is None:
            raise RequestRefused(_NO_TIER)
        before = TIERS[profile.tier]
        if tier != before:
            profile.earlier_tiers.append((self.store.now(), tier.number))
        profile.tier = tier.number
        result = {
            "CustomerId": profile.original_id,
            "TierId": tier.number,
            "CurrentTierName": tier.name,
            "OldTierName": before.name,
        }
        return self.store.answers.done(True if self.store.answers.old else result)

    def history(self, request: Request) -> Reply:
        """Answer what moved a customer's balance, and the tiers, oldest first."""
        asked = Parameters.of(request, "PageNumber", "PageSize").page("PageNumber", "PageSize", _LARGEST_PAGE)
        profile = self._profile(request, "id")
        items: list[tuple[datetime, Mapping[str, object]]] = [
            (
                moved.moment,
                {
                    "Points": moved.points,
                    "Title": moved.reason,
                    "IsCanceled": False,
                    **without_nothing({"CashbackValue": moved.cashback}),
                },
            )
            for moved in self.store.moved(profile.original_id)
        ]
        items += [
            (when, {"Points": 0, "TierUpdate": 0, "TierName": TIERS[tier].name})
            for when, tier in profile.earlier_tiers
        ]
        items.sort(key=lambda each: each[0])
        return whole_page(
            [{"Date": when, "IsTierHistory": "TierName" in item, **item} for when, item in items],
            asked,
            as_it_is,
        )

    def coupons(self, request: Request) -> Reply:
        """Answer the coupons of a customer that no order has used."""
        asked = Parameters.of(request, "PageNumber", "PageSize").page("PageNumber", "PageSize", _LARGEST_PAGE)
        profile = self._profile(request, "id")
        unused = [
            (made.moment, made.coupon)
            for made in self.store.books.redeems.of(profile.original_id)
            if made.coupon is not None and made.is_open
        ]
        return whole_page(
            [
                {
                    "CouponCode": coupon.code,
                    "CreatedDate": moment,
                    "IsUsed": False,
                    "CouponValue": coupon.value,
                    "CustomerId": profile.number,
                    "ValidDateStart": coupon.begins,
                    "ValidDateEnd": coupon.ends,
                    "CouponType": coupon.kind,
                }
                for moment, coupon in unused
            ],
            asked,
            as_it_is,
        )

    def _profile(self, request: Request, name: str) -> CustomerProfile:
        return self.store.books.profiles.of(self.store.customer(request.parameters[name]))

    def _born(self, birthday: datetime | None) -> None:
        if birthday is not None and birthday > self.store.now():
            raise RequestRefused(_UNBORN)

    def _done(self, profile: CustomerProfile) -> Reply:
        return self.store.answers.done(shown_customer(self.store, profile))


def profile_from(store: Store, asked: AskedMembers) -> CustomerProfile:
    """Return the profile of the customer that a body names, with what it says; a new one is made."""
    names = (asked.maybe_text(name) for name in ("OriginalId", "Email", "Document"))
    named = next((name for name in names if name is not None), None)
    if named is None:
        raise RequestRefused(Said("Customer.OriginalId is required", *BLANK))
    return _filled(store, store.books.enrol(store.books.profiles.named(named)), asked)


def _filled(store: Store, profile: CustomerProfile, asked: AskedMembers) -> CustomerProfile:
    """Write down what a body says of a customer; what it leaves out stays."""
    birthday = asked.maybe_moment("BirthdayDate")
    if birthday is not None and birthday > store.now():
        raise RequestRefused(_UNBORN)
    profile.name = asked.maybe_text("Name") or profile.name
    profile.email = asked.maybe_text("Email") or profile.email
    profile.phone = asked.maybe_text("Phone") or profile.phone
    profile.document = asked.maybe_text("Document") or profile.document
    profile.birthday = birthday or profile.birthday
    profile.signed_up = asked.maybe_moment("SignupDate") or profile.signed_up
    profile.enrolled_at = asked.maybe_moment("EnrolledDate") or profile.enrolled_at
    enrolled = asked.maybe_flag("IsEnrolled")
    profile.enrolled = profile.enrolled if enrolled is None else enrolled
    store.books.profiles.reachable(profile)
    return profile


def shown_customer(store: Store, profile: CustomerProfile) -> dict[str, object]:
    """Return a customer as answers have one (schema CustomerResponse)."""
    customer_id, tier = profile.original_id, TIERS[profile.tier]
    answer: dict[str, object] = {
        "OriginalId": customer_id,
        "PublicId": f"sandbox-{customer_id}",
        "Name": store.name(customer_id),
        **without_nothing(
            {
                "Email": profile.email,
                "Phone": profile.phone,
                "BirthdayDate": profile.birthday,
                "SignupDate": profile.signed_up,
                "Document": profile.document,
            }
        ),
        "IsEnrolled": profile.takes_part,
        "ReferralURL": None,
        "WhatsappReferralUrl": None,
        "CurrentTier": {"Name": tier.name, "Color": tier.color, "IconUrl": None},
    }
    if not store.answers.old:
        answer["BalanceOfPoints"] = store.shown_points(customer_id)
        answer["BalanceCashback"] = store.shown_cashback(customer_id)
    return answer
