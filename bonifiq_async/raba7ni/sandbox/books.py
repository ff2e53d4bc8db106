"""The books of record of members and cards: what really happened, exactly, whatever the answers said."""

import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from attrs import define, field, frozen

from bonifiq_async._model.errors import PayloadError
from bonifiq_async._model.secret import masked
from bonifiq_async.raba7ni.payloads import CashbackConfig
from bonifiq_async.sandbox.document import MONEY, decimal
from bonifiq_async.sandbox.report import exact, several

THOUSANDTH = Decimal("0.001")
"""What a share of a purchase is rounded to: the dinar of the samples has three decimals."""
_ROUNDS = Context(prec=100, rounding=ROUND_HALF_UP)


KnownCards = Mapping[int, Decimal | int | CashbackConfig]
"""What `Raba7niSandbox(cards=)` takes: by card id a percentage, or all that the card says of its cashback."""


@frozen
class Moved:
    """One movement of a balance. `operation` is `earn`, `redeem` or `refund`; `amount` is signed."""

    id: int
    operation: str
    reference: str | None
    card_id: int
    member_id: int
    amount: Decimal
    moment: datetime


@define
class Person:
    """A member."""

    id: int
    email: str | None = None
    phone: str | None = None
    name: str | None = None
    pin: str | None = field(default=None, repr=masked)


