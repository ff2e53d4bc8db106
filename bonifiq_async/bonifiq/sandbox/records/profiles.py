"""Customers' data, as upserts and orders give it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from attrs import define, field

_FIRST_TIER = 1


@define
class CustomerProfile:
    """What is known of a customer beside balances. `number` is the provider's own id.

    `created` is when the provider first knew the customer.
    """

    original_id: str
    number: int
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    document: str | None = None
    birthday: datetime | None = None
    signed_up: datetime | None = None
    enrolled_at: datetime | None = None
    created: datetime = field(factory=lambda: datetime.now(UTC))
    enrolled: bool = True
    enabled: bool = True
    tier: int = _FIRST_TIER
    earlier_tiers: list[tuple[datetime, int]] = field(factory=list)

    @property
    def takes_part(self) -> bool:
        """Say whether the customer can earn and redeem."""
        return self.enrolled and self.enabled


class Profiles:
    """Profiles by the store's id, in the order in which they were made."""

    def __init__(self) -> None:
        self._known: dict[str, CustomerProfile] = {}
        self._others: dict[str, str] = {}

    def __iter__(self) -> Iterator[CustomerProfile]:
        return iter(tuple(self._known.values()))

    def find(self, customer_id: str) -> CustomerProfile | None:
        """Return the profile of a customer, None where there is none."""
        return self._known.get(customer_id)

    def of(self, customer_id: str) -> CustomerProfile:
        """Return the profile of a customer; one that has none gets one."""
        found = self._known.get(customer_id)
        if found is None:
            email = customer_id if "@" in customer_id else None
            found = CustomerProfile(customer_id, len(self._known) + 1, email=email)
            self._known[customer_id] = found
        return found

    def named(self, customer_id: str) -> str:
        """Return the store's id of a customer that is named by it, by an e-mail address or by a document."""
        return customer_id if customer_id in self._known else self._others.get(customer_id, customer_id)

    def reachable(self, profile: CustomerProfile) -> None:
        """Have a customer be found by the address and the document of its profile, too."""
        for other in (profile.email, profile.document):
            if other is not None:
                self._others[other] = profile.original_id
