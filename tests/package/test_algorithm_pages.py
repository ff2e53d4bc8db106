"""The pages of docs/ on the algorithms: their tables and drawings, held against the code."""

import ast
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from inspect import getmembers
from pathlib import Path

import pytest
from import_graph import TREES
from one_test import one_test

from bonifiq_async import Effect, StopReason, Verdict
from bonifiq_async._model.operation import RepeatClass
from bonifiq_async._policy.rate_limit.allowance import READ
from bonifiq_async._policy.retry import ACTIONS
from bonifiq_async._policy.verdict import CONTRIBUTION
from bonifiq_async._transport.aiohttp_parts import NEEDED, PASSED_BY, TRIED
from bonifiq_async.ledger.protocol import (
    TRANSITIONS,
    Conflict,
    Granted,
    Held,
    Intent,
    Row,
    Settled,
    State,
    Unsettled,
    rule,
)
from bonifiq_async.ledger.sqlite.schema import TABLES

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = {path.relative_to(DOCS).as_posix(): path.read_text("utf-8") for path in sorted(DOCS.rglob("*.md"))}
ALGORITHMS = {
    "_policy.retry": "explanation/retry.md",
    "_policy.budget": "explanation/retry.md",
    "_policy.wait_scope": "explanation/retry.md",
    "_policy.rate_limit.allowance": "explanation/rate-limit-headers.md",
    "_model.outcome": "explanation/outcomes.md",
    "ledger.sqlite": "explanation/ledger.md",
    "ledger.sqlite.owner": "explanation/ledger.md",
    "ledger.postgres": "explanation/many-machines.md",
    "ledger.postgres.pace": "explanation/shared-pace.md",
    "batch.worker_pace": "explanation/shared-pace.md",
    "_limits.moments": "explanation/shared-pace.md",
    "ledger.postgres.owner": "explanation/many-machines.md",
    "_limits.adaptive_limit": "explanation/adaptive-limit.md",
    "_limits.failure_rate": "explanation/adaptive-limit.md",
    "_limits.shared": "explanation/adaptive-limit.md",
    "_limits.pacer": "explanation/adaptive-limit.md",
    "_limits.inference.cause": "explanation/adaptive-limit.md",
    "_limits.inference.ceiling": "explanation/adaptive-limit.md",
    "_limits.inference.contention": "explanation/adaptive-limit.md",
    "_limits.inference.even": "explanation/adaptive-limit.md",
    "_limits.inference.kind": "explanation/adaptive-limit.md",
    "_limits.inference.rate_search": "explanation/adaptive-limit.md",
    "_limits.inference.said": "explanation/adaptive-limit.md",
    "_limits.inference.trace": "explanation/adaptive-limit.md",
    "_delivery.single_flight": "explanation/single-flight.md",
    "_delivery.claim": "explanation/single-flight.md",
    "batch.outage": "explanation/outage.md",
    "_transport.fast_path": "explanation/fast-path.md",
    "_policy.statement": "explanation/answers.md",
}
"""Which page describes what a module decides."""


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    lines = [f"| {' | '.join(str(getattr(cell, 'value', cell)) for cell in row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * lines[0].count(" | ") + "---|", *lines[1:]])


# --- the ledger's states ---


def row(state: State, *, live: bool = False, digest: bytes = b"same") -> Row:
    return Row(digest, state, False, 1, "another", 10.0 if live else -10.0, 0.0, "ana", 5)  # type: ignore[arg-type]


INTENT = Intent("op", "key", b"same", "ana", 5, "/", b"", ("provider", "account"))  # type: ignore[arg-type]
ANSWERS = {
    Granted: "send it",
    Settled: "applied already: send nothing",
    Conflict: "conflict: send nothing",
    Held: "wait: another owner may be sending it",
    Unsettled: "send nothing: a person settles it",
}


def answer(at: Row | None, *, repeatable: bool) -> str:
    ruling = rule(at, INTENT, now=0.0, owner="me", repeatable=repeatable, retention=float("inf"))
    doubt = ", and it stays in doubt until an answer" if getattr(ruling, "in_doubt", False) else ""
    return ANSWERS[type(ruling)] + doubt


def claims() -> Iterator[tuple[object, ...]]:
    rows: list[tuple[str, State | None, bool]] = [("never seen", None, False)]
    rows += [
        ("claimed, and its owner holds it", State.CLAIMED, True),
        ("claimed, and not held", State.CLAIMED, False),
    ]
    rows += [(state.value, state, False) for state in State if state is not State.CLAIMED]
    for name, state, live in rows:
        same = None if state is None else row(state, live=live)
        other = None if state is None else row(state, live=live, digest=b"other")
        yield (
            name,
            answer(same, repeatable=True),
            answer(same, repeatable=False),
            answer(other, repeatable=True),
        )


def transitions() -> str:
    """Return the drawing of the states; a change that is not seen yet is the filled circle."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state.value}" as {state.name.lower()}' for state in State]
    for state, following in TRANSITIONS.items():
        begin = "[*]" if state is None else state.name.lower()
        lines += [f"    {begin} --> {each.name.lower()}" for each in State if each in following]
    return "\n".join(lines)


def columns(statement: str) -> str:
    inside = statement[statement.index("(") + 1 : statement.rindex(")")]
    parts = re.split(r", (?![^(]*\))", inside)
    return ", ".join(f"`{part.split()[0]}`" for part in parts if not part.lstrip().startswith("UNIQUE"))


# --- all tables ---


def rendered() -> dict[str, str]:
    """Return each table and drawing as its page has it."""
    return {
        "retry": table(
            ("verdict", *(f"`{each.name}`" for each in RepeatClass)),
            ((verdict, *row.values()) for verdict, row in ACTIONS.items()),
        ),
        "contribution": table(
            ("verdict", "the balance, when the call is given up after it"),
            CONTRIBUTION.items(),
        ),
        "claims": table(
            (
                "the ledger has",
                "the same change, which may be repeated",
                "the same change, which may not",
                "another change",
            ),
            claims(),
        ),
        "transitions": f"```mermaid\n{transitions()}\n```",
        "columns": table(("table", "columns"), ((f"`{name}`", columns(sql)) for name, sql in TABLES.items())),
        "rate limits": table(
            ("part", "headers"),
            (
                (part, ", ".join(f"`{name}`" for name, (_, its) in READ.items() if its == part))
                for part in dict.fromkeys(part for _, part in READ.values())
            ),
        ),
        "needed": table(
            ("class of aiohttp", "parts that the fast path uses"),
            (
                (f"`{name}`", ", ".join(f"`{part}`" for part in parts) or "the class")
                for name, parts in NEEDED.items()
            ),
        ),
        "passed by": table(
            ("class of aiohttp", "parts that the fast path does without"),
            ((f"`{name}`", ", ".join(f"`{part}`" for part in parts)) for name, parts in PASSED_BY.items()),
        ),
    }


@pytest.mark.parametrize("name", rendered())
def test_a_page_has_the_table(name: str) -> None:
    marked = f"<!-- table: {name} -->\n{rendered()[name]}\n<!-- end -->"
    assert [page for page, text in PAGES.items() if marked in text] != [], marked


def test_every_marked_table_is_tested() -> None:
    """The tables of the answers have a test of their own."""
    marks = {
        mark
        for page, text in PAGES.items()
        if page != "explanation/answers.md"
        for mark in re.findall("<!-- table: (.*) -->", text)
    }
    assert marks == rendered().keys()


def numbers(module: str) -> dict[str, str]:
    """Return the numbers that a module names in capitals, those of its classes included."""
    code = import_module(f"bonifiq_async.{module}")
    named = {name: value for name, value in vars(code).items() if name in defined(module)}
    for _, kind in getmembers(code, lambda each: isinstance(each, type)):
        if kind.__module__ == code.__name__:
            named |= {name: value for name, value in vars(kind).items() if name.isupper()}
    return {name: f"{value:,g}" for name, value in named.items() if type(value) in (int, float)}


def defined(module: str) -> set[str]:
    """Return the names in capitals that a module assigns; what it imports is another module's."""
    lines = TREES[module].body
    return {word for line in lines for word in re.findall(r"\b[A-Z][A-Z_0-9]+\b", targets(line))}


def targets(line: ast.stmt) -> str:
    if isinstance(line, ast.Assign):
        return " ".join(ast.unparse(each) for each in line.targets)
    return ast.unparse(line.target) if isinstance(line, ast.AnnAssign) else ""


CONSTANTS = [
    (page, module, body)
    for page, text in PAGES.items()
    for module, body in re.findall(r"<!-- constants: (\S+) -->\n(.*?)<!-- end -->", text, re.DOTALL)
]


@pytest.mark.parametrize(("page", "module", "body"), CONSTANTS, ids=[module for _, module, _ in CONSTANTS])
def test_every_constant_is_in_the_table(page: str, module: str, body: str) -> None:
    """With the value that it has."""
    shown = re.findall(r"^\| `(\w+)` \| (\S+) \| \S.*\|$", body, re.MULTILINE)
    assert dict(shown) == numbers(module)


def test_the_constants_of_every_tuned_algorithm_are_shown() -> None:
    tuned = {"_policy.retry", "_policy.budget", "_policy.wait_scope", "_limits.adaptive_limit"}
    tuned |= {"_delivery.single_flight", "_delivery.claim"}
    tuned |= {
        f"_limits.inference.{name}"
        for name in ("cause", "ceiling", "contention", "kind", "rate_search", "said", "trace")
    }
    tuned |= {
        "_limits.failure_rate",
        "_limits.pacer",
        "_limits.shared",
        "_limits.admission",
        "batch.outage",
        "ledger.sqlite.owner",
        "ledger.postgres.owner",
    }
    assert tuned <= {module for _, module, _ in CONSTANTS}


@pytest.mark.parametrize("kind", [Effect, StopReason, Verdict, State])
def test_every_value_is_described(kind: type[Effect | StopReason | Verdict | State]) -> None:
    """In a table whose first column has the names."""
    page = PAGES["explanation/ledger.md"] if kind is State else PAGES["explanation/outcomes.md"]
    assert [each.name for each in kind if f"\n| `{each.name}` | " not in page] == []


def test_the_versions_that_were_tried_are_named() -> None:
    assert f"aiohttp {' and '.join(TRIED)}" in PAGES["explanation/fast-path.md"]


@one_test
@pytest.mark.parametrize(("module", "page"), ALGORITHMS.items())
def test_the_module_names_its_page(module: str, page: str) -> None:
    """And the page names the module."""
    assert f"docs/{page}" in (import_module(f"bonifiq_async.{module}").__doc__ or "")
    assert f"`{module.replace('.', '/')}" in PAGES[page]


LINKS = [
    (path, link)
    for path in [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]
    for link in re.findall(r"\]\(([^)#:]*(?:#[^)]*)?)\)", path.read_text("utf-8"))
]


@one_test
@pytest.mark.parametrize(("path", "link"), LINKS, ids=lambda value: getattr(value, "name", value))
def test_a_link_leads_somewhere(path: Path, link: str) -> None:
    """To a file that is there, and to a heading in it."""
    file, _, anchor = link.partition("#")
    target = path.parent / file if file else path
    assert target.exists()
    if anchor:
        headings = re.findall(r"^#+ (.*)", target.read_text("utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
