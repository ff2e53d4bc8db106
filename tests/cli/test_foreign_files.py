"""Files as users have them: each is read exactly, or refused with its reason, and shown as understood."""

import gc
import json
import re
import tracemalloc
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from foreign_files import CASES, HEAD_3, OFFICE, SAID, TITLE_ROW, Case, number, row, text, xlsx
from office_files import FOLDER
from one_test import one_test

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.adapter import adapter_for
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.rows import Problem, Source
from bonifiq_async.cli.reading.dialect import form_options
from bonifiq_async.cli.reading.opening import opened
from bonifiq_async.cli.reading.sheets.cells import Sheet
from bonifiq_async.cli.reading.sheets.choice import sheet_of
from bonifiq_async.cli.reading.text_file import Survey
from bonifiq_async.sandbox import Sandbox


def read(path: Path, said: dict[str, object]):
    """Return the rows, the problems and the notes of a file."""
    options = {"encoding": None, "delimiter": None, "decimal": None, "sheet": None, "maps": (), **said}
    with opened(str(path), None, adapter_for(), form_options(**options)) as source:
        found = list(source.rows())
        again = list(source.rows())
    assert again == found  # what is sent is what was checked
    rows = [
        (row.line, row.customer_id, f"{row.value:f}", row.change_key)
        for row in found
        if not isinstance(row, Problem)
    ]
    return rows, [str(row) for row in found if isinstance(row, Problem)], source.dialect.notes


def check(name: str, case: Case, folder: Path) -> None:
    """Hold a file against what must come of it."""
    path = FOLDER / name
    if case.content is not OFFICE:
        path = folder / name
        path.write_bytes(case.content)
    if case.refused is not None:
        with pytest.raises(ConfigurationError) as refused:
            read(path, case.options)
        assert case.refused in str(refused.value), name
        return
    rows, problems, notes = read(path, case.options)
    assert rows == list(case.rows), name
    assert len(problems) == len(case.problems), (name, problems)
    for problem, expected in zip(problems, case.problems, strict=True):
        assert expected in problem, name
    for note in case.notes:
        assert any(note in each for each in notes), (name, notes)


@pytest.mark.parametrize("part", range(4))
def test_every_file_is_read_exactly_or_refused(tmp_path, part):
    assert len(CASES) >= 60
    for name in list(CASES)[part::4]:
        check(name, CASES[name], tmp_path)


def test_a_text_that_fits_into_no_cell_is_refused(tmp_path: Path) -> None:
    """Made here, and not with the table: it costs each process that imports it a quarter of a second."""
    content = xlsx(row(2, text("B2", "7" * 70_000_000)))
    check("long.xlsx", Case(content, refused="a text in it is longer than any cell's"), tmp_path)


def test_options_take_precedence(tmp_path):
    for name, (said, rows) in SAID.items():
        check(name, Case(OFFICE, rows, options=said), tmp_path)


@one_test
@pytest.mark.parametrize(
    ("name", "said", "refused"),
    [
        ("folhas.xlsx", {"maps": ["Motivos=reason"]}, "sheet Campanha, line 1: no column is called Motivos"),
        ("folhas.xlsx", {"header_row": 2}, "sheet Campanha, line 2 is not the header, and line 1 looks like"),
        ("folhas.xlsx", {"maps": ["reason=Motivo"]}, "--map is the wrong way round"),
        ("lacks.xlsx", {}, "sheet Plan1, line 1 is not the header, and line 3 looks like it"),
        ("lacks.xlsx", {"header_row": 3}, "sheet Plan1, line 3: the header lacks value or points"),
        ("duas.xlsx", {"maps": ["x=value"]}, "no sheet with the columns that are needed"),
    ],
)
def test_the_error_names_the_sheet_and_what_it_lacks(tmp_path, name, said, refused):
    (tmp_path / "lacks.xlsx").write_bytes(xlsx(head=TITLE_ROW + HEAD_3.replace("valor", "quanto")))
    path = (tmp_path if name == "lacks.xlsx" else FOLDER) / name
    with pytest.raises(ConfigurationError, match=re.escape(refused)):
        read(path, said)


