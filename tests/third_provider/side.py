"""The side of Miles for the shared behaviours."""

from decimal import Decimal

from conftest import http
from sides import AMOUNT, Side

from third_provider.client import MilesClient
from third_provider.operations import MilesChange


class ThisSide(Side):
    path = b"/v1/accounts/"
    yes = balance = http(b'{"id":1,"balance":12}', status="201 Created")
    unsent = ("signing_key",)

    def change(self, reference="order-1", amount: Decimal = AMOUNT, customer: int = 123) -> MilesChange:
        return MilesChange(str(customer), amount, f"ADD-{reference}")

    async def read(self, client: MilesClient, deadline: float | None = None) -> object:
        return await client.balance("123", deadline=deadline)
