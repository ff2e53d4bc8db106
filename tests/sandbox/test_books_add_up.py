"""Many writes of all kinds, some of them again and again: the books come to what was accepted, exactly."""

import json
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import cast, get_args

import pytest
from attrs import define, field
from store_talk import COMPLETED, order

from bonifiq_async import BasicCredentials
from bonifiq_async.bonifiq.sandbox.books import Books
from bonifiq_async.bonifiq.sandbox.provider import Provider
from bonifiq_async.bonifiq.sandbox.used_keys import Duplicates
from bonifiq_async.sandbox.protocol import Request, Route

Json = Mapping[str, object]
NAMES = ["ana", "bia", "eva"]
OPENED = Decimal("50.25")
STEPS = 400


@define
class Caller:
    """Sends writes without a server, accepted ones again, too, and counts by itself what was accepted."""

    chance: random.Random
    routes: Mapping[tuple[str, str], Route]
    cash: dict[str, Decimal] = field(factory=lambda: dict.fromkeys(NAMES, OPENED))
    points: dict[str, int] = field(factory=lambda: dict.fromkeys(NAMES, 0))
    sent: list[tuple[tuple[str, str], Json, Json]] = field(factory=list)
    redeems: dict[int, tuple[str, Decimal]] = field(factory=dict)
    left: dict[str, tuple[str, Decimal]] = field(factory=dict)

    def send(self, place: tuple[str, str], body: Json, **parameters: str) -> Json | None:
        """Return the result of what was done, None of what was not."""
        answer = cast(Json, self.answer(place, body, parameters))
        result = cast("Json | None", answer["Result"])
        refused = answer["HasError"] or (result or {}).get("RefundErrorDetails")
        if refused:
            return None
        self.sent.append((place, body, parameters))
        return result

    def answer(self, place: tuple[str, str], body: Json, parameters: Json) -> object:
        request = Request(cast("Mapping[str, str]", parameters), {}, {}, json.dumps(body).encode())
        return self.routes[place](request).value

    def step(self, number: int) -> None:
        """Make a write that is new, or one of before again."""
        if self.sent and self.chance.random() < 0.3:
            self.answer(*self.chance.choice(self.sent))
        else:
            kinds = (self.cashback, self.gift, self.cart, self.sale, self.back, self.order, self.part)
            self.chance.choice(kinds)(f"k{number}", self.chance.choice(NAMES))

    def cashback(self, key: str, name: str) -> None:
        cents = self.chance.randint(-500, 900) or 1
        body = {"Value": cents / 100, "OperationType": int(cents < 0), "Reason": "r", "ChangeKey": key}
        if self.send(("POST", "/v1/pvt/Customer/{id}/cashback"), body, id=name):
            self.cash[name] += Decimal(cents) / 100

    def gift(self, key: str, name: str) -> None:
        points = self.chance.randint(-5, 9) or 1
        body = {"Points": points, "OperationType": int(points < 0), "Reason": "r", "ChangeKey": key}
        if self.send(("POST", "/v1/pvt/Customer/{id}/points"), body, id=name):
            self.points[name] += points

    def cart(self, key: str, name: str) -> None:
        body = {"CustomerId": name, "CheckoutId": key, "CashbackValue": 2.5, "OriginalKey": key}
        self.redeemed(self.send(("POST", "/v1/pvt/Checkout/redeem"), body), name)

    def sale(self, key: str, name: str) -> None:
        body = {"CustomerId": name, "Value": 1.75, "OriginalKey": key}
        self.redeemed(self.send(("POST", "/v1/pvt/POS/rewards/{id}/redeem"), body, id="1"), name)

    def redeemed(self, made: Json | None, name: str) -> None:
        if made is not None:
            cents = -cast("int", cast(Json, made["Point"])["Quantity"])
            self.redeems[cast("int", made["RewardId"])] = name, Decimal(cents) / 100

    def back(self, _key: str, _name: str) -> None:
        number = self.chance.randint(1, 9)
        self.send(("DELETE", "/v1/pvt/POS/rewards/{id}"), {}, id=str(number))

    def order(self, key: str, name: str) -> None:
        coupon = f"EXT-{self.chance.randint(1, 9)}"
        body = order(key, Customer={"OriginalId": name}, Products=[], Coupon=coupon, **COMPLETED)
        if self.send(("POST", "/v1/pvt/Order"), body):
            self.left[key] = name, Decimal("99.9")

    def part(self, key: str, _name: str) -> None:
        if not self.left:
            return
        number = self.chance.choice(sorted(self.left))
        value = self.chance.choice([Decimal("33.3"), Decimal("0.9")])
        body = {"ValueToRefund": float(value), "CancelKey": key}
        if self.send(("POST", "/v1/pvt/Order/{orderId}/partialcancel"), body, orderId=number):
            name, left = self.left[number]
            self.left[number] = name, left - value


@pytest.mark.parametrize("duplicates", get_args(Duplicates))
@pytest.mark.parametrize("seed", [1, 2])
def test_the_books_come_to_what_was_accepted(seed: int, duplicates: Duplicates) -> None:
    books = Books(dict.fromkeys(NAMES, OPENED))
    provider = Provider(books, BasicCredentials("t", "k"), duplicates)
    caller = Caller(random.Random(seed), provider.routes())
    for number in range(STEPS):
        caller.step(number)
    for name, left in caller.left.values():
        caller.cash[name] += Decimal(int(left)) / 100
    for number, (name, taken) in caller.redeems.items():
        made = books.redeems.find(number)
        assert made is not None
        caller.cash[name] -= 0 if made.is_cancelled else taken
    assert books.balances() == caller.cash
    assert {name: int(books.points.balance(name)) for name in NAMES} == caller.points
    assert {name: each.left for name, each in books.orders.items()} == {
        name: left for name, (_, left) in caller.left.items()
    }
    assert len(books.redeems.all()) == len(caller.redeems) > 20
    assert all(len(books.took_effect(f"k{number}")) <= 1 for number in range(STEPS))
