"""The last question before money moves: what is sent, and where; from which sum on it is typed."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, NoReturn

import typer
from attrs import frozen

from bonifiq_async._model.money import EXACT, Sums
from bonifiq_async.cli.language.phrase import Phrase, joined, phrase
from bonifiq_async.cli.reading.amounts import readings
from bonifiq_async.cli.terminal.dialogue import changes, interruptible
from bonifiq_async.cli.terminal.screen import agreed, say, typed
from bonifiq_async.ledger.account import BASE_URL, settings_in

if TYPE_CHECKING:
    from bonifiq_async.cli.adapter import FileAdapter
    from bonifiq_async.cli.files.examine import Plan
    from bonifiq_async.ledger.reader import LedgerReader


@frozen
class Destination:
    """Where changes go: the `account` as a ledger has it, and the ledger if there is one.

    A `new` ledger knows no earlier payment. `address_setting` is the environment variable of the address
    where that is not set: then it is the provider's own.
    """

    account: tuple[str, str]
    ledger: "LedgerReader | None"
    new: bool = False
    address_setting: str | None = None

    def said(self) -> Phrase:
        """Return the provider, account, address and ledger, in one line."""
        provider, account = self.account
        settings = settings_in(account)
        address = settings.get(BASE_URL, "-")
        if self.address_setting is not None:
            address = phrase("{address} ({name} is not set)", address=address, name=self.address_setting)
        return phrase(
            "{provider}, {account}, at {address}, {ledger}",
            provider=provider,
            account=", ".join(f"{name} {value}" for name, value in settings.items() if name != BASE_URL),
            address=address,
            ledger=ledger_said(self.ledger, self.new),
        )


def ledger_said(ledger: "LedgerReader | None", new: bool) -> Phrase:
    """Return where is recorded what is sent."""
    if ledger is None:
        return phrase("no ledger")
    return phrase("new ledger {ledger}", ledger=ledger) if new else phrase("ledger {ledger}", ledger=ledger)


@frozen
class Consent:
    """How a person agrees: with `yes` no question is asked, but each sum `above` an amount is typed.

    `from_stdin` says that the changes came from standard input, where no person can answer.
    """

    yes: bool
    from_stdin: bool = False
    above: Decimal | None = None


def threshold(text: str | None, adapter: "FileAdapter") -> Decimal | None:
    """Return the amount of `--confirm-above`, in either decimal form; None where none was given.

    Raises `BadParameter` for what is none, or two.
    """
    if text is None:
        return None
    read = set(readings(text, adapter.columns.currency).values())
    if len(read) != 1 or (amount := read.pop()) < 0:
        raise typer.BadParameter(
            phrase("{text} is no single amount such as 10000.00 or 10000,00", text=repr(text)),
            param_hint="--confirm-above",
        )
    return amount


def to_send(plan: "Plan") -> Mapping[str, Sums]:
    """Return what the changes of a plan that are to be sent come to, by unit."""
    left = {}
    for unit, all_ in plan.sums.by_unit.items():
        known = [kind.sums.by_unit.get(unit, Sums()) for kind in (plan.settled, plan.used_elsewhere)]
        left[unit] = Sums(
            _less(all_.added, [each.added for each in known]),
            _less(all_.removed, [each.removed for each in known]),
        )
    return left


def is_sum(text: str, amount: Decimal, adapter: "FileAdapter") -> bool:
    """Say whether what a person typed is `amount`, in either decimal form, with its currency or without."""
    return amount in readings(text, adapter.columns.currency).values()


def question(plan: "Plan", to: Destination) -> Phrase:
    """Return the question: what is sent, and the provider, account, address and ledger, in one line."""
    return phrase(
        "Apply {changes} ({sums}) to {target}?",
        changes=changes(plan.to_send),
        sums=joined(_named(plan)) or phrase("nothing"),
        target=to.said(),
    )


def confirmed(plan: "Plan", to: Destination, consent: Consent) -> None:
    """Ask whether to go on, and for sums that are above; end the command where a person does not agree."""
    with interruptible():
        if not consent.yes:
            answer = None if consent.from_stdin else agreed(question(plan, to))
            if answer is None:
                _end(phrase("There is no terminal to ask at, so nothing was sent. Add --yes to send."))
            if not answer:
                _end(phrase("Nothing was sent."))
        if consent.above is not None:
            _confirm_above(plan, consent.above, consent)


def _confirm_above(plan: "Plan", limit: Decimal, consent: Consent) -> None:
    """Have each sum of money above a limit typed; what is no money is not compared with an amount."""
    adapter, others = plan.source.adapter, False
    for each in _sums(plan):
        if not adapter.is_money(each.unit):
            others = others or bool(each.amount)
        elif each.amount > limit:
            _asked_for_sum(each, adapter, consent)
    if others:
        say(phrase("--confirm-above is about money: no sum of points is asked for."))


def _asked_for_sum(each: "_Sum", adapter: "FileAdapter", consent: Consent) -> None:
    amount, shown = each.amount, each.said(adapter)
    text = None if consent.from_stdin else typed(phrase("Type the sum to go on, {sum}", sum=shown))
    if text is None:
        _end(
            phrase(
                "{sum} is above --confirm-above, and there is no terminal to type it at. Nothing was sent.",
                sum=shown,
            )
        )
    if not is_sum(text, amount, adapter):
        _end(phrase("That is not the sum. Nothing was sent."))


def _end(why: Phrase) -> NoReturn:
    say(why)
    raise typer.Exit(2)


def _less(amount: Decimal, parts: Iterable[Decimal]) -> Decimal:
    for part in parts:
        amount = EXACT.subtract(amount, part)
    return amount


@frozen
class _Sum:
    """A sum to be sent, with its name: what was added or removed, of which unit."""

    label: str
    unit: str
    amount: Decimal

    def said(self, adapter: "FileAdapter") -> Phrase:
        return phrase("{amount} {label}", amount=adapter.amount(self.amount, self.unit), label=self.label)


def _sums(plan: "Plan") -> Iterator[_Sum]:
    """Yield each sum to be sent."""
    units, adapter = to_send(plan), plan.source.adapter
    apart = len(units) > 1 and not adapter.amounts_name_units
    for unit, sums in sorted(units.items()):
        for label, amount in zip(adapter.sum_labels, (sums.added, sums.removed), strict=True):
            name = phrase("{label} ({unit})", label=label, unit=unit) if apart else label
            yield _Sum(name, unit, amount)


def _named(plan: "Plan") -> list[Phrase]:
    return [each.said(plan.source.adapter) for each in _sums(plan) if each.amount]
