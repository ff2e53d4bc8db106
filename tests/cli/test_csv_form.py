"""Outcome files in CSV as spreadsheets have them: their form, and texts that start no formula."""

import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest
from console import HEADER, Console
from hypothesis import given
from hypothesis import strategies as st

from bonifiq_async.bonifiq.files import ADAPTER
from bonifiq_async.cli.files.csv_form import NAMED, PLAIN, CsvForm
from bonifiq_async.cli.files.formulas import guarded, unguarded
from bonifiq_async.cli.files.outcome_file import columns
from bonifiq_async.sandbox import FaultScript, Sandbox

BOM = b"\xef\xbb\xbf"
APPLY = ("--yes", "--out", "out.csv")
TEXTS = st.text(st.sampled_from("'=+-@\t\r\n\uff1d;,\"a1 ") | st.characters(codec="utf-8"))


@given(TEXTS)
def test_a_text_starts_no_formula_and_is_read_back(text: str) -> None:
    cell = guarded(text)
    assert unguarded(cell) == text
    assert not cell or cell[0] not in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
    assert cell == text or cell == f"'{text}"


@given(
    st.lists(TEXTS | st.decimals(allow_nan=False, allow_infinity=False), min_size=2, max_size=4),
    st.builds(CsvForm, st.sampled_from(",;\t|"), st.sampled_from(",."), st.booleans()),
)
def test_a_line_has_each_amount_exactly_and_each_text_without_a_formula(cells, form) -> None:
    for given_, cell in zip(cells, form.cells(form.line(cells)[:-1]), strict=True):
        if isinstance(given_, Decimal):
            assert Decimal(cell.replace(form.decimal, ".")) == given_
        else:
            assert not cell or cell[0] not in "=+-@\t\r\n"


FORMS = {
    "the plain form": (f"{HEADER}\na,-1.50,r,o\n".encode(), PLAIN),
    "the plain form with a mark": (BOM + f"{HEADER}\na,-1.50,r,o\n".encode(), NAMED["point"]),
    "of a Brazilian spreadsheet": (f"{HEADER};\na;-1,50;r;o\n".replace(",", ";", 3).encode(), NAMED["comma"]),
    "in Windows-1252": ("Cliente;Valor;Motivo;Pedido\na;-1,50;razão;o\n".encode("cp1252"), NAMED["comma"]),
    "tabs and points": (
        f"{HEADER}\na\t-1.50\tr\to\n".replace(",", "\t").encode(),
        CsvForm("\t", ".", bom=True),
    ),
    "commas twice": (f'{HEADER}\na,"-1,50",r,o\n'.encode(), CsvForm(",", ",", bom=True)),
    "JSON lines": (
        b'{"customer_id":"a","value":-1.50,"reason":"r","reference":"o"}\n',
        PLAIN,
    ),
}


@pytest.mark.parametrize(("content", "form"), FORMS.values(), ids=FORMS)
def test_the_outcomes_have_the_form_of_the_file(console: Console, content: bytes, form: CsvForm) -> None:
    """Or the form given as an option; a resumed run keeps the form of the existing file."""
    name = "changes.jsonl" if content.startswith(b"{") else "changes.csv"
    Path(name).write_bytes(content)
    with Sandbox() as sandbox:
        assert console("apply", name, *APPLY, sandbox=sandbox).code == 0
        written = Path("out.csv").read_bytes()
        assert written.startswith(BOM) is form.bom
        head, line = written.decode("utf-8-sig").splitlines()
        assert head.split(form.delimiter) == list(columns(ADAPTER))
        cells = dict(zip(columns(ADAPTER), next(csv.reader([line], delimiter=form.delimiter)), strict=True))
        assert cells["value"] == f"-1{form.decimal}50"
        Path("more.csv").write_bytes(b"customer_id,value,reason,reference\nb,2.25,r,p\n")
        again = ("apply", "more.csv", *APPLY, "--out-form", "point")
        assert console(*again, sandbox=sandbox).code == 0
        more = Path("out.csv").read_bytes().removeprefix(written).decode()
        assert next(csv.reader([more], delimiter=form.delimiter))[2] == f"2{form.decimal}25"


@pytest.mark.parametrize(("option", "form"), NAMED.items())
def test_a_form_may_be_an_option(console: Console, option: str, form: CsvForm) -> None:
    console.write("changes.csv", HEADER, "a,1.50,r,o")
    with Sandbox() as sandbox:
        assert console("apply", "changes.csv", *APPLY, "--out-form", option, sandbox=sandbox).code == 0
    assert Path("out.csv").read_bytes().startswith(form.head(columns(ADAPTER)))
    assert f"1{form.decimal}50" in Path("out.csv").read_text()


