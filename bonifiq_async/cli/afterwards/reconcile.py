"""`bonifiq reconcile`: the ledger against what the provider shows, by customer; it changes nothing."""

import asyncio
import contextlib
import hashlib
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
from attrs import astuple, evolve, frozen

from bonifiq_async._limits.pacer import Pacer
from bonifiq_async._model.errors import (
    AuthenticationError,
    ConfigurationError,
    PayloadError,
    RefusedError,
)
from bonifiq_async.cli.adapter import Client, FileAdapter
from bonifiq_async.cli.afterwards.comparison import NEAR, Agreement, Asked, Compared, compare
from bonifiq_async.cli.afterwards.progress_file import FoundRow, ProgressFile, progress_file
from bonifiq_async.cli.afterwards.question import Answers, Question
from bonifiq_async.cli.afterwards.statement import AccountStatement, StatementReader
from bonifiq_async.cli.commands.export import say_left_out
from bonifiq_async.cli.commands.run import client_from_env
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.csv_form import PLAIN, CsvForm
from bonifiq_async.cli.files.outcome_file import json_line
from bonifiq_async.cli.files.private_files import private
from bonifiq_async.cli.language.library_errors import look_up_failed
from bonifiq_async.cli.language.packing import packed, unpacked
from bonifiq_async.cli.language.phrase import number, phrase
from bonifiq_async.cli.terminal.dialogue import interruptible
from bonifiq_async.cli.terminal.effects import effect_name
from bonifiq_async.cli.terminal.screen import give, say, show
from bonifiq_async.cli.terminal.tables import Table, show_table
from bonifiq_async.ledger.protocol import State
from bonifiq_async.ledger.reader import LedgerReader
from bonifiq_async.ledger.recorded import ChangeFilter, Recorded, short

AT_ONCE = 8
"""Customers that are asked about at once."""
MOST_UNPLACED = 10_000
"""Changes without a customer that are held against each movement that nothing else explains."""
READS = 3
"""How often a customer is asked about whose answer is a refusal or unreadable: a read is safe to repeat."""
LISTED = 20
"""What does not agree is shown one by one, as far as it is so many; `--out` has all."""
PACKED = "notes are packed, amounts have units"
"""Begins the question of a comparison: one that was begun with other lines begins anew."""
UNNAMED = "\x00"
"""Begins the name of a customer that the provider does not show: no id has it."""
COLUMNS = (
    "agreement",
    "customer_id",
    "change_key",
    "operation",
    "state",
    "value",
    "at",
    "event",
    "amount",
    "unit",
    "note",
)
"""What is said of a change, or of a movement, in `--out` and `--json`."""

EXIT_BY_AGREEMENT = {
    Agreement.MISSING: Exit.DIFFERS,
    Agreement.NOT_OURS: Exit.DIFFERS,
    Agreement.MAY_BE_OURS: Exit.UNKNOWN,
    Agreement.IN_DOUBT: Exit.UNKNOWN,
    Agreement.CANNOT_TELL: Exit.UNKNOWN,
}
"""The exit code for each; the first that is met counts."""


@frozen
class ReconcileOptions:
    """What `bonifiq reconcile` was given; `max_rate` is requests a second."""

    ledger: LedgerReader
    question: Question
    max_rate: float
    out: Path | None
    as_json: bool
    form: CsvForm = PLAIN


def reconcile(options: ReconcileOptions) -> int:
    """Compare, print what came of it, and return the exit code. Raises what the provider's client raises."""
    with interruptible():
        answers = Answers(options.ledger, options.question)
        adapter = answers.adapter
        if adapter is None or adapter.statements is None:
            raise ConfigurationError(
                phrase(
                    "There is nothing to compare changes of {provider} with: it shows no balance.",
                    provider=answers.provider or "-",
                )
            )
        if options.out is not None and options.out.exists():
            raise ConfigurationError(
                phrase("{to} exists already and stays as it is: name another file.", to=options.out)
            )
        made = client_from_env(adapter, AT_ONCE)(None)
        beside = Path(f"{options.ledger.file or options.ledger.name}.reconcile")
        with progress_file(beside, repr((PACKED, options.question, made.account))) as progress:
            with options.ledger.of(made.account).beside(progress.database):
                pass  # it is the ledger of this account
            unplaced = _take_in(progress, options, answers, adapter.statements)
            asked = progress.index()
            say(phrase("{count:,} customer to ask about.", "{count:,} customers to ask about.", count=asked))
            asyncio.run(
                _ask(
                    _Asking(progress, made, adapter, adapter.statements, answers.wanted, unplaced),
                    options.max_rate,
                )
            )
            code = _shown(progress, options, adapter)
        beside.unlink()
    return code


