"""Every file that a command writes is for its owner alone: customers may be in it."""

import ast
import os
import stat
from collections.abc import Iterator

from console import HEADER, Console
from import_graph import TREES

from bonifiq_async._pages.markup import HEAD
from bonifiq_async.cli.examination.groups import COLUMNS
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.sandbox import Sandbox

FOLDER = "new"
APPLY = ("apply", "f.csv", "--yes", "--skip-invalid", "--ledger", "new/l")
COMMANDS = (
    (*APPLY, "--out", "new/o.csv", "--problems", "new/p.csv", "--report", "new/r.html"),
    (*APPLY, "--out", "new/o.xlsx"),
    ("report", "new/l", "--html", "new/again.html"),
    ("reconcile", "new/l", "--out", "new/found.csv"),
    ("convert", "g.csv", "--to", "new/plain.csv"),
)
ELSEWHERE = {
    "cli.files.private_files": "it is that function",
    "cli.terminal.screen": "the empty device",
    "cli.commands.demo": "customers of the sandbox",
    "cli.commands.prove": "customers of the sandbox",
}
"""Modules that may open a file in another way, each with its reason."""


def test_no_other_user_can_open_them(console: Console) -> None:
    """Nor those that an earlier version left open, whatever the mask is."""
    before = os.umask(0)
    console.folder.joinpath(FOLDER).mkdir(0o755)
    console.write("f.csv", HEADER, "ana,1.00,r,o1", "bia,x,r,o2")
    console.write("g.csv", HEADER, "ana,1.00,r,o1")
    console.write("new/again.html", HEAD.rstrip())
    console.write("new/p.csv", ",".join(COLUMNS))
    try:
        with Sandbox() as sandbox:
            ended = [console(*command, sandbox=sandbox) for command in COMMANDS]
    finally:
        os.umask(before)
    assert {each.code for each in ended} == {Exit.DONE, Exit.REFUSED}, ended
    said = "".join(each.err for each in ended)
    for name in ("again.html", "p.csv"):
        assert f"{name} could be read by others (mode 0666); its mode is 0600 now" in said
    files = [each for each in console.folder.joinpath(FOLDER).iterdir() if each.is_file()]
    assert len(files) >= len(COMMANDS) + 2
    assert {each.name for each in files if stat.S_IMODE(each.stat().st_mode) != 0o600} == set()


def makes_open_files(tree: ast.AST) -> Iterator[str]:
    """Yield each call that may make a file which others can read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            name = called.rpartition(".")[2]
            modes = {each.value for each in node.args if isinstance(each, ast.Constant)}
            makes = called == "os.open" or any(
                isinstance(each, str) and set(each) & set("wax+") for each in modes
            )
            given = any(each.arg in ("opener", "closefd") for each in node.keywords)
            if (name == "open" and makes and not given) or name in ("write_text", "write_bytes", "touch"):
                yield f"{called} in line {node.lineno}"


def test_one_function_opens_the_files_of_the_command_line() -> None:
    found = {
        name: calls
        for name, tree in TREES.items()
        if name.startswith("cli.") and name not in ELSEWHERE and (calls := list(makes_open_files(tree)))
    }
    assert found == {}