@one_test
@pytest.mark.parametrize(
    ("first", "second", "nearest"),
    [
        (["Motivo", "Quem"], ["Loja"], "A"),
        (["Loja"], ["Motivo", "Quem"], "B"),
        (["Loja"], ["Total"], None),
        (["Motivo", "Quem"], ["Pedido"], None),
    ],
)
def test_the_nearest_sheet_has_the_most_columns_that_are_known(first, second, nearest):
    """Of two that have as many, and where none has any, a person says which."""
    rows = {"A": [(1, ["Campanha"]), (2, first)], "B": [(1, second)]}
    book = SimpleNamespace(sheets=(Sheet("A"), Sheet("B")), notes=(), rows=lambda name: iter(rows[name]))

    def found():
        return sheet_of(book, "f", form_options(None, None, None, None, ()), adapter_for().columns)

    if nearest is None:
        with pytest.raises(ConfigurationError, match="no sheet with the columns that are needed"):
            found()
    else:
        assert found().value == nearest


@pytest.mark.slow
@pytest.mark.parametrize(("limit", "most"), [("PAGES", 8), ("MOST_CACHED", 20_000)])
def test_memory_does_not_grow_with_a_sheet(tmp_path, monkeypatch, limit, most):
    """Neither with its rows nor with the texts that they share; ten times as many take no more."""
    monkeypatch.setattr(f"bonifiq_async.cli.reading.sheets.xlsx.{limit}", most)
    peaks = []
    for rows in (2_000, 20_000):
        texts = "".join(f"<si><t>customer {n} of a long name</t></si>" for n in range(rows))
        lines = [
            row(n, number(n, "7.5"), f'<c r="A{n}" t="s"><v>{n - 2}</v></c>') for n in range(2, rows + 2)
        ]
        path = tmp_path / f"{rows}.xlsx"
        path.write_bytes(xlsx(*lines, shared=texts))
        del texts, lines
        gc.collect()
        tracemalloc.start()
        with opened(str(path), None, adapter_for()) as source:
            assert sum(not isinstance(each, Problem) for each in source.rows()) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000, peaks


@pytest.mark.parametrize(
    ("limit", "most", "content", "said"),
    [
        (
            "office_parts.MOST_SMALL",
            4_000,
            xlsx(row(2, number(2, "7")), formats=["0" * 5_000]),
            "is larger than any spreadsheet's",
        ),
        ("xlsx.MOST_IN_ROW", 9, xlsx(row(2, number(2, "7"))), "its row 1 has more text than any row"),
    ],
)
def test_what_is_held_in_memory_as_a_whole_has_a_limit(tmp_path, monkeypatch, limit, most, content, said):
    path = tmp_path / "f.xlsx"
    path.write_bytes(content)
    read(path, {})
    monkeypatch.setattr(f"bonifiq_async.cli.reading.sheets.{limit}", most)
    with pytest.raises(ConfigurationError, match=said):
        read(path, {})


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    """The end of its copy could be half a reference, which makes another key."""
    path = tmp_path / "f.csv"
    path.write_bytes(CASES["plain.csv"].content)
    put = Survey.put

    def written_meanwhile(self, some):
        if not some:
            with path.open("ab") as file:
                file.write(b"1")
        put(self, some)

    monkeypatch.setattr(Survey, "put", written_meanwhile)
    with pytest.raises(ConfigurationError, match="changed while it was read"):
        read(path, {})


# The command.


def test_what_was_guessed_is_shown_before_anything_is_sent(console):
    """Delimiter, encoding, mark and columns, each with its evidence, and three rows as understood."""
    (console.folder / "f.csv").write_bytes(CASES["amounts.csv"].content)
    with Sandbox() as sandbox:
        ended = console("apply", "f.csv", "--yes", sandbox=sandbox)
        assert (ended.code, sandbox.books.requests) == (0, 10), ended.err
        assert sandbox.books.balances()["c8"] == Decimal("1234.50")
    shown = ended.err[: ended.err.index("f.csv asks for:")]
    for words in ("delimiter", "utf-8", "decimal mark of value", "'R$ 7,00' in line 2", "column Cliente"):
        assert words in shown
    assert "R$ -3.00" in shown and "The first rows, as they were understood" in shown


