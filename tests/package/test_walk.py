"""The calls of one change: few, and none that enters a module again from below."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from attrs import define, field
from conftest import change, client_for

import bonifiq_async
from bonifiq_async import Effect

PACKAGE = Path(bonifiq_async.__file__).parent

MOST_CALLS = 74
"""Python calls of one fresh change that succeeds, each resumption of a coroutine included."""


@define
class Walk:
    """The calls within the package, each with its depth, and those that enter a module again."""

    calls: list[str] = field(factory=list)
    entered_again: list[str] = field(factory=list)

    def note(self, frame: FrameType, event: str, _: object) -> None:
        """See `sys.setprofile`."""
        here = module_of(frame)
        if event != "call" or here is None:
            return
        above, caller = [], frame.f_back
        while caller is not None:
            if (module := module_of(caller)) is not None:
                above.append(module)
            caller = caller.f_back
        name = f"{here} {frame.f_code.co_qualname}"
        self.calls.append("  " * len(above) + name)
        if above and above[0] != here and here in above:
            self.entered_again.append(name)


def module_of(frame: FrameType) -> str | None:
    """Return the module of the package whose code runs in `frame`, None for other code."""
    path = Path(frame.f_code.co_filename)
    return str(path.relative_to(PACKAGE)) if path.is_relative_to(PACKAGE) else None


async def test_a_fresh_change_calls_downwards_and_returns_once(sandbox) -> None:
    """On an open connection, with a ledger in memory.

    What a module above gives to one below may be called there: the reader of answers, and what says whether a
    request may leave. No frame of that module is waiting then.
    """
    walk = Walk()
    async with client_for(sandbox()) as client:
        await client.customers.change_cashback(change("first", "10.50"))
        fresh = change("second", "10.50")
        sys.setprofile(walk.note)
        try:
            outcome = await client.customers.change_cashback(fresh)
        finally:
            sys.setprofile(None)
    assert outcome.effect is Effect.APPLIED
    assert any("fast_path" in call for call in walk.calls), "it took the public path"
    assert walk.entered_again == []
    assert len(walk.calls) <= MOST_CALLS, "\n".join([f"{len(walk.calls)} calls", *walk.calls])


MOST_LINES, MOST_PARAMETERS = 50, 6
LARGER = {
    "cli/afterwards/declared.py history": "the declaration of a command and its options",
    "cli/afterwards/declared.py reconcile": "the declaration of a command and its options",
    "cli/app.py apply": "the declaration of a command and its options",
    "cli/app.py check": "the declaration of a command and its options",
    "cli/app.py convert": "the declaration of a command and its options",
    "cli/app.py settle": "the declaration of a command and its options",
    "_model/errors.py __init__": "the attributes of an error; each is optional",
    "_policy/request.py prepare": "a request's parts, which are those of the value that it makes",
    "_transport/session.py __init__": "settings",
    "bonifiq/client.py __init__": "settings",
    "raba7ni/client.py __init__": "settings",
    "bonifiq/sandbox/sandbox.py __init__": "settings",
    "sandbox/script.py __init__": "settings",
    "bonifiq/customers.py add_cashback": "the members of the provider's payload",
    "bonifiq/customers.py remove_cashback": "the members of the provider's payload",
    "bonifiq/calls/catalogue.py upsert": "the members of the provider's payload",
    "bonifiq/calls/customers.py add_points": "the members of the provider's payload",
    "bonifiq/calls/customers.py remove_points": "the members of the provider's payload",
    "bonifiq/calls/point_of_sale.py challenge": "the members of the provider's payload",
    "bonifiq/calls/point_of_sale.py redeem": "the members of the provider's payload",
    "bonifiq/calls/reports.py customers": "the parameters of the provider's page",
    "bonifiq/calls/rewards.py redeem_product_discount": "the members of the provider's payload",
    "bonifiq/checkout.py redeem": "the members of the provider's payload",
    "raba7ni/cashback.py earn": "the members of the provider's payload",
    "raba7ni/cashback.py redeem": "the members of the provider's payload",
    "raba7ni/cashback.py refund": "the members of the provider's payload",
    "raba7ni/changes.py __init__": "the members of the provider's payload",
}
"""Functions that may have more lines or parameters, each with the reason."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    """Yield every function of the package, with its module and name."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, Function):
                yield f"{path.relative_to(PACKAGE).as_posix()} {node.name}", node


def size(function: Function) -> tuple[int, int]:
    """Return the lines of a function without its docstring, and its parameters without `self` or `cls`."""
    arguments = function.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    first, last = function.body[0], function.end_lineno or 0
    described = 0
    if ast.get_docstring(function) is not None and first.end_lineno is not None:
        described = first.end_lineno - first.lineno + 1
    return last - function.lineno + 1 - described, len(names) - (names[:1] in (["self"], ["cls"]))


def is_large(function: Function) -> bool:
    lines, parameters = size(function)
    return lines > MOST_LINES or parameters > MOST_PARAMETERS


def test_every_function_fits_on_a_screen() -> None:
    """And takes few parameters."""
    large = {name: size(function) for name, function in functions() if is_large(function)}
    assert {name: found for name, found in large.items() if name not in LARGER} == {}


def test_every_exception_is_needed() -> None:
    large = {name for name, function in functions() if is_large(function)}
    assert LARGER.keys() - large == set()


@pytest.mark.parametrize(
    ("source", "large"),
    [
        ("def f(a, b, c, d, e, f): ...", False),
        ("def f(a, b, c, d, e, f, g): ...", True),
        ("async def f(self, a, b, c, d, *, e, f): ...", False),
        ("def f():\n" + "    a()\n" * 49, False),
        ("def f():\n" + "    a()\n" * 50, True),
        ("def f():\n    '''\n    b\n    '''\n" + "    a()\n" * 49, False),
    ],
)
def test_the_size_of_a_function(source: str, large: bool) -> None:
    [function] = ast.parse(source).body
    assert isinstance(function, Function)
    assert is_large(function) is large
