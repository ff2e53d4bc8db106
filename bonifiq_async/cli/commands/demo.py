"""`bonifiq demo`: the main job against the sandbox with faults on, and the books compared at the end."""

import csv
import random
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import cast

from bonifiq_async._model.money import EXACT
from bonifiq_async._model.outcome import Effect
from bonifiq_async.bonifiq.client import BonifiQClient
from bonifiq_async.cli.adapter import Client
from bonifiq_async.cli.commands.run import PATIENCE, Settings, send
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.examine import Plan, examine
from bonifiq_async.cli.files.rows import Source
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.ledgers import ledger_at
from bonifiq_async.cli.terminal.report import Comparison, RunEnding, comparison_table, ending_table
from bonifiq_async.cli.terminal.screen import show, whatever_is_read
from bonifiq_async.cli.terminal.tables import show_table
from bonifiq_async.sandbox import FaultScript, Sandbox

CHANGES_PER_CUSTOMER = 5


def demo(changes: int, seed: int, faults: FaultScript) -> int:
    """Print how a demonstration went, and return the exit code."""
    found = run_demo(changes, seed, faults)
    with whatever_is_read(to_the_end=False):
        show_table(ending_table(found.ending))
        show_table(comparison_table(found))
        show(
            phrase(
                "{count:,} changes, {lost} lost, {doubled} doubled.",
                count=changes,
                lost=found.lost,
                doubled=found.doubled,
            )
        )
    if found.ending.interrupted:
        return Exit.INTERRUPTED
    return Exit.DONE if found.agrees else Exit.BUG


def run_demo(changes: int, seed: int, faults: FaultScript) -> Comparison:
    """Apply `changes` made-up changes while requests fail as `faults` say, and compare the books."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(duplicates="error-400", faults=faults) as sandbox:
        source = Source(_made_up(Path(folder) / "changes.csv", changes, seed), "changes.csv", "csv")
        plan = examine(source, lambda problem: None)
        out = Path(folder) / "outcomes.csv"
        ending = send(
            plan,
            Settings(out=out, ledger=ledger_at(f"{folder}/changes.csv.ledger")),
            lambda ledger: cast(
                Client,
                BonifiQClient(sandbox.credentials, base_url=sandbox.url, retry=PATIENCE, ledger=ledger),
            ),
        )
        return _compare(plan, out, ending, sandbox)


def _made_up(path: Path, changes: int, seed: int) -> Path:
    chance = random.Random(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("customer_id", "value", "reason", "reference"))
        for number in range(changes):
            customer = f"customer-{chance.randrange(max(1, changes // CHANGES_PER_CUSTOMER))}@example.com"
            cents = chance.randrange(1, 5000) * chance.choice((1, 1, 1, -1))
            writer.writerow((customer, Decimal(cents) / 100, "campaign", f"order-{number}"))
    return path


def _compare(plan: Plan, out: Path, ending: RunEnding, sandbox: Sandbox) -> Comparison:
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    reported = {row["change_key"]: Effect[row["effect"].upper()] for row in rows}
    used = sum(row["used_elsewhere"] == "true" for row in rows)
    lost = doubled = wrong = 0
    balances: defaultdict[str, Decimal] = defaultdict(Decimal)
    for change in plan.read():
        effects = len(sandbox.books.effects(change.change_key))
        effect = reported.get(change.change_key)
        moved = effect in (Effect.APPLIED, Effect.ALREADY_APPLIED)
        lost += effect is None or (moved and effects == 0)
        doubled += effects > 1
        wrong += not moved and effect is not Effect.UNKNOWN and effects > 0
        balances[change.customer_id] = EXACT.add(
            balances[change.customer_id], change.value if effects else Decimal(0)
        )
    actual = sandbox.books.balances()
    wrong_balances = sum(
        actual.get(customer, Decimal(0)) != balance for customer, balance in balances.items()
    )
    requests, faults = sandbox.books.requests, sandbox.faults.met.total()
    return Comparison(ending, requests, faults, lost, doubled, used, wrong, wrong_balances)
