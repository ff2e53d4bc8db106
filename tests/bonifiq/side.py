"""The side of BonifiQ for the shared behaviours."""

from decimal import Decimal

from conftest import CHANGED, POINTS, http
from sides import AMOUNT, Side

from bonifiq_async import BonifiQClient, CashbackChange


class ThisSide(Side):
    """A change under a key, whose repeat gets the answer of the first; Basic authentication."""

    path, yes, balance = b"/v1/pvt/Customer/", http(CHANGED), http(POINTS)
    replays = True
    unsent = ("token", "key")

    def change(
        self, reference: str = "order-1", amount: Decimal = AMOUNT, customer: int = 123
    ) -> CashbackChange:
        return CashbackChange(str(customer), amount, "Loyalty", f"ADD-{reference}")

    async def read(self, client: BonifiQClient, deadline: float | None = None) -> object:
        return await client.customers.points("123", deadline=deadline)
