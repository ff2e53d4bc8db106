"""Plain words: what the package and its pages say has a subject that exists, and uses the field's terms."""

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


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page, and of code its comments and strings, with their numbers."""
    text = path.read_text("utf-8")
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
    "path", [*FILES, *BENCHMARKS, *PAGES], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_words_are_plain(path: Path) -> None:
    assert found(path) == []


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
    """In a comment, a docstring, an error and on a page; not in a name."""
    code = tmp_path / "code.py"
    code.write_text('"""Nobody is here."""\nroom = f"{room} mend it"  # at the door\n')
    page = tmp_path / "page.md"
    page.write_text("Columns are parted by commas.\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert [line.split(": ")[1] for path in (code, page) for line in found(path)] == [
        *("Nobody", "mend", "door", "parted by")
    ]