def test_a_file_of_an_earlier_version_goes_on_under_its_columns(console: Console) -> None:
    later = ("points", "reason", "reference", "last_run", "notice")
    before = [name for name in columns(ADAPTER) if name not in later]
    line = f"2,x,1,k,applied,false{',' * (len(before) - 6)}"
    console.write("out.csv", ",".join(before), line)
    console.write("changes.csv", HEADER, "=1+1,1.50,r,o")
    with Sandbox() as sandbox:
        assert console("apply", "changes.csv", *APPLY, sandbox=sandbox).code == 0
    first, second = csv.DictReader(Path("out.csv").read_text().splitlines(), strict=True)
    assert (first["change_key"], second["customer_id"], second["effect"]) == ("k", "'=1+1", "applied")
    assert list(second) == before and None not in second.values()


STRANGE = ("=1+1", "@x", "+5511", "-a", "'=x", "'y")


@pytest.mark.parametrize("name", ["plain.csv", "comma.csv", "point.csv", "plain.xlsx", "plain.jsonl"])
def test_outcomes_can_be_applied_again_and_are_the_same_changes(console: Console, name: str) -> None:
    """The apostrophe before a text that would start a formula is no part of the key."""
    console.write("changes.csv", HEADER, *(f"{text},-1.50,{text},{text}" for text in STRANGE))
    with Sandbox() as sandbox:
        form, command = name.partition(".")[0], ("--yes", "--ledger", "ledger", "--json")
        assert (
            console("apply", "changes.csv", *command, "--out", name, "--out-form", form, sandbox=sandbox).code
            == 0
        )
        requests = sandbox.books.requests
        assert requests == len(STRANGE)
        ended = console("apply", name, *command, sandbox=sandbox)
        assert (ended.code, sandbox.books.requests) == (0, requests)
        assert json.loads(ended.out)["effects"]["already_applied"]["changes"] == len(STRANGE)


def test_an_export_starts_no_formula_and_can_be_applied_again(console: Console) -> None:
    lines = [f"{text},1,{text},{text}" for text in STRANGE]
    console.write("changes.csv", "customer_id,value,reason,change_key", *lines)
    with Sandbox() as sandbox:
        command = ("--yes", "--ledger", "ledger", "--json")
        assert console("apply", "changes.csv", *command, sandbox=sandbox).code == 0
        exported = console("export", "ledger", "--effect", "applied").out
        assert not [
            cell for row in csv.reader(exported.splitlines()) for cell in row if cell[:1] in tuple("=+-@")
        ]
        Path("again.csv").write_text(exported)
        Path("again-2.csv").write_text(exported.replace(",", ";"))
        for again in ("again.csv", "again-2.csv"):
            ended = console("apply", again, *command, sandbox=sandbox)
            assert (ended.code, sandbox.books.requests) == (0, len(STRANGE))
            assert json.loads(ended.out)["effects"]["already_applied"]["changes"] == len(STRANGE)
    assert sorted(sandbox.books.keys()) == sorted(STRANGE)


def test_an_apostrophe_in_another_file_is_part_of_the_key(console: Console) -> None:
    """Otherwise a file that an earlier version sent would be sent again, under other keys."""
    console.write("changes.csv", "customer_id,value,reason,change_key", "a,1,r,'=x")
    console.write("more.csv", "customer_id;value;reason;change_key", "a;1,5;r;'-x")
    with Sandbox() as sandbox:
        for name in ("changes.csv", "more.csv"):
            assert console("apply", name, "--yes", sandbox=sandbox).code == 0
        assert sorted(sandbox.books.keys()) == ["'-x", "'=x"]


def test_a_text_of_the_provider_starts_no_formula(console: Console) -> None:
    console.write("changes.csv", HEADER, "@a,-1.50,+r,-o")
    message = "=HYPERLINK(1)"
    with Sandbox(faults=FaultScript(["422"])) as sandbox:
        console("apply", "changes.csv", *APPLY, sandbox=sandbox)
    (row,) = csv.DictReader(Path("out.csv").read_text().splitlines())
    assert (row["customer_id"], row["reason"], row["reference"]) == ("'@a", "'+r", "'-o")
    assert (row["value"], guarded(message)) == ("-1.50", f"'{message}")
