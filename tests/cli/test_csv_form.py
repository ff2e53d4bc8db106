"""Outcome files in CSV as spreadsheets have them: their form, and texts that start no formula."""

import csv
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
    """Or the one that is said; a run that goes on keeps to the form that is there."""
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
def test_a_form_may_be_said(console: Console, option: str, form: CsvForm) -> None:
    console.write("changes.csv", HEADER, "a,1.50,r,o")
    with Sandbox() as sandbox:
        assert console("apply", "changes.csv", *APPLY, "--out-form", option, sandbox=sandbox).code == 0
    assert Path("out.csv").read_bytes().startswith(form.head(columns(ADAPTER)))
    assert f"1{form.decimal}50" in Path("out.csv").read_text()


def test_a_file_of_an_earlier_version_goes_on_under_its_columns(console: Console) -> None:
    before = [name for name in columns(ADAPTER) if name not in ("reason", "reference", "run", "notice")]
    line = f"2,x,1,k,applied,false{',' * (len(before) - 6)}"
    console.write("out.csv", ",".join(before), line)
    console.write("changes.csv", HEADER, "=1+1,1.50,r,o")
    with Sandbox() as sandbox:
        assert console("apply", "changes.csv", *APPLY, sandbox=sandbox).code == 0
    first, second = csv.DictReader(Path("out.csv").read_text().splitlines(), strict=True)
    assert (first["change_key"], second["customer_id"], second["effect"]) == ("k", "'=1+1", "applied")
    assert list(second) == before and None not in second.values()


def test_what_a_provider_says_starts_no_formula(console: Console) -> None:
    console.write("changes.csv", HEADER, "@a,-1.50,+r,-o")
    message = "=HYPERLINK(1)"
    with Sandbox(faults=FaultScript(["422"])) as sandbox:
        console("apply", "changes.csv", *APPLY, sandbox=sandbox)
    (row,) = csv.DictReader(Path("out.csv").read_text().splitlines())
    assert (row["customer_id"], row["reason"], row["reference"]) == ("'@a", "'+r", "'-o")
    assert (row["value"], guarded(message)) == ("-1.50", f"'{message}")
