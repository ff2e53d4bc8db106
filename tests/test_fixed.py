"""Fixed values: the type checker keeps them as they are, and they compare and pickle as values do."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from bonifiq_async.bonifiq.payloads import CustomerPoints
from bonifiq_async.intent import Ending, State

SETS = """
from bonifiq_async import CustomerPoints, Outcome
from bonifiq_async.intent import Ending

def tamper(ending: Ending, points: CustomerPoints, outcome: Outcome[CustomerPoints]) -> None:
    ending.attempts = 2
    points.name = "Ana"
    outcome.position = 1
"""


def test_type_checker_refuses_a_change(tmp_path: Path) -> None:
    (tmp_path / "sets.py").write_text(SETS)
    line = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "sets.py"]
    here = {**os.environ, "MYPYPATH": str(Path(__file__).parent.parent)}
    found = subprocess.run(line, cwd=tmp_path, env=here, capture_output=True, text=True, check=False)
    assert found.returncode == 1, found.stderr
    refused = [line.partition("error: ")[2] for line in found.stdout.splitlines()]
    expected = [
        f'Property "{name}" defined in "{of}" is read-only  [misc]'
        for of, name in (("Ending", "attempts"), ("CustomerPoints", "name"), ("Outcome", "position"))
    ]
    assert refused[:3] == expected


@pytest.mark.parametrize(
    "value", [Ending(State.APPLIED, 1, "x"), CustomerPoints(name="Ana")], ids=lambda each: type(each).__name__
)
def test_equal_values_are_one(value: object) -> None:
    again = pickle.loads(pickle.dumps(value))
    assert {value, again, copy.deepcopy(value)} == {value}


def test_different_values_are_two() -> None:
    assert Ending(State.APPLIED, 1) != Ending(State.APPLIED, 2)
