"""Plain words: the package, its tests and its pages name subjects that exist, and use the field's terms."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from one_test import one_test

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / "bonifiq_async").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__))
"""All but this file, which has the words."""
PAGES = [
    ROOT / "benchmarks" / "README.md",
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

BANNED = {
    "who": "name the subject: the caller, another process, the operator, the provider",
    "whom": "name the subject",
    "whoever": "name the subject",
    "nobody": "name the subject, or turn the sentence: the provider does not de-duplicate it",
    "somebody": "name the subject: another call, another process",
    "anybody": "name the subject",
    "everybody": "name the subjects: all tasks, all requests",
    "someone": "name the subject: another call, another process",
    "anyone": "name the subject",
    "everyone": "name the subjects",
    "parted by": "separated by",
    "rows said twice": "repeated rows",
    "mend": "correct",
    "mends": "corrects",
    "mended": "corrected",
    "door": "validation",
    "doorkeeper": "say what it does",
    "house": "package",
    "room": "package, space, permits, or time",
    "rooms": "packages",
    "noes": "refusals",
    "people": "operators, users, or say what is shown",
    "told": "reported, shown, asked, or returned to the caller",
    "told apart": "distinguished",
    "hear": "get, or read",
    "hears": "gets, or reads",
    "heard": "read, received, or honoured",
    "blot": "redact",
    "blots": "redacts",
    "blotted": "redacted",
    "blotter": "redactor",
    "leans": "uses, or depends",
    "spoken": "say what is sent",
    "slot": "permit",
    "slots": "permits",
}
"""Words that a sentence does not have here, and what to write instead."""

ALLOWED: dict[str, tuple[str, ...]] = {}
"""By file, the phrases in which such a word is right."""

WORDS = re.compile(rf"\b({'|'.join(BANNED)})\b", re.IGNORECASE)

GIVEN = {"told_to_wait"}
"""Names of the package that a double has, too."""


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page, and of code its comments and strings, with their numbers."""
    text = path.read_text("utf-8")
    if WORDS.search(text) is None:
        return  # most files, which need no tokens
    if path.suffix == ".md":
        for number, line in enumerate(text.splitlines(), 1):
            yield number, re.sub(r"`[^`]*`", "", line)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if tokenize.tok_name[token.type] in ("COMMENT", "STRING", "FSTRING_MIDDLE"):
            for number, line in enumerate(token.string.splitlines(), token.start[0]):
                yield number, re.sub(r"\{[^}]*\}|`[^`]*`", "", line)  # what stands in these is code


def found(path: Path) -> list[str]:
    """Return the lines that have a banned word, with what to write instead."""
    name = path.relative_to(ROOT).as_posix()
    lines = []
    for number, line in prose(path):
        for phrase in ALLOWED.get(name, ()):
            line = line.replace(phrase, "")
        lines += [f"{name}:{number}: {word}: {BANNED[word.lower()]}" for word in WORDS.findall(line)]
    return lines


@one_test
@pytest.mark.parametrize(
    "path", [*FILES, *TESTS, *BENCHMARKS, *PAGES], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_words_are_plain(path: Path) -> None:
    assert found(path) == []


def named(tree: ast.AST) -> Iterator[str]:
    """Yield the names of functions, classes, parameters and constants."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        if isinstance(node, (ast.Module, ast.ClassDef)):
            stored = [each for line in node.body for each in ast.walk(line) if isinstance(each, ast.Name)]
            yield from (each.id for each in stored if isinstance(each.ctx, ast.Store) and each.id.isupper())


@one_test
@pytest.mark.parametrize("path", [*TESTS, *BENCHMARKS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_names_of_tests_are_plain(path: Path) -> None:
    text = path.read_text("utf-8")
    names = {*named(ast.parse(text if WORDS.search(text.replace("_", " ")) else ""))} - GIVEN
    assert [name for name in names if WORDS.search(name.replace("_", " "))] == []


@one_test
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_first_words_do_not_repeat_the_layer(path: Path) -> None:
    """The package in which a module stands says it."""
    assert re.match(r'"""(Words|Decisions|Input/output):', path.read_text("utf-8")) is None


def test_an_exception_is_needed() -> None:
    """An exception whose phrase has gone goes, too."""
    for name, phrases in ALLOWED.items():
        text = (ROOT / name).read_text("utf-8")
        assert [phrase for phrase in phrases if phrase not in text or WORDS.search(phrase) is None] == []


def test_a_banned_word_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a comment, a docstring, an error and on a page; in code only in the names of tests."""
    code = tmp_path / "code.py"
    code.write_text('"""Nobody is here."""\nroom = f"{room} mend it"  # at the door\n')
    page = tmp_path / "page.md"
    page.write_text("Columns are parted by commas.\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert [line.split(": ")[1] for path in (code, page) for line in found(path)] == [
        *("Nobody", "mend", "door", "parted by")
    ]
    tree = ast.parse("class Nobody:\n    def test_who(told): pass\nROOM, door = 1, 2\nwhole = mended")
    assert [name for name in named(tree) if WORDS.search(name.replace("_", " "))] == [
        *("ROOM", "Nobody", "test_who", "told")
    ]
