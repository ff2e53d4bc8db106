"""Writes in a sandbox that all share: each has a customer of its own, and is seen by what it leaves there."""

from collections.abc import Mapping
from pathlib import Path

import attrs
from all_writes import (
    KINDS,
    ONCE,
    ONCE_UNDER_A_KEY,
    SAFE,
    WITH_A_KEY,
    WRITES,
    effect_of,
    gift,
    of_kinds,
    standing,
)
from conftest import client_for

from bonifiq_async import BonifiQClient, Effect
from bonifiq_async.ledger.protocol import BY_EFFECT, State
from bonifiq_async.ledger.reader import recorded
from bonifiq_async.ledger.sqlite.reader import SqliteReader
from bonifiq_async.sandbox import FaultScript, Sandbox

NO_KEY, NOT_COUNTED = "it has no key", "the provider is not known to count its key, nor does the sandbox"
NO_LEDGER = "no ledger has it, so that there is nothing to note"
NOT_REPEATED = "it is never sent again by itself, so that no answer follows a lost one"
DOES_NOT_APPLY: Mapping[str, Mapping[str, str]] = {
    "a lost answer": {},
    "a used key": {SAFE: NO_KEY, ONCE: NO_KEY, ONCE_UNDER_A_KEY: NOT_COUNTED},
    "a repeat": {},
    "a refusal after a loss": {ONCE: NOT_REPEATED, ONCE_UNDER_A_KEY: NOT_REPEATED},
    "an interruption": {},
    "a kill at the ledger": {SAFE: NO_LEDGER, ONCE: NO_LEDGER},
}
"""The behaviours, each with the kinds of writes to which it does not apply, and why."""


def writes_for(behaviour: str) -> list[str]:
    """Return the writes to which a behaviour applies."""
    return of_kinds(*(kind for kind in KINDS if kind not in DOES_NOT_APPLY[behaviour]))


@attrs.define
class Shop:
    """A sandbox that all rows share, and what each write leaves there: before it, and after one alone."""

    sandbox: Sandbox
    known: dict[str, tuple[Mapping[str, object], ...]] = attrs.field(factory=dict)
    customers: int = 0

    async def customer(self, name: str) -> tuple[str, str]:
        """Return a customer with what a write needs, and what was staged."""
        self.customers += 1
        customer = f"c{self.customers}@b.example"
        self.sandbox.faults = FaultScript()
        gift(self.sandbox.books, customer)
        async with client_for(self.sandbox) as client:
            return customer, await WRITES[name].stage(client, customer)

    async def case(self, name: str) -> "Case":
        """Return a write for a customer of its own."""
        if name not in self.known:
            customer, staged = await self.customer(name)
            before = standing(self.sandbox.books, customer)
            async with client_for(self.sandbox) as client:
                await WRITES[name].call(client, customer, staged)
            self.known[name] = before, standing(self.sandbox.books, customer)
            assert before != self.known[name][1], f"{name} leaves nothing by which it would be seen"
        return Case(self, name, *await self.customer(name))


@attrs.define
class Case:
    """A write for a customer of its own."""

    shop: Shop
    name: str
    customer: str
    staged: str
    requests_before: int = 0

    def meets(self, *faults: str) -> None:
        """Have the next requests meet `faults`, and count them from here."""
        self.shop.sandbox.faults = FaultScript(faults)
        self.requests_before = self.shop.sandbox.books.requests

    async def made(self, client: BonifiQClient) -> object:
        return await WRITES[self.name].call(client, self.customer, self.staged)

    async def effect(self, client: BonifiQClient) -> str:
        """Make the write, and return what its caller learns."""
        return await effect_of(self.made(client))

    @property
    def requests(self) -> int:
        return self.shop.sandbox.books.requests - self.requests_before

    @property
    def effects(self) -> int:
        """How often the write took effect, by all that the books have of the customer: 0 or 1."""
        return self.shop.known[self.name].index(standing(self.shop.sandbox.books, self.customer))

    def state(self, ledger: Path) -> State | None:
        """Return what a ledger says of the write, None where it has nothing of it."""
        found = [
            each.state for each in recorded(SqliteReader(ledger), set(State)) if self.customer in each.key
        ]
        assert len(found) <= 1
        return next(iter(found), None)


def done(name: str) -> str:
    """Return what the caller gets of a write that took effect."""
    return "applied" if name in WITH_A_KEY else "done"


NOTED = (*WITH_A_KEY, "pos.cancel_redeem_by_key")
"""Writes of which a ledger has something: what a key stands for, and what was taken back under it."""


def kept(name: str, effect: str) -> State | None:
    """Return what a ledger says of a write: what its caller got; nothing of one without a key."""
    return BY_EFFECT[Effect("applied" if effect == "done" else effect)] if name in NOTED else None
