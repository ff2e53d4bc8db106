"""What the shared behaviours need of it."""

from decimal import Decimal

from conftest import quick
from sides import AMOUNT, Side

from third_provider.client import MilesClient, MilesCredentials
from third_provider.operations import MilesChange


class Miles(Side):
    name, fixture, repeats, replays, module = "Miles", "miles", True, False, "third_provider"
    secrets = ("canary-token-7319", "canary-signing-key")
    shown_on_the_wire = secrets[:1]

    def credentials(self) -> MilesCredentials:
        return MilesCredentials(*self.secrets)

    def client(self, server, **settings: object) -> MilesClient:
        return MilesClient(server.credentials, **quick(server) | settings)

    def change(self, reference="order-1", amount: Decimal = AMOUNT, customer: int = 123) -> MilesChange:
        return MilesChange(str(customer), amount, f"ADD-{reference}")

    def effects(self, server, reference: str = "order-1") -> int:
        return len(server.books.effects(f"ADD-{reference}"))

    async def read(self, client: MilesClient, deadline: float | None = None) -> object:
        return await client.balance("123", deadline=deadline)