# Not `KeyedBooks`, which asks by one key and one customer: a reference counts for an operation and may be
# missing, and a balance is a member's on a card. Each method that asks by them would stand here as well.
class Wallets:
    """Cards, members, balances, and what took effect. Safe to read from any thread.

    `cards` are percentages by card id, or all that a card says of its cashback. Member ids are made on first
    use, or only `members` exist if they are given. Raises `PayloadError` for an id that is no whole number
    and a percentage that is not exact.
    """

    def __init__(self, cards: KnownCards, members: Iterable[int] | None = None) -> None:
        self.cards = _configured(cards)
        self._lock = threading.RLock()
        self._open = members is None
        self._people = {number: Person(number) for number in _ids(members or ())}
        self._balances: dict[tuple[int, int], Decimal] = {}
        self._moved: list[Moved] = []
        self._effects: dict[tuple[str, str | None], list[Moved]] = {}
        self._seen: Counter[tuple[str, str | None]] = Counter()
        self._tokens: dict[str, int] = {}
        self._codes: dict[int, str] = {}
        self.requests = 0

    def balance(self, card_id: int, member_id: int) -> Decimal:
        """Return the balance of a member on a card, 0 for an unknown one."""
        return self._balances.get((card_id, member_id), Decimal(0))

    def balances(self) -> dict[tuple[int, int], Decimal]:
        """Return every balance, by card and member."""
        with self._lock:
            return dict(self._balances)

    def effects(self, operation: str, reference: str | None) -> tuple[Moved, ...]:
        """Return what took effect under a reference: two would be money moved twice."""
        with self._lock:
            return tuple(self._effects.get((operation, reference), ()))

    def requests_for(self, operation: str, reference: str | None) -> int:
        """Return how many requests came with a reference."""
        return self._seen[operation, reference]

    def references(self) -> tuple[tuple[str, str | None], ...]:
        """Return operation and reference of every write that arrived."""
        with self._lock:
            return tuple(self._seen)

    def history(self, card_id: int, member_id: int) -> tuple[Moved, ...]:
        """Return the movements of a member on a card, oldest first."""
        place = (card_id, member_id)
        return tuple(moved for moved in self.moved() if (moved.card_id, moved.member_id) == place)

    def moved(self) -> tuple[Moved, ...]:
        """Return every movement, oldest first."""
        with self._lock:
            return tuple(self._moved)

    def arrived(self, operation: str | None, reference: str | None) -> None:
        """Count a request; `operation` is None for what moves nothing."""
        with self._lock:
            self.requests += 1
            if operation is not None:
                self._seen[operation, reference] += 1

    def percentage(self, card_id: int) -> Decimal:
        """Return how many per cent of a purchase the card gives."""
        return self.cards[card_id].cashback_percentage or Decimal(0)

    def share(self, card_id: int, amount: Decimal) -> Decimal:
        """Return what the card gives for a purchase of `amount`."""
        exact = MONEY.multiply(amount, self.percentage(card_id)).scaleb(-2, MONEY)
        return exact.quantize(THOUSANDTH, context=_ROUNDS)

    def move(
        self, operation: str, reference: str | None, card_id: int, member_id: int, amount: Decimal
    ) -> Moved:
        """Move money, and write it down."""
        with self._lock:
            before = self.balance(card_id, member_id)
            self._balances[card_id, member_id] = MONEY.add(before, amount)
            number = len(self._moved) + 1
            moved = Moved(number, operation, reference, card_id, member_id, amount, datetime.now(UTC))
            self._moved.append(moved)
            self._effects.setdefault((operation, reference), []).append(moved)
            return moved

    def add_member(
        self,
        *,
        email: str | None = None,
        phone: str | None = None,
        name: str | None = None,
        pin: str | None = None,
    ) -> int:
        """Make a member, and return its id."""
        with self._lock:
            number = max(self._people, default=0) + 1
            self._people[number] = Person(number, email, phone, name, pin)
            return number

    def person(self, member_id: int) -> Person | None:
        """Return the member with this id, made now where every id exists."""
        with self._lock:
            if self._open and member_id > 0:
                self._people.setdefault(member_id, Person(member_id))
            return self._people.get(member_id)

    def find(self, *, email: str | None = None, phone: str | None = None) -> Person | None:
        """Return the member with this e-mail or phone."""
        with self._lock:
            for person in self._people.values():
                if (email is not None and person.email == email) or (
                    phone is not None and person.phone == phone
                ):
                    return person
            return None

    def token_for(self, member_id: int) -> str:
        """Make a token that signs a member in."""
        token = f"sandbox.{secrets.token_urlsafe(16)}"
        self._tokens[token] = member_id
        return token

    def member_of(self, token: str) -> Person | None:
        """Return the member that holds `token`."""
        number = self._tokens.get(token)
        return None if number is None else self.person(number)

    def new_code(self, member_id: int) -> str:
        """Make the one-time code of a member; an older one ends."""
        code = self._codes[member_id] = f"{secrets.randbelow(1_000_000):06}"
        return code

    def code(self, member_id: int) -> str | None:
        """Return the one-time code that was sent to a member and not used yet."""
        return self._codes.get(member_id)

    def use_code(self, member_id: int, code: object) -> bool:
        """Say whether `code` is right, and end it if it is."""
        right = code is not None and self._codes.get(member_id) == code
        if right:
            del self._codes[member_id]
        return right


def _configured(cards: KnownCards) -> dict[int, CashbackConfig]:
    if not isinstance(cards, Mapping):
        raise PayloadError(
            f"cards must give percentages by card id, as {{10: 5}}, not {cards!r}", path="cards"
        )
    return {card: _config(cards[card], f"cards[{card!r}]") for card in _ids(cards, "cards")}


def _config(given: object, field: str) -> CashbackConfig:
    """Return what a card says of its cashback: with a percentage, the bounds of the page's sample."""
    if isinstance(given, CashbackConfig):
        _percentage(given.cashback_percentage, field)
        return given
    return CashbackConfig(_percentage(given, field), Decimal("10.0"), Decimal("1000.0"), True)


def _percentage(given: object, field: str) -> Decimal:
    percentage = exact(given, field)
    if percentage < 0 or decimal(percentage) is None:
        raise PayloadError(f"{field} is {percentage}, which is no percentage", path=field)
    return percentage


def _ids(numbers: Iterable[int], field: str = "members") -> tuple[int, ...]:
    """Return `numbers` if each can be an id."""
    given = several(numbers, field)
    for number in given:
        if type(number) is not int:
            raise PayloadError(f"{field} has {number!r}; an id is a whole number", path=field)
    return given