def _take_in(
    progress: ProgressFile, options: ReconcileOptions, answers: Answers, reader: StatementReader
) -> Sequence[Recorded]:
    """Read the ledger once, into what can be asked by customer.

    A change that no file can have and that names no customer is left out, and returned: no more of them than
    `MOST_UNPLACED`, the latest, and without their requests.
    """
    others: Counter[str] = Counter()
    unplaced: deque[Recorded] = deque(maxlen=MOST_UNPLACED)
    for change in options.ledger.changes():
        customer = reader.customer_of(change)
        in_files = answers.adapter is None or change.operation in answers.adapter.changes
        if customer is None and not in_files:
            others[change.operation] += 1
            unplaced.append(evolve(change, body=b"", answer=None, error=None))
            continue
        progress.put(
            customer or f"{UNNAMED}{change.customer_id}",
            _packed(change),
            wanted=answers.wanted.asks_for(change),
        )
    say_left_out(others)
    return unplaced


def _packed(change: Recorded) -> bytes:
    cells = astuple(change)
    return msgspec.msgpack.encode([each.value if isinstance(each, State) else each for each in cells])


def _unpacked(cells: bytes) -> Recorded:
    key, state, customer, body, error, operation, value, *rest = msgspec.msgpack.decode(cells)
    return Recorded(key, State(state), customer, body, error, operation, Decimal(value), *rest)


@frozen
class _Asking:
    """What is compared with what."""

    progress: ProgressFile
    client: Client
    adapter: FileAdapter
    reader: StatementReader
    wanted: ChangeFilter
    unplaced: Sequence[Recorded]


