"""The texts of the command: each has its Portuguese with the same fields, and none bypasses the catalogue."""

import ast
import functools
import re
import string
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
import typer
from attrs import frozen
from console import Console
from import_graph import TREES
from one_test import one_test

from bonifiq_async._model.errors import NotAppliedError, OutcomeUnknownError
from bonifiq_async._model.outcome import Attempt, Verdict
from bonifiq_async.cli.app import ABOUT, EXIT_CODES, app
from bonifiq_async.cli.language.choice import chosen, option_first
from bonifiq_async.cli.language.help_pages import every_command
from bonifiq_async.cli.language.library_errors import said
from bonifiq_async.cli.language.phrase import ENGLISH, READER, number, phrase, shown
from bonifiq_async.cli.language.portuguese import PARTS, PORTUGUESE

TREES_OF_COMMANDS = {
    name: tree
    for name, tree in TREES.items()
    if name.split(".")[0] == "cli" or {"files", "commands", "evidence"} & set(name.split("."))
}
SAYING = {"say", "show", "agreed", "ConfigurationError", "BadParameter", "NotRead", "add_row", "add_column"}


@frozen
class Said:
    """A call of `phrase`: where it stands, its two forms, and the names of its fields."""

    where: str
    template: str
    many: str | None
    fields: frozenset[str]


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2], node


@functools.cache
def phrases() -> tuple[Said, ...]:
    return tuple(_phrases())


def _phrases() -> Iterator[Said]:
    for name, tree in TREES_OF_COMMANDS.items():
        for function, call in calls(tree):
            if function not in ("phrase", "rephrased") or name in (
                "cli.language.phrase",
                "cli.language.packing",
            ):
                continue
            where, templates = f"{name}:{call.lineno}", call.args[function == "rephrased" :]
            assert all(isinstance(each, ast.Constant) for each in templates), f"{where}: write the text there"
            assert all(each.arg for each in call.keywords), f"{where}: name the fields"
            texts = [str(each.value) for each in templates if isinstance(each, ast.Constant)]
            names = frozenset(each.arg or "" for each in call.keywords)
            yield Said(where, texts[0], texts[1] if len(texts) > 1 else None, names)


def helps() -> Iterator[str]:
    """Yield the declared help texts, except the two that are phrases."""
    group = typer.main.get_command(app)
    for each in every_command(group):
        texts = [each.help, *(getattr(one, "help", None) for one in each.params)]
        yield from (text for text in texts if text and text not in (ABOUT, EXIT_CODES))


def fields(template: str) -> dict[str, str]:
    """Return the fields of a template, with the form of numbers; each language writes dates as it does."""
    return {
        name: "" if "%" in (spec or "") else spec or ""
        for _, name, spec, _ in string.Formatter().parse(template)
        if name is not None
    }


def has_words(text: str) -> bool:
    return re.search(r"[^\W\d_]", re.sub(r"\{[^}]*\}", "", text)) is not None


def wanted() -> Mapping[str, str]:
    """Return what needs a translation: a template, and where it is said."""
    return {each.template: each.where for each in phrases() if has_words(each.template)} | dict.fromkeys(
        helps(), "help"
    )


def test_every_text_has_its_portuguese() -> None:
    assert {text: where for text, where in wanted().items() if text not in PORTUGUESE.templates} == {}


def test_no_portuguese_is_unused() -> None:
    known = {each.template for each in phrases()} | set(helps())
    assert [text for text in PORTUGUESE.templates if text not in known] == []
    assert sum(map(len, PARTS)) == len(PORTUGUESE.templates), "some text stands in two parts"


def test_the_fields_are_the_same() -> None:
    wrong = []
    for each in phrases():
        said = PORTUGUESE.templates.get(each.template, each.template)
        forms = said if isinstance(said, tuple) else (said,)
        english = [each.template] if each.many is None else [each.template, each.many]
        same = all(fields(form) == fields(english[-1]) for form in forms)
        given = fields(english[-1]).keys() | ({"count"} if len(forms) > 1 or each.many else set())
        if (
            not same
            or any(not fields(form).keys() <= each.fields for form in english)
            or given != each.fields
        ):
            wrong.append(each.where)
    assert wrong == []