@one_test
@pytest.mark.parametrize(
    ("language", "amounts"),
    [("pt", ("R$ 1.250,00", "R$ 15,90", "R$ -3,00")), ("en", ("R$ 1,250.00", "R$ 15.90", "R$ -3.00"))],
)
def test_the_first_rows_have_amounts_with_cents_in_the_readers_form(console, language, amounts):
    """`1,250` is one real and a quarter for one reader, and a thousand for another."""
    lines = ("Cliente;Valor;Motivo;Pedido", "a;1.250;r;1", "b;15,9;r;2", "c;-3;r;3")
    console.write("f.csv", *lines)
    shown = console("check", "f.csv", "--language", language).err
    for line, amount in zip((2, 3, 4), amounts, strict=True):
        assert re.search(rf"{line} +│ .  *│ {re.escape(amount)} +│", shown), shown


def test_nothing_is_shown_of_the_plain_form(console):
    (console.folder / "f.csv").write_bytes(CASES["plain.csv"].content)
    assert console("check", "f.csv").err == ""


def test_the_json_of_check_says_how_a_file_is_understood(console):
    (console.folder / "f.csv").write_bytes(CASES["semicolons.csv"].content)
    found = json.loads(console("check", "f.csv", "--json", "--encoding", "utf-8").out)["file"]
    assert found["encoding"] == {"value": "utf-8", "said": True, "proof": "said"}
    assert (found["delimiter"]["value"], found["delimiter"]["said"]) == (";", False)
    assert found["decimal"]["value"]["proof"] == "'7,50' in line 2 can have a comma alone"
    assert found["columns"]["customer_id"]["header"] == "Cliente"
    (console.folder / "p.csv").write_bytes(CASES["plain.csv"].content)
    assert json.loads(console("check", "p.csv", "--json").out)["file"]["decimal"]["value"]["value"] == "."
    console.write("f.jsonl", '{"customer_id":"a","value":1,"reason":"r","reference":"o"}')
    assert json.loads(console("check", "f.jsonl", "--json").out)["file"] is None
    assert "need no --decimal" in console("check", "f.jsonl", "--decimal", ",").err


def test_a_file_is_converted_into_the_plain_form_and_never_over_another(console):
    converted = console("convert", str(FOLDER / "folhas.xlsx"), "--to", "changes.csv")
    assert converted.code == 0, converted.err
    assert "hidden sheets that are not read: Antiga" in converted.err
    plain = (console.folder / "changes.csv").read_bytes()
    assert plain.decode() == (
        "customer_id,value,reason,reference\nana@example.com,1234.5,Verão,o1\n"
        "joão@example.com,-3,devolução,o2\n52998224725,7.1,Verão,1003\ncaio@example.com,2469,Verão,o4\n"
    )
    assert console("check", "changes.csv").err == ""
    again = console("convert", str(FOLDER / "campanha.ods"), "--to", "changes.csv")
    assert (again.code, "exists already" in again.err) == (Exit.USAGE, True)
    assert (console.folder / "changes.csv").read_bytes() == plain
    assert console("convert", str(FOLDER / "errado.ods"), "--to", "new.csv").code == Exit.USAGE
    assert console("convert", str(FOLDER / "campanha.ods"), "--to", "new.xlsx").code == Exit.USAGE
    assert [each.name for each in console.folder.iterdir()] == ["changes.csv"]
    console.write("f.jsonl", '{"customer_id":"a","value":1.50,"reason":"r","reference":"o"}')
    assert console("convert", "f.jsonl", "--to", "j.csv").code == 0
    assert (console.folder / "j.csv").read_text().splitlines()[1] == "a,1.50,r,o"


