"""Values that nothing changes: those within for the type checker, those of users while the program runs."""

import copy
import importlib
import os
import pickle
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

import bonifiq_async
from bonifiq_async.evidence import Evidence
from bonifiq_async.fixed import fixed
from bonifiq_async.intent import Ending, State

SETS = """
from bonifiq_async.evidence import Evidence
from bonifiq_async.intent import Ending

def tamper(ending: Ending, evidence: Evidence) -> None:
    ending.attempts = 2
    evidence.sent = False
"""


def test_type_checker_refuses_a_change(tmp_path: Path) -> None:
    (tmp_path / "sets.py").write_text(SETS)
    line = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), "sets.py"]
    here = {**os.environ, "MYPYPATH": str(Path(__file__).parent.parent)}
    found = subprocess.run(line, cwd=tmp_path, env=here, capture_output=True, text=True, check=False)
    assert found.returncode == 1, found.stderr
    refused = [line.partition("error: ")[2] for line in found.stdout.splitlines()]
    assert refused[:2] == [
        'Property "attempts" defined in "Ending" is read-only  [misc]',
        'Property "sent" defined in "Evidence" is read-only  [misc]',
    ]


def values() -> Iterator[type[object]]:
    """Yield the classes of the package that are fixed."""
    for found in pkgutil.walk_packages(bonifiq_async.__path__, f"{bonifiq_async.__name__}."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            if getattr(module, "fixed", None) is fixed:
                for kind in vars(module).values():
                    if isinstance(kind, type) and attrs.has(kind) and kind.__module__ == found.name:
                        yield kind


def test_a_name_that_is_not_there_can_not_be_set() -> None:
    kinds = list(values())
    assert {Ending, Evidence} <= set(kinds)
    assert [kind for kind in kinds if not attrs.inspect(kind).is_slotted] == []


@pytest.mark.parametrize(
    "kind",
    [
        bonifiq_async.BasicCredentials,
        bonifiq_async.CashbackChange,
        bonifiq_async.CustomerPointsToExpire,
        bonifiq_async.Earn,
        bonifiq_async.FlowControl,
        bonifiq_async.PointDetailItem,
        bonifiq_async.PoolLimits,
        bonifiq_async.Raba7niCredentials,
        bonifiq_async.Redeem,
        bonifiq_async.Refund,
        bonifiq_async.RetryPolicy,
        bonifiq_async.Runtime,
        bonifiq_async.Timeouts,
    ],
)
def test_what_users_make_is_frozen(kind: type[object]) -> None:
    """It was checked when it was made, and never is again; so are the parts of an answer that calls share."""
    assert attrs.inspect(kind).is_frozen


def test_equal_values_are_one() -> None:
    value = Ending(State.APPLIED, 1, "x")
    again = pickle.loads(pickle.dumps(value))
    assert {value, again, copy.deepcopy(value)} == {value}
    assert value != Ending(State.APPLIED, 2, "x")


def test_a_fixed_value_may_be_made_of_a_frozen_one() -> None:
    """Whatever was made before it."""

    @attrs.frozen
    class Below:
        number: int

    assert attrs.inspect(fixed(type("Above", (Below,), {}))).is_frozen