async def _ask(asking: _Asking, max_rate: float) -> None:
    """Ask about every customer that is left, some at once. An error that is not one customer's ends it."""
    loop, pacer = asyncio.get_running_loop(), Pacer(max_rate)

    async def pace() -> None:
        now = loop.time()
        wait = pacer.wait(now)
        pacer.took(now + wait, float("inf"))
        await asyncio.sleep(wait)

    left = asking.progress.customers()
    async with asking.client:
        tasks = [asyncio.create_task(_work(asking, left, pace)) for _ in range(AT_ONCE)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _work(
    asking: _Asking,
    left: Iterator[tuple[str, Sequence[tuple[bytes, bool]]]],
    pace: Callable[[], Awaitable[None]],
) -> None:
    for customer, cells in left:
        digest = hashlib.sha256(msgspec.msgpack.encode(cells)).digest()
        if asking.progress.is_found(customer, digest):
            continue
        shown = await _statement(asking, customer, pace)
        changes = [(_unpacked(each), wanted) for each, wanted in cells]
        asked = [Asked(each, asking.reader.moved_by(each, shown), wanted) for each, wanted in changes]
        own = next((asking.adapter.unit_of(each.change) for each in asked if not each.moves.unit), None)
        within = _period(asking.wanted, [each for each, wanted in changes if wanted])
        found = compare(asked, shown, within, asking.unplaced)
        asking.progress.found(customer, digest, [_row(customer, each, own) for each in found])


async def _statement(asking: _Asking, customer: str, pace: Callable[[], Awaitable[None]]) -> AccountStatement:
    """Return what the provider shows of a customer; where it refuses to, or cannot be read, why."""
    if customer.startswith(UNNAMED):
        return AccountStatement(
            note=phrase("the provider shows no movements under the name that the change has")
        )
    for left in reversed(range(READS)):
        try:
            return await asking.reader.read(asking.client, customer, pace)
        except AuthenticationError:
            raise
        except (RefusedError, PayloadError) as error:
            if not left:
                return AccountStatement(note=look_up_failed(error))
    raise AssertionError("the last read returns")


def _period(wanted: ChangeFilter, asked: Sequence[Recorded]) -> tuple[float, float]:
    """Return in which time a movement counts that is no change's: the question's, else the changes'."""
    since = min(each.first_sent for each in asked) - NEAR if wanted.since is None else wanted.since
    until = max(each.last_sent for each in asked) + NEAR if wanted.until is None else wanted.until
    return since, until


def _row(customer: str, found: Compared, unit: str | None) -> FoundRow:
    """Return what is said of a change or a movement; `unit` is the statement's own."""
    change, line = found.change, found.line
    return (
        found.agreement.value,
        customer.removeprefix(UNNAMED) if change is None else change.customer_id,
        None if change is None else change.key,
        None if change is None else short(change.operation),
        None if change is None else change.state.value,
        None if change is None else change.value,
        None if line is None or line.at is None else line.at.isoformat(),
        None if line is None else line.kind or None,
        None if line is None else line.in_unit(found.unit),
        found.unit or unit,
        packed(found.note),
    )


def _shown(progress: ProgressFile, options: ReconcileOptions, adapter: FileAdapter) -> int:
    """Write and print what was found; return the exit code."""
    counts: Counter[str] = Counter()
    used_elsewhere = 0
    differing: list[FoundRow] = []
    with contextlib.ExitStack() as stack:
        put = None if options.out is None else stack.enter_context(_out(options.out, options.form))
        for *cells, note in progress.lines():
            row = (*cells, unpacked(str(note)))
            counts[str(row[0])] += 1
            used_elsewhere += row[4] == State.USED_ELSEWHERE.value
            if put is not None:
                put(options.form.line(_values(row)))
            if row[0] != Agreement.AGREES.value and len(differing) < LISTED:
                differing.append(row)
    codes = [EXIT_BY_AGREEMENT[each] for each in EXIT_BY_AGREEMENT if counts[each.value]]
    code = next((each for each in (Exit.DIFFERS, Exit.UNKNOWN) if each in codes), Exit.DONE)
    if options.as_json:
        rows = [dict(zip(COLUMNS, _values(row), strict=True)) for row in differing]
        named = {each.value.replace(" ", "_"): counts[each.value] for each in Agreement}
        named["used_elsewhere"] = used_elsewhere
        give(json_line({**named, "differing": rows, "exit_code": int(code)}))
        return code
    _show(counts, differing, adapter)
    if used_elsewhere:
        show(
            phrase(
                "{count:,} has a key that was used elsewhere.",
                "{count:,} have a key that was used elsewhere.",
                count=used_elsewhere,
            )
        )
    left = counts.total() - counts[Agreement.AGREES.value] - len(differing)
    if left > 0:
        show(phrase("and {count:,} more; --out FILE.csv writes them all", count=left))
    return code


def _show(counts: Counter[str], differing: Sequence[FoundRow], adapter: FileAdapter) -> None:
    table = Table()
    table.add_column(phrase("ledger and provider"))
    table.add_column(phrase("changes, movements"), justify="right")
    for each in Agreement:
        table.add_row(NAMES[each], number(counts[each.value]))
    show_table(table)
    for row in differing:
        agreement, customer, key, operation, state, value, at, event, amount, unit, note = row
        what = (
            phrase(
                "movement of {amount} at {at} ({event})",
                event=event or "-",
                amount=_amount(adapter, amount, unit),
                at=at or "-",
            )
            if key is None
            else phrase(
                "{operation} {amount}, {state}, key {key}",
                operation=operation,
                key=key,
                amount=_amount(adapter, value, unit),
                state=effect_name(State(state)),
            )
        )
        show(
            phrase(
                "{agreement}: {customer}: {what}: {note}",
                agreement=NAMES[Agreement(agreement)],
                customer=customer,
                what=what,
                note=note,
            )
        )


def _amount(adapter: FileAdapter, amount: object, unit: object) -> str:
    return adapter.amount(Decimal(str(amount)), "" if unit is None else str(unit))


def _values(row: FoundRow) -> Sequence[object]:
    """Return what is said under `COLUMNS`, with amounts for the texts as which they were kept."""
    return [
        Decimal(str(each)) if name in ("value", "amount") and each is not None else each
        for name, each in zip(COLUMNS, row, strict=True)
    ]


NAMES = {
    Agreement.AGREES: phrase("agrees"),
    Agreement.MISSING: phrase("missing there"),
    Agreement.NOT_OURS: phrase("not ours"),
    Agreement.MAY_BE_OURS: phrase("may be ours"),
    Agreement.IN_DOUBT: phrase("in doubt"),
    Agreement.CANNOT_TELL: phrase("cannot tell"),
}
"""What each agreement is called on the screen."""


@contextlib.contextmanager
def _out(path: Path, form: CsvForm) -> Iterator[Callable[[bytes], object]]:
    """Give what writes lines to a new file. Raises `ConfigurationError`."""
    try:
        with open(path, "xb", opener=private) as file:
            file.write(form.head(COLUMNS))
            yield file.write
    except OSError as error:
        raise ConfigurationError(
            phrase("{to} cannot be written: {why}.", to=path, why=error.strerror)
        ) from None
