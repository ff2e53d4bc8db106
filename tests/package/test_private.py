"""Tests speak to what is public: how often one reaches for a private attribute is bounded, file by file."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent.parent

THREAD = "the writer's thread: when it is woken, stops, or commits shows nowhere else"
OWNER = "the name and the beat of a process that writes: another process reads them, no user does"
LOOP = "what is scheduled or connected: a leak shows nowhere else, neither in asyncio nor in aiohttp"
SEALED = "what holds a secret: that nothing shows it is looked for everywhere, in private parts, too"
INSIDE = "one room by itself, which has no other face"
BOOKS = "the sandbox's own state, which no request brings about"
WAYS = "which of the two ways a request goes, which is the same from outside"
FIELDS = "no attribute of the package: a named tuple, or another library's double"

ALLOWED: dict[str, tuple[int, str]] = {
    "batch/test_adaptive_limit.py": (2, INSIDE),
    "batch/test_per_customer.py": (1, LOOP),
    "batch/test_run.py": (1, BOOKS),
    "cli/test_corners.py": (1, INSIDE),
    "cli/test_raba7ni_files.py": (1, BOOKS),
    "concurrency/test_loops.py": (3, THREAD),
    "concurrency/test_timers.py": (5, LOOP),
    "concurrency/test_yielding.py": (5, INSIDE),
    "conftest.py": (1, INSIDE),
    "ledger/test_ledger.py": (2, THREAD),
    "ledger/test_ledger_damage.py": (2, THREAD),
    "ledger/test_ledger_faults.py": (6, THREAD),
    "ledger/test_ledger_loops.py": (15, THREAD),
    "ledger/test_ledger_model.py": (2, OWNER),
    "ledger/test_ledger_waits.py": (5, THREAD),
    "ledger/test_location.py": (4, THREAD),
    "ledger/test_owner.py": (11, OWNER),
    "ledger/test_settle.py": (1, OWNER),
    "package/test_both_providers.py": (1, BOOKS),
    "package/test_contract.py": (2, BOOKS),
    "package/test_secrets.py": (3, SEALED),
    "raba7ni/test_client.py": (1, INSIDE),
    "sandbox/test_report.py": (2, BOOKS),
    "raba7ni/side.py": (1, BOOKS),
    "transport/test_aiohttp_parts.py": (3, WAYS),
    "transport/test_fast_path.py": (6, LOOP),
    "transport/test_hostile_answers.py": (2, WAYS),
    "transport/test_mocking_tools.py": (7, WAYS),
    "transport/test_session.py": (4, LOOP),
    "transport/test_sign_in.py": (2, INSIDE),
    "transport/test_unasked_answers.py": (3, LOOP),
    "verification/test_prove.py": (1, FIELDS),
}
"""How often each file reaches for a private attribute at most, and why; the numbers may only fall."""


def private(tree: ast.AST) -> Iterator[str]:
    """Yield each private attribute that is not the test's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            if not own:
                yield ast.unparse(node)


def test_no_test_reaches_for_more_than_it_is_allowed() -> None:
    """What is public, or a port, is what users and other rooms depend on: tests of it survive a move."""
    found = {
        path.relative_to(TESTS).as_posix(): list(private(ast.parse(path.read_text("utf-8"))))
        for path in TESTS.rglob("*.py")
    }
    assert {name: each for name, each in found.items() if len(each) > ALLOWED.get(name, (0, ""))[0]} == {}


def test_what_is_private_is_found() -> None:
    """Guards the reading of the code."""
    tree = ast.parse("self._own; ledger._writer.submit(x._y); thing.__class__; _name")
    assert Counter(private(tree)) == Counter(["ledger._writer", "x._y"])
