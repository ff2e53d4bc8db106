"""Worker processes on one ledger, through kills, crashes of its server and outages of the provider.

`benchmarks/many_workers.py` runs them: `python benchmarks/many_workers.py` is the size of a release.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from on_this_machine import skip_without
from postgres_cluster import PGBOUNCER, installed

PROGRAM = Path(__file__).parent.parent.parent.parent / "benchmarks" / "many_workers.py"
SMALL = ("--changes", "1200", "--kills", "4", "--crashes", "2", "--outages", "1", "--silence", "2")
FINDINGS = ("lost", "doubled", "wrong", "disordered", "unaccounted", "deadlocks")


def ran(*options: str) -> dict[str, object]:
    """Run it, and return what it found."""
    skip_without(installed(), "the programs of PostgreSQL are not installed here")
    command = [sys.executable, str(PROGRAM), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert ended.stdout, ended.stderr
    found: dict[str, object] = json.loads(ended.stdout)
    assert (ended.returncode == 0) == (not any(found[name] for name in FINDINGS)), ended.stderr
    return found


@pytest.mark.slow
@pytest.mark.parametrize("way", [(), ("--pgbouncer",)], ids=["directly", "through PgBouncer"])
def test_money_moves_once_whatever_is_killed(way: tuple[str, ...]) -> None:
    """Nothing lost, doubled, wrong or out of order; everything stands in the ledger; no deadlock."""
    if way:
        skip_without(Path(PGBOUNCER).exists(), "no PgBouncer is installed here")
    found = ran(*SMALL, *way)
    assert {name: found[name] for name in FINDINGS} == dict.fromkeys(FINDINGS, 0), found
    assert (found["kills"], found["crashes"]) == (4, 2)