def test_a_conversion_that_is_killed_leaves_no_partial_file(console, monkeypatch):
    """It would be read, and the reference of its last row could be cut."""
    row, sizes = '{"customer_id":"a","value":1.50,"reason":"%s","reference":"o%d"}', set()
    console.write("f.jsonl", *(row % ("r" * 200, line) for line in range(200)))
    new = console.folder / "new.csv"
    cells = Source.cells

    def watched(self, wanted):
        for each in cells(self, wanted):
            sizes.add(new.stat().st_size if new.exists() else 0)
            yield each

    monkeypatch.setattr(Source, "cells", watched)
    assert console("convert", "f.jsonl", "--to", "new.csv").code == 0
    assert sizes == {0} and new.stat().st_size > 40_000
    assert sorted(each.name for each in console.folder.iterdir()) == ["f.jsonl", "new.csv"]


def test_a_profile_keeps_the_options(console, monkeypatch):
    """An option of this call takes precedence."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(console.folder))
    (console.folder / "f.csv").write_bytes(CASES["unclear.csv"].content.replace(b"Cliente", b"Quem"))
    said = ("--decimal", ",", "--map", "quem=customer_id", "--save-profile", "loja")
    assert console("check", "f.csv", *said).code == 0
    assert console("check", "f.csv", "--profile", "loja").code == 0
    assert "has 2 decimals" in console("check", "f.csv", "--profile", "loja", "--decimal", ".").err
    others = ("--map", "Motivo=customer_id", "--map", "Quem=reason")
    assert console("check", "f.csv", "--profile", "loja", *others).code == 0
    assert "no profile other; there are: loja" in console("check", "f.csv", "--profile", "other").err
    assert "is no name" in console("check", "f.csv", "--profile", "../x").err
    (console.folder / "t.csv").write_bytes(CASES["title.csv"].content)
    for profile in ("--save-profile", "--profile"):
        ended = console(
            "check", "t.csv", *(("--header-row", "4") if profile[2] == "s" else ()), profile, "title"
        )
        assert ended.code == 0 and re.search("row of the header +│ 4 +│ said", ended.err), ended.err
    kept = next(console.folder.rglob("loja.json"))
    kept.write_text("{")
    assert "cannot be read" in console("check", "f.csv", "--profile", "loja").err


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, Exit.USAGE), (None, Exit.USAGE)])
def test_a_person_is_asked_what_no_row_proves(console, monkeypatch, answer, code):
    """Without a terminal the file is refused, with both readings and the option."""
    asked = []
    monkeypatch.setattr("bonifiq_async.cli.commands.check.agreed", lambda text: asked.append(text) or answer)
    (console.folder / "f.csv").write_bytes(CASES["unclear.csv"].content)
    ended = console("check", "f.csv")
    assert ended.code == code
    assert "'2.000' is R$ 2,000.00 with a decimal comma, and R$ 2.00 with a decimal point" in asked[0]
    assert ("say it with --decimal , or --decimal ." in ended.err) == (answer is None)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--decimal", ";", "write , or ."),
        ("--delimiter", ":", "write one of"),
        ("--encoding", "ebcdic", "write one of"),
        ("--map", "Cliente", "write it as"),
        ("--sheet", "9", "has no sheet 9; there are Campanha"),
    ],
)
def test_an_option_without_effect_is_named(console, option, value, said):
    ended = console("check", str(FOLDER / "campanha.xlsx"), option, value)
    assert (ended.code, said in ended.err) == (Exit.USAGE, True), ended.err


def test_a_spreadsheet_comes_over_standard_input(console):
    """Its first bytes say what it is."""
    for name in ("campanha.xlsx", "campanha.xls"):
        ended = console("check", "-", stdin=(FOLDER / name).read_bytes())
        assert (ended.code, "standard input is read as xls" in ended.err) == (0, True), ended.err


def test_a_program_of_floats_of_json_lines_has_two_decimals_too(console):
    row = '{"customer_id":"a","value":%s,"reason":"r","reference":"o"}'
    console.write("f.jsonl", row % "10.505", row % '"10.505"', row % "10.500")
    ended = console("check", "f.jsonl")
    assert ended.code == Exit.USAGE and ended.err.count("2 decimals at the most") == 2
