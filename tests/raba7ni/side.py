"""The side of Raba7ni for the shared behaviours."""

from decimal import Decimal
from unittest import mock

from conftest import http
from sides import AMOUNT, Side

from bonifiq_async import Earn, Member, MemberToken, Raba7niClient, Redeem
from bonifiq_async.sandbox import Raba7niSandbox


class ThisSide(Side):
    """Purchases that earn a twentieth, and redemptions with a member's sign-in; no keys."""

    path = b"/api/v1/cashback/"
    yes = http(b'{"success":true,"data":{"transaction_id":1,"new_balance":12}}')
    balance = http(b'{"success":true,"data":{"card_id":10,"member_id":123,"cashback_balance":12}}')
    secrets_of_a_change = ("sandbox.canary-member-token", "canary-pin-4711")

    def change(self, reference: str = "order-1", amount: Decimal = AMOUNT, customer: int = 123) -> Earn:
        return Earn(card_id=10, member=Member.by_id(customer), purchase_amount=amount, reference=reference)

    def change_with_secrets(self) -> Redeem:
        token, pin = self.secrets_of_a_change
        return Redeem(
            card_id=10, amount=Decimal(1), member_token=MemberToken(token), pin=pin, reference="order-1"
        )

    def signs_in(self, server: Raba7niSandbox) -> None:
        token, server.books.person(123).pin = self.secrets_of_a_change
        with mock.patch("secrets.token_urlsafe", return_value=token.removeprefix("sandbox.")):
            assert server.sign_in(123).reveal() == token
        server.books.move("earn", "gift", 10, 123, Decimal(5))

    def moves(self, amount: Decimal) -> Decimal:
        return (amount / 20).quantize(Decimal("0.001"))

    def effects(self, server: Raba7niSandbox, reference: str = "order-1") -> int:
        return len(server.books.effects("earn", reference)) + len(server.books.effects("redeem", reference))

    async def read(self, client: Raba7niClient, deadline: float | None = None) -> object:
        return await client.cashback.balance(10, 123, deadline=deadline)
