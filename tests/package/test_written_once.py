"""Nothing is written twice: no two places have the same lines, or statements of the same shape.

Lines count wherever they stand: in a signature or a list, too. The shape of statements is what is left
without their names, texts and numbers; it counts in functions. Fields, tables and signatures of one shape
declare things of one kind, and no logic stands twice in them.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

PACKAGE = Path(__file__).parent.parent.parent / "bonifiq_async"
LINES = 6
"""Lines of code, at least, that are the same one by one."""
SHAPED_LINES, STATEMENTS = 5, 2
"""Lines and statements, at least, of one shape."""
DEFENDED: dict[str, set[str]] = {
    "a client's options are written out: help and type checkers read them, and a local that holds an address "
    "is deleted in the frame that has it": {"bonifiq/client.py:__init__", "raba7ni/client.py:__init__"},
    "an endpoint has what its page says, also where the row of another says the same": {
        "bonifiq/operations/orders.py:",
        "bonifiq/operations/point_of_sale.py:",
        "bonifiq/operations/redeems.py:",
    },
    "a schema has the members of its page, also where another has the same ones": {
        "bonifiq/schemas/customers.py:CustomerResponse",
        "bonifiq/schemas/orders.py:OrderCustomer",
    },
    "adding and removing take the same arguments, as a value and as a call": {
        "bonifiq/calls/customers.py:add_points",
        "bonifiq/calls/customers.py:remove_points",
        "bonifiq/changes/points.py:add",
        "bonifiq/changes/points.py:remove",
        "bonifiq/customers.py:add_cashback",
        "bonifiq/customers.py:remove_cashback",
        "bonifiq/payloads.py:add",
        "bonifiq/payloads.py:remove",
    },
    "arguments are passed on by name; a token and a PIN are deleted in each frame that has them": {
        "raba7ni/cashback.py:earn",
        "raba7ni/cashback.py:redeem",
        "raba7ni/changes.py:__init__",
    },
    "typer reads the options of a command from its signature": {
        "cli/app.py:apply",
        "cli/app.py:check",
        "cli/app.py:convert",
    },
    "both ledgers take the same settings": {"ledger/memory.py:__init__", "ledger/sqlite/store.py:__init__"},
    "what was given is kept": {
        "_model/errors.py:__init__",
        "_transport/fast_path.py:__init__",
        "batch/run.py:__init__",
    },
    "each change passes here, and a function of both would cost it one more call": {
        "_concurrency/limiter.py:release",
        "batch/queue.py:_wake",
    },
    "likewise; and aiohttp's parser has other names than its answer": {
        "_transport/fast_path.py:exchange",
        "_transport/public_path.py:by_session",
    },
    "each refusal has a sentence of its own": {"_policy/failures.py:_refused"},
    "each error has a sentence of its own, and the catalogue reads them here": {
        "cli/language/library_errors.py:_of_library"
    },
    "each file that cannot be written has a sentence of its own, and what to do instead": {
        "cli/afterwards/report.py:_told",
        "cli/examination/groups.py:_taken",
    },
    "each asks a question of its own in SQL, and tells what it found row by row": {
        "cli/examination/look_alikes.py:look_alikes",
        "cli/files/examine.py:_leave_out_conflicts",
        "cli/files/examine.py:_leave_out_repeats",
    },
    "one proxy has threads, which go on while the loop is busy; one is in the loop, whose waits it tries": {
        "verification/experiments/doubled_answers.py:_doubler",
        "verification/experiments/early_waits.py:_fronted",
    },
}
"""Functions in which the same stands, by the reason."""


def is_thin(statement: ast.AST) -> bool:
    says = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return says or isinstance(statement, ast.Import | ast.ImportFrom)


def runs_of_lines(text: str, tree: ast.Module) -> Iterator[tuple[range, str]]:
    """Yield each run of lines with code in them, and where it stands: without docstrings and imports."""
    left_out = {
        line for node in ast.walk(tree) if is_thin(node) for line in range(node.lineno, node.end_lineno + 1)
    }
    lines = []
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if number not in left_out and line[:1] != "#" and any(map(str.isalnum, line)):
            lines.append((number, line))
    for run in zip(*(lines[first:] for first in range(LINES)), strict=False):
        yield range(run[0][0], run[-1][0] + 1), "\n".join(line for _, line in run)


def blocks(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield the statements of every block that is in a function, without imports and docstrings."""
    for node in ast.walk(tree):
        for part in ("body", "orelse", "finalbody"):
            found = getattr(node, part, None)
            if isinstance(found, list) and not isinstance(node, ast.Module | ast.ClassDef):
                yield [each for each in found if not is_thin(each)]


@cache
def shape(node: ast.AST) -> str:
    return f"{type(node).__name__}({','.join(map(shape, ast.iter_child_nodes(node)))})"


@cache
def statements_in(node: ast.AST) -> int:
    return isinstance(node, ast.stmt) + sum(map(statements_in, ast.iter_child_nodes(node)))


def runs_of_shapes(block: list[ast.stmt]) -> Iterator[tuple[range, str]]:
    """Yield, from each statement of a block on, the fewest that are so many and so long."""
    shapes = [shape(each) for each in block]
    for first, beginning in enumerate(block):
        lines = statements = 0
        for last, each in enumerate(block[first:], first):
            lines += each.end_lineno - each.lineno + 1
            statements += statements_in(each)
            if lines >= SHAPED_LINES and statements >= STATEMENTS:
                yield range(beginning.lineno, each.end_lineno + 1), "\n".join(shapes[first : last + 1])
                break


def defined(tree: ast.Module) -> list[tuple[range, str]]:
    """Return each function and class with its lines, the outer ones first."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    nodes = (node for node in ast.walk(tree) if isinstance(node, kinds))
    return [(range(node.lineno, node.end_lineno + 1), node.name) for node in nodes]


def places_of_runs() -> dict[str, list[tuple[str, range]]]:
    """Return where each run stands: file and function, and its lines; runs that overlap count once."""
    found: dict[str, list[tuple[str, range]]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        text, file = path.read_text("utf-8"), path.relative_to(PACKAGE).as_posix()
        tree = ast.parse(text)
        around = defined(tree)
        shaped = (run for block in blocks(tree) for run in runs_of_shapes(block))
        for lines, run in chain(runs_of_lines(text, tree), shaped):
            if not any(there.startswith(f"{file}:") and lines[0] in taken for there, taken in found[run]):
                names = [name for within, name in around if lines[0] in within]
                found[run].append((f"{file}:{''.join(names[-1:])}", lines))
    return found


def test_nothing_is_written_twice_without_a_reason() -> None:
    needed = set()
    for run, places in places_of_runs().items():
        if len(places) > 1:
            named = {name for name, _ in places}
            reasons = [reason for reason, known in DEFENDED.items() if named <= known]
            assert reasons, f"write it once, or say why it stands in {', '.join(sorted(named))}:\n{run}"
            needed.update(reasons)
    assert needed == DEFENDED.keys(), "what stands once needs no defence"
