"""Every code block of the README and of docs/ does what it says, by the rules of `page_blocks`."""

import contextlib
import re
from pathlib import Path

import pytest
from page_blocks import NOT_RUN, PAGES, ROOT, Reader, blocks_of

import bonifiq_async.sandbox
import bonifiq_async.webhooks

LANGUAGES = {"python", "sh", "console", "text", "csv", "toml", "yaml", "ini", "mermaid", "sql"}
TESTED_ELSEWHERE = {
    "docs/explanation/many-machines.md": "tests/ledger/postgres/test_store.py: they need a server",
    "docs/explanation/shared-pace.md": "tests/ledger/postgres/test_pace.py: they need a server",
    "CONTRIBUTING.md": "test_contributing.py: they set up and run the tests",
    "docs/how-to/many-workers.md": "test_workers_page.py: their ledger is a schema of a database",
    "docs/how-to/raba7ni.md": "test_readme.py: an answer is lost while they run",
    "docs/how-to/task-queues.md": "tests/recipes: over their brokers, from the extra `recipes`",
    "docs/how-to/testing.md": "test_readme.py: they are tests",
}
"""Pages whose blocks have tests of their own."""
FOLLOWED = [
    page
    for page in PAGES
    if page not in TESTED_ELSEWHERE
    and any(block.language in ("python", "sh", "console") for block in blocks_of(page))
]


@pytest.mark.parametrize("page", FOLLOWED)
def test_a_page_does_what_it_says(page: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with contextlib.ExitStack() as open_until:
        Reader(monkeypatch, tmp_path, open_until).follow(page)


def test_every_block_is_of_a_known_kind() -> None:
    """And each opening of one is read as one."""
    for page, text in PAGES.items():
        blocks = blocks_of(page)
        assert len(blocks) * 2 == sum(line.lstrip().startswith("```") for line in text.splitlines()), page
        assert {block.language for block in blocks} <= LANGUAGES, page


def test_few_blocks_are_not_run() -> None:
    """Each for a reason."""
    left_out = [block.page for page in PAGES for block in blocks_of(page) if block.title.startswith(NOT_RUN)]
    assert left_out == ["docs/explanation/promises-tried.md"]


def test_a_wrong_page_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By its output, its exit code, an exception, and an option that does not exist."""
    for text, word in (
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "prints:\n1"),
        ("```sh\nbonifiq check nothing.csv\n```\n", "ends with 2"),
        ("```console\n$ bonifiq balance ana\n...R$ 5.00...\n```\n", "R$ 0.00"),
        ("```sh\nbonifiq check --no-such-option\n```\n", "ends with 2"),
    ):
        monkeypatch.setitem(PAGES, "docs/lie.md", text)
        with contextlib.ExitStack() as open_until, pytest.raises(AssertionError) as found:
            Reader(monkeypatch, tmp_path, open_until).follow("docs/lie.md")
        assert word in str(found.value)


DOCS = ROOT / "docs"
LISTED = re.findall(r"^- \[.+?\]\((.+?)\): \S", (DOCS / "llms.txt").read_text("utf-8"), re.MULTILINE)
NAVIGATION = re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text("utf-8"))


@pytest.mark.parametrize("listed", [LISTED, NAVIGATION], ids=["llms.txt", "zensical.toml"])
def test_every_page_is_listed_once(listed: list[str]) -> None:
    """The first page lists the others itself."""
    pages = {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")}
    assert sorted({*listed, "index.md"}) == sorted(pages)
    assert len(listed) == len(set(listed))


def test_llms_txt_has_its_form() -> None:
    """A title, a summary in a quotation, and lists under headings: llmstxt.org."""
    first, blank, quoted, *_ = (DOCS / "llms.txt").read_text("utf-8").splitlines()
    assert (first[:2], blank, quoted[:2]) == ("# ", "", "> ")


def test_every_public_name_is_in_the_reference() -> None:
    """Once; other objects on a page are the types of public names, or attributes of the clients."""
    text = "".join(text for page, text in PAGES.items() if page.startswith("docs/reference/"))
    shown = re.findall(r"^::: bonifiq_async\.(\S+)$", text, re.MULTILINE)
    assert len(shown) == len(set(shown))
    assert sorted(name for name in shown if "." not in name) == bonifiq_async.__all__
    ends = {name.rpartition(".")[2] for name in shown}
    assert set(bonifiq_async.sandbox.__all__) - ends == {"FAULTS"}  # a table in testing.md
    assert set(bonifiq_async.webhooks.__all__) <= ends


def test_a_page_lies_with_those_of_its_kind() -> None:
    """A reader finds it in a folder: how to do something, what something is, why it is so."""
    assert {path.name for path in (ROOT / "docs").glob("*.md")} == {"index.md", "tutorial.md"}