def literals(node: ast.expr) -> Iterator[str]:
    """Yield the literal texts of an argument itself, not those inside another call."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from (part.value for part in node.values if isinstance(part, ast.Constant))
    elif isinstance(node, ast.BinOp | ast.IfExp | ast.Starred | ast.List | ast.Tuple):
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.expr):
                yield from literals(each)


def test_no_text_bypasses_the_catalogue() -> None:
    found = set()
    for name, tree in TREES_OF_COMMANDS.items():
        for function, call in calls(tree):
            if function in SAYING and any(has_words(text) for each in call.args for text in literals(each)):
                found.add(name)
    assert found == set()


@one_test
@pytest.mark.parametrize(
    ("environment", "arguments", "language"),
    [
        ({}, "check f", "en"),
        ({"LANG": "pt_BR.UTF-8"}, "check f", "pt"),
        ({"LANG": "pt_PT"}, "check f", "pt"),
        ({"LANG": "pt_BR.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "check f", "en"),
        ({"LANG": "pt_BR.UTF-8", "LC_MESSAGES": ""}, "check f", "pt"),
        ({"LANG": "pt_BR.UTF-8", "LC_ALL": "C"}, "check f", "en"),
        ({"LC_ALL": "en_US", "BONIFIQ_LANGUAGE": "pt"}, "check f", "pt"),
        ({"BONIFIQ_LANGUAGE": "pt"}, "--language en check f", "en"),
        ({}, "check f --language pt", "pt"),
        ({}, "check f --language=pt --json", "pt"),
        ({}, "check -- --language=pt", "en"),
        ({"LANG": "pt"}, "check f --language", "pt"),
        ({"LANG": "ptx"}, "check f", "en"),
    ],
)
def test_which_language(environment: Mapping[str, str], arguments: str, language: str) -> None:
    assert chosen(option_first(arguments.split()), environment).name == language


def test_a_phrase_is_its_english_and_its_portuguese() -> None:
    one, none = (phrase("{count:,} change", "{count:,} changes", count=count) for count in (1, 0))
    assert (one, none) == ("1 change", "0 changes")
    assert (one.within(PORTUGUESE), none.within(PORTUGUESE)) == ("1 lançamento", "0 lançamento")
    many = phrase("{count:,} change", "{count:,} changes", count=12345)
    within = phrase(
        "{rows} of {file} cannot be applied, so nothing was sent. Correct the file.",
        rows=many,
        file="f",
    )
    assert within.startswith("12,345 changes of f cannot")
    assert within.within(PORTUGUESE).startswith("Não é possível aplicar 12.345 lançamentos de f,")
    assert within.within(ENGLISH) == within


def test_numbers_have_the_marks_of_the_language() -> None:
    assert [number(each).within(PORTUGUESE) for each in (1234567, 1234.5)] == ["1.234.567", "1.234,5"]


def test_a_foreign_text_cannot_be_a_template() -> None:
    said = phrase("Interrupted.")
    hostile = phrase("{part}", part="{0.__class__}\x1b[31m")
    assert (said.within(PORTUGUESE), hostile.within(PORTUGUESE)) == (
        "Interrompido.",
        "{0.__class__}\\x1b[31m",
    )


@pytest.mark.parametrize(
    "arguments", [("--language", "pt", "check", "--help"), ("check", "--help", "--language=pt")]
)
def test_help_is_in_the_language(console: Console, arguments: tuple[str, ...]) -> None:
    page = console(*arguments).out
    assert "Uso: " in page and "bonifiq check [OPÇÕES]" in page and "Valida todas as linhas" in page
    assert "  [padrão: bonifiq]" in page and "Opções:\n" in page
    for english in ("Usage", "Options", "default:", "Validate"):
        assert english not in page


@one_test
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("apply f.csv --no-such", "a opção --no-such não existe"),
        (
            "apply f.csv --no-ledger --ledger l",
            "--no-ledger: diz o contrário de --ledger; use só uma das duas",
        ),
        ("aplicar f.csv", "o comando aplicar não existe"),
        ("check", "falta 'FILE'"),
        ("check f.csv g.csv", "g.csv está a mais"),
        ("check f.csv --sheet", "--sheet precisa de um valor"),
        ("check f.csv --json=1", "--json não aceita valor"),
        ("check f.csv --format x", "'x' não é nenhum destes: 'csv', 'jsonl'"),
        ("check f.csv --header-row x", "é preciso um número inteiro"),
        ("check f.csv --header-row 0", "precisa ser 1 ou mais"),
        ("demo --faults x", "é preciso um número"),
        ("demo --faults 2", "precisa ser 0.9 ou menos"),
    ],
)
def test_what_was_mistyped_is_said_in_the_language(console: Console, arguments: str, said: str) -> None:
    ended = console(*arguments.split(), BONIFIQ_LANGUAGE="pt")
    assert (ended.code, said in ended.err.rpartition("Erro: ")[2], "rror" in ended.err) == (2, True, False), (
        ended.err
    )


def test_an_unknown_change_is_explained_by_the_attempt_that_may_have_applied_it() -> None:
    """Not by a later one, which was never sent: that would read as if nothing could have happened."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    attempts = (
        Attempt(1, Verdict.LOST, None, True, at, 1.0, 0.0),
        Attempt(2, Verdict.NOT_SENT, None, False, at, 1.0, 0.0, cause="connection refused"),
    )
    reader = READER.set(PORTUGUESE)
    try:
        unknown = shown(said(OutcomeUnknownError("?", change_key="k", attempts=attempts)))
        given_up = shown(said(NotAppliedError("?", change_key="k", attempts=attempts[1:])))
    finally:
        READER.reset(reader)
    assert "a tentativa 1 foi enviada" in unknown and "connection refused" not in unknown, unknown
    assert "connection refused" in given_up
