"""Raba7ni's side: no write is de-duplicated here, and `reference` is a label without a rule.

Of the error codes only `member_not_found` is the provider's; the others, the statuses, the refusals and
the names in a sign-in's answer are this sandbox's own, because the documentation has none.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from attrs import define, field

from bonifiq_async.raba7ni.client import Raba7niCredentials
from bonifiq_async.raba7ni.sandbox.books import Moved, Person, Wallets
from bonifiq_async.raba7ni.sandbox.judge import Refused, amount_of, said, whole, written
from bonifiq_async.raba7ni.sandbox.paths import ENDPOINTS, REGISTER, SCOPE_OF, WRITES
from bonifiq_async.sandbox.protocol import Reply, Request, RequestIdentity, Route

CURRENCY = "TND"
LARGEST_PAGE = 100
_LABELS = {"earn": "earning", "redeem": "redemption", "refund": "refund"}
WARNING = "The balance is below zero"


@define
class Raba7ni:
    """Raba7ni's operations over `books`, for an application that has `credentials` and those `scopes`."""

    books: Wallets
    credentials: Raba7niCredentials
    scopes: frozenset[str]
    _ids: Iterator[int] = field(factory=lambda: itertools.count(1))

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """See `Speaks.routes`."""
        answers: dict[str, Answer] = {
            "earn": self.earn,
            "redeem": self.redeem,
            "refund": self.refund,
            "balance": self.balance,
            "history": self.history,
            "cards": self.cards,
            "card": self.card,
            "rewards": self.rewards,
            "check": self.check,
            "register": self.register,
            "request_otp": self.request_otp,
            "verify_otp": self.verify_otp,
        }
        return {
            (endpoint.method, endpoint.path): self._enveloped(answers[name.partition(",")[0]])
            for name, endpoint in ENDPOINTS.items()
        }

    def arrived(self, path: str, request: Request) -> RequestIdentity:
        """See `Speaks.arrived`; the key is the reference, the customer the member as the request names it."""
        operation, members = WRITES.get(path), request.members() if request.body else request.query
        reference = said(members.get("reference")) if operation is not None else None
        self.books.arrived(operation, reference)
        named = next((members[name] for name in ("member_id", "email", "phone") if members.get(name)), None)
        shown = None if operation is None else f"{operation} {reference}"
        return RequestIdentity(reference, None if named is None else str(named), shown)

    def answered(self, key: str | None) -> None:
        """See `Speaks.answered`. Nothing is counted: no request asks again whether it may."""

    def turned_away(self, path: str, request: Request) -> Reply | None:
        """See `Speaks.turned_away`."""
        signed = request.headers.get("X-App-Id"), request.headers.get("X-Api-Key")
        if signed != (self.credentials.app_id, self.credentials.api_key):
            return self._error(401, "invalid_api_key")
        scope = SCOPE_OF[path]
        if scope is not None and scope not in self.scopes:
            return self._error(403, "insufficient_scope")
        if request.body and not request.is_json():
            return self._error(415, "unsupported_media_type")
        return None

    def failure(self, status: int) -> object:
        """See `Speaks.failure`."""
        if status < 400:
            return {"success": True, "data": {}}
        return self._error(status, "fault").value

    def earn(self, request: Request) -> Mapping[str, object]:
        """Credit the card's share; an unknown e-mail or phone is a new member."""
        body = written(request.document)
        card_id, amount = self._card(body.get("card_id")), amount_of(body.get("purchase_amount"))
        person = self._person(body, new=True)
        earned = self.books.share(card_id, amount)
        moved = self._move("earn", body, card_id, person, earned)
        return {
            "transaction_id": moved.id,
            "purchase_amount": amount,
            "cashback_percentage": self.books.percentage(card_id),
            "cashback_earned": earned,
            "new_balance": self.books.balance(card_id, person.id),
            "member_id": person.id,
            "card_id": card_id,
            "earned_at": moved.moment,
        }

    def redeem(self, request: Request) -> Mapping[str, object]:
        """Debit the holder of the member token, if the balance allows it."""
        person = self.books.member_of(request.headers.get("X-Member-Token", ""))
        if person is None:
            raise Refused(401, "invalid_member_token")
        body = written(request.document)
        card_id, amount = self._card(body.get("card_id")), amount_of(body.get("amount"))
        if body.get("pin") is not None and body.get("pin") != person.pin:
            raise Refused(422, "invalid_pin")
        if self.books.balance(card_id, person.id) < amount:
            raise Refused(422, "insufficient_balance")
        moved = self._move("redeem", body, card_id, person, -amount)
        return {
            "transaction_id": moved.id,
            "amount_redeemed": amount,
            "new_balance": self.books.balance(card_id, person.id),
            "member_id": person.id,
            "card_id": card_id,
            "redeemed_at": moved.moment,
        }

    def refund(self, request: Request) -> Mapping[str, object]:
        """Take back the card's share, or what the request says; warns when the balance falls below zero.

        When the provider warns, and how, is not documented: its page shows null alone.
        """
        body = written(request.document)
        card_id, amount = self._card(body.get("card_id")), amount_of(body.get("refund_amount"))
        person, explicit = self._person(body), body.get("cashback_to_deduct")
        deducted = self.books.share(card_id, amount) if explicit is None else amount_of(explicit, zero=True)
        before = self.books.balance(card_id, person.id)
        moved = self._move("refund", body, card_id, person, -deducted)
        after = self.books.balance(card_id, person.id)
        return {
            "transaction_id": moved.id,
            "cashback_deducted": deducted,
            "refund_amount": amount,
            "previous_balance": before,
            "new_balance": after,
            "currency": CURRENCY,
            "member_id": person.id,
            "card_id": card_id,
            "reference": moved.reference,
            "balance_warning": WARNING if after < 0 else None,
            "refunded_at": moved.moment,
        }

    def balance(self, request: Request) -> Mapping[str, object]:
        """Answer a balance."""
        card_id, person = self._card(whole(request.query.get("card_id"))), self._known(request.query)
        return {
            "card_id": card_id,
            "member_id": person.id,
            "cashback_balance": self.books.balance(card_id, person.id),
            "cashback_percentage": self.books.percentage(card_id),
            "reward_system": "cashback",
            "queried_at": datetime.now(UTC),
        }

    def history(self, request: Request) -> Mapping[str, object]:
        """Answer a page of movements, oldest first; at most `LARGEST_PAGE` of them."""
        card_id, person = self._card(whole(request.query.get("card_id"))), self._known(request.query)
        limit = min(whole(request.query.get("limit", "20")) or 20, LARGEST_PAGE)
        offset = whole(request.query.get("offset", "0")) or 0
        rows = self.books.history(card_id, person.id)
        page = rows[offset : offset + limit]
        return {
            "card_id": card_id,
            "member_id": person.id,
            "transactions": [_line(moved) for moved in page],
            "pagination": {
                "limit": limit,
                "offset": offset,
                "total": len(rows),
                "has_more": offset + len(page) < len(rows),
            },
        }

    def cards(self, _: Request) -> Mapping[str, object]:
        """Answer every card."""
        cards = [self._described(card_id) for card_id in self.books.cards]
        return {"cards": cards, "total": len(cards)}

    def card(self, request: Request) -> Mapping[str, object]:
        """Answer one card."""
        return self._described(self._card(whole(request.parameters["card_id"])))

    def rewards(self, request: Request) -> Mapping[str, object]:
        """Answer the rewards of a card: one."""
        reward = {
            "id": 1,
            "name": "Discount",
            "title": {"en": "Discount"},
            "points": 100,
            "reward_type": "discount",
            "is_active": True,
        }
        return {"card_id": self._card(whole(request.parameters["card_id"])), "rewards": [reward]}

    def check(self, request: Request) -> Mapping[str, object]:
        """Answer whether a member exists."""
        person = self._addressed(request)
        if person is None:
            return {"exists": False, "registration_endpoint": REGISTER}
        return {"exists": True, "is_active": True, "member": _masked(person)}

    def register(self, request: Request) -> Mapping[str, object]:
        """Make a member and send it a code."""
        body = request.members()
        name, email, phone = (said(body.get(field)) for field in ("name", "email", "phone"))
        if not (name and email and phone):
            raise Refused(422, "validation_failed")
        if self.books.find(email=email, phone=phone) is not None:
            raise Refused(422, "member_exists")
        number = self.books.add_member(email=email, phone=phone, name=name)
        person = Person(number, email, phone, name)
        return {
            "message": "Registered",
            "member": {"id": number, "name": name, **_masked(person)},
            "otp_expires_in_minutes": 10,
            **self._code(number),
        }

    def request_otp(self, request: Request) -> Mapping[str, object]:
        """Send a code to a member."""
        person = self._addressed(request)
        if person is None:
            raise Refused(404, "member_not_found", requires_registration=True)
        return {
            "message": "Sent",
            "expires_in_minutes": 10,
            "member": _masked(person),
            **self._code(person.id),
        }

    def verify_otp(self, request: Request) -> Mapping[str, object]:
        """Give a token for a right code, which stands in `otp`."""
        person = self._addressed(request)
        if person is None or not self.books.use_code(person.id, request.members().get("otp")):
            raise Refused(422, "invalid_otp")
        return {"member_token": self.books.token_for(person.id), "member": _masked(person)}

    def _code(self, member_id: int) -> Mapping[str, object]:
        """Make a code, and show it to a test key."""
        code = self.books.new_code(member_id)
        return {"otp_code": code} if self._mode() == "test" else {}

    def _mode(self) -> str:
        return "test" if self.credentials.api_key.startswith("test_") else "production"

    def _enveloped(self, answer: "Answer") -> Route:
        def route(request: Request) -> Reply:
            try:
                return Reply(200, {"success": True, "data": answer(request), "meta": self._meta()})
            except Refused as refused:
                return self._error(refused.status, refused.code, **refused.more)

        return route

    def _error(self, status: int, code: str, **more: object) -> Reply:
        error = {"code": code, "message": code.replace("_", " ").capitalize(), **more}
        return Reply(status, {"success": False, "error": error, "meta": self._meta()})

    def _meta(self) -> Mapping[str, object]:
        return {"mode": self._mode(), "request_id": f"req_{next(self._ids)}"}

    def _move(
        self, operation: str, body: Mapping[str, object], card_id: int, person: Person, amount: Decimal
    ) -> Moved:
        return self.books.move(operation, said(body.get("reference")), card_id, person.id, amount)

    def _card(self, card_id: object) -> int:
        if type(card_id) is not int or card_id not in self.books.cards:
            raise Refused(404, "card_not_found")
        return card_id

    def _known(self, query: Mapping[str, str]) -> Person:
        person = self.books.person(whole(query.get("member_id")) or 0)
        if person is None:
            raise Refused(404, "member_not_found")
        return person

    def _person(self, body: Mapping[str, object], *, new: bool = False) -> Person:
        number, email, phone = body.get("member_id"), said(body.get("email")), said(body.get("phone"))
        if not (number or email or phone):
            raise Refused(422, "validation_failed")
        if number is not None:
            found = self.books.person(whole(str(number)) or 0)
        else:
            found = self.books.find(email=email, phone=phone)
        if found is None and new and number is None and (email or phone):
            name = said(body.get("member_name"))
            found = self.books.person(self.books.add_member(email=email, phone=phone, name=name))
        if found is None:
            raise Refused(404, "member_not_found")
        return found

    def _addressed(self, request: Request) -> Person | None:
        body = request.members()
        phone = said(body.get("phone")) or said(body.get("phone_number"))
        return self.books.find(email=said(body.get("email")), phone=phone)

    def _described(self, card_id: int) -> Mapping[str, object]:
        config = self.books.cards[card_id]
        percentage = self.books.percentage(card_id)
        told = {
            "cashback_percentage": percentage,
            "cashback_min_amount": config.cashback_min_amount,
            "cashback_max_amount": config.cashback_max_amount,
            "allows_pin_redemption": config.allows_pin_redemption,
        }
        return {
            "id": card_id,
            "unique_identifier": f"CASH-{card_id:03}",
            "name": f"Card {card_id}",
            "description": f"{percentage}% cashback on all purchases",
            "reward_system": "cashback",
            "cashback_config": {name: each for name, each in told.items() if each is not None},
        }


Answer = Callable[[Request], Mapping[str, object]]


def _line(moved: Moved) -> Mapping[str, object]:
    return {
        "id": moved.id,
        "type": _LABELS.get(moved.operation, moved.operation),
        "amount": moved.amount,
        "points": 0,
        "event": f"cashback_{moved.operation}ed",
        "created_at": moved.moment,
    }


def _masked(person: Person) -> Mapping[str, object]:
    return {"email": _stars(person.email), "phone": _stars(person.phone)}


def _stars(text: str | None) -> str | None:
    return None if text is None else text[:1] + "***" + text[-1:]
