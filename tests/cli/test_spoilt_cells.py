"""Validation of files: what a spreadsheet, a program or a stray quote has spoilt is refused."""

import csv
import io
import json
from collections.abc import Mapping, Sequence

import pytest

from bonifiq_async.cli.adapter import adapter_for
from bonifiq_async.cli.exit_codes import Exit
from bonifiq_async.cli.files.misspelt import MOST, meaning
from bonifiq_async.sandbox import Raba7niSandbox, Sandbox

SPOILT = [
    *(
        "#N/A",
        "#REF!",
        "#VALUE!",
        "#DIV/0!",
        "#NAME?",
        "#NUM!",
        "#NULL!",
        "#GETTING_DATA",
        "#SPILL!",
        "#CALC!",
    ),
    *("#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!", "#BUSY!", "#PYTHON!", "#ERROR!"),
    *(
        "#N/D",
        "#NOME?",
        "#VALOR!",
        "#NÚM!",
        "#NU\u0301M!",
        "#NULO!",
        "#OBTENDO_DADOS",
        "#DESPEJAR!",
        "#ERRO!",
    ),
    *("#BEZUG!", "#div/0!", "#n/d", "Err:502", "Erro:509"),
    *("1.2E+11", "1,00123E+11", "1E+11", "-1,5E+20", "1.00123e+11", "120.5E+09", "1E-05"),
    *("##", "########"),
]
SANE = [
    *("#1001", "#1001!", "#", "n/a", "N/A!", "REF!", "ref#1", "order #N/A", "#N/A-1", "#A1!"),
    *("1E5", "12E3", "5e10", "E+11", "1.2E+1", "1.2E+1111", "1234E+11", "1.2", "100123000000", "1,00123E11"),
    *("#x", "Err:5", "Error:502", "a#b!", "ÁRVORE!"),
]

BONIFIQ = {"customer_id": "ana", "value": 1, "reason": "r", "change_key": "k"}
RABA7NI = {"operation": "earn", "card_id": 10, "amount": 5, "member_id": 7, "reference": "o"}
ROWS: Mapping[str, tuple[str, Mapping[str, object], str]] = {
    "change_key": ("bonifiq", BONIFIQ, "change_key"),
    "reference": ("bonifiq", {**BONIFIQ, "change_key": None}, "reference"),
    "customer_id": ("bonifiq", BONIFIQ, "customer_id"),
    "raba7ni reference": ("raba7ni", RABA7NI, "reference"),
    "raba7ni key": ("raba7ni", RABA7NI, "key"),
    "raba7ni email": ("raba7ni", {**RABA7NI, "member_id": None}, "email"),
    "raba7ni phone": ("raba7ni", {**RABA7NI, "member_id": None}, "phone"),
}
"""A good row, and a field of it that distinguishes changes or customers."""


def text_of(format: str, rows: Sequence[Mapping[str, object]]) -> str:
    """Return a file of rows, each of which may leave something out."""
    if format == "jsonl":
        return "".join(json.dumps({k: v for k, v in row.items() if v is not None}) + "\n" for row in rows)
    written = io.StringIO()
    writer = csv.DictWriter(written, list({name: None for row in rows for name in row}))
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()


def apart(row: Mapping[str, object], field: str, texts: Sequence[str]) -> list[Mapping[str, object]]:
    """Return a row for each of the texts in a field, which differ in something that names them."""
    label = "change_key" if "change_key" in row else "reference"
    return [{**row, label: row[label] and f"k{n}", field: text} for n, text in enumerate(texts)]


def checked(console, format: str, provider: str, rows: Sequence[Mapping[str, object]]):
    """Check a file of rows; return how that ended, and the lines of the file in which the rows stand."""
    (console.folder / f"f.{format}").write_text(text_of(format, rows), "utf-8")
    ended = console("check", f"f.{format}", "--provider", provider, "--problems", "list.csv")
    return ended, [at + (format == "csv") for at in range(1, len(rows) + 1)]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize(("provider", "row", "field"), ROWS.values(), ids=ROWS)
def test_every_spoilt_cell_is_refused_in_one_pass(console, format, provider, row, field):
    """With line, field and reason; a cell that only looks similar is accepted."""
    ended, lines = checked(console, format, provider, apart(row, field, SPOILT))
    assert ended.code == Exit.USAGE
    assert (
        f"{len(SPOILT)} rows: a spreadsheet has spoilt the cell ({field}); first at line {lines[0]}: "
        in ended.err
    )
    with (console.folder / "list.csv").open(encoding="utf-8-sig", newline="") as text:
        listed = {int(each["line"]): each for each in csv.DictReader(text)}
    for line, text in zip(lines, SPOILT, strict=True):
        assert listed.pop(line)["message"].startswith(f"{field} is {text!r}, ")
    assert not listed
    ended, _ = checked(console, format, provider, apart(row, field, SANE))
    assert (ended.code, ended.err) == (0, "list.csv has all that is said of rows: 0 rows.\n")


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize("blank", [" k", "k ", "k\u00a0", "\u3000k", "k\t"], ids=ascii)
@pytest.mark.parametrize("case", [each for each in ROWS if "key" in each or "reference" in each])
def test_a_key_with_a_blank_at_an_end_is_refused(console, format, blank, case):
    """Also in CSV, where the blanks around other cells do not count: it may be the key of another change."""
    provider, row, field = ROWS[case]
    ended, [line] = checked(console, format, provider, [{**row, field: blank}])
    assert ended.code == Exit.USAGE
    said = (
        "has a control character" if blank == "k\t" and format == "jsonl" else "begins or ends with a blank"
    )
    assert f"line {line}: {field} {said}" in ended.err or f"line {line}: {field} has a control" in ended.err


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.parametrize("case", [each for each in ROWS if each != "customer_id"])
def test_a_character_that_is_not_seen_is_refused(console, format, case):
    """With its code point, by which a user can search for it."""
    provider, row, field = ROWS[case]
    ended, [line] = checked(console, format, provider, [{**row, field: "k\u200bz"}])
    assert ended.code == Exit.USAGE
    assert f"line {line}: {field} has an invisible character, U+200B" in ended.err


def test_blanks_around_other_cells_of_csv_do_not_count(console):
    """As before; and a key of blanks alone is no key."""
    header = " customer_id , value , reason ,reference, change_key "
    console.write("f.csv", header, " ana , 1 , r ,o, ", "bia,2,r,,k2")
    assert console("check", "f.csv").code == 0


def test_nothing_is_sent_of_a_file_that_has_one(console):
    """Not even the good row, unless the bad one is left out by request."""
    with Sandbox() as sandbox:
        console.write("f.csv", "customer_id,value,reason,reference", "ana,1,r,#N/A", "bia,2,r,o2")
        assert console("apply", "f.csv", "--yes", sandbox=sandbox).code == Exit.USAGE
        assert sandbox.books.requests == 0
        assert console("apply", "f.csv", "--yes", "--skip-invalid", sandbox=sandbox).code == Exit.REFUSED
        assert sandbox.books.balances() == {"bia": 2}


# JSON lines: members.

TWICE = {
    "value": ('{"customer_id": "a", "value": 1, "value": 2, "reason": "r", "change_key": "k"}', "value"),
    "customer": (
        '{"customer_id": "a", "value": 1, "reason": "r", "change_key": "k", "customer_id": "b"}',
        "customer_id",
    ),
    "the same value": (
        '{"customer_id": "a", "value": 1, "value": 1, "reason": "r", "change_key": "k"}',
        "value",
    ),
    "spelt otherwise": (
        '{"customer_id": "a", "value": 1, "v\\u0061lue": 2, "reason": "r", "change_key": "k"}',
        "value",
    ),
    "with blanks": ('{"customer_id":"a","value" : 1,"value"\t:2,"reason":"r","change_key":"k"}', "value"),
    "null": (
        '{"customer_id": "a", "value": 1, "reason": "r", "reference": null, "reference": "o"}',
        "reference",
    ),
    "two of them": (
        '{"customer_id": "a", "value": 1, "value": 2, "reason": "r", "reason": "s", "change_key": "k"}',
        "value, reason",
    ),
    "an optional one": (
        '{"customer_id":"a","value":1,"reason":"r","change_key":"k","customer_reason":"x","customer_reason":"y"}',
        "customer_reason",
    ),
}


@pytest.mark.parametrize(("row", "names"), TWICE.values(), ids=TWICE)
def test_a_member_that_occurs_twice_is_refused(console, row, names):
    """As a doubled column is: which of the two counts is unknown."""
    console.write("f.jsonl", json.dumps(BONIFIQ), row)
    ended = console("check", "f.jsonl")
    assert ended.code == Exit.USAGE
    assert f"line 2: {names} stands there twice" in ended.err


@pytest.mark.parametrize(
    "row",
    [
        '{"customer_id": "value:value", "value": 1, "reason": "value", "change_key": "a:b"}',
        '{"customer_id": "a", "value": 1, "reason": "{\\"value\\":1}", "change_key": "k"}',
        '{"customer_id": "a", "value": 1, "reason": "r", "change_key": "k", "x": {"value": 1, "reason": 2}}',
        '{"customer_id": "a", "value": 1, "reason": "r", "change_key": "k", "notes": 1, "notes": 2}',
    ],
    ids=["in texts", "an object in a text", "in an object within", "one that means nothing"],
)
def test_what_only_looks_doubled_is_accepted(console, row):
    console.write("f.jsonl", row)
    assert console("check", "f.jsonl").code == 0


@pytest.mark.parametrize(
    "row",
    ['{"operation":"earn","card_id":10,"amount":5,"amount":6,"member_id":7,"reference":"o"}'],
)
def test_the_other_providers_members_likewise(console, row):
    console.write("f.jsonl", row)
    ended = console("check", "f.jsonl", "--provider", "raba7ni")
    assert ended.code == Exit.USAGE and "line 1: amount stands there twice" in ended.err


def test_a_member_that_means_nothing_is_named_with_what_may_be_meant(console):
    """Once, with the line where it comes first; as for a column."""
    row = {**BONIFIQ, "custmer_reason": "x", "Customer ID": "y", "shop": 1}
    console.write("f.jsonl", json.dumps(BONIFIQ), json.dumps(row), json.dumps({**row, "change_key": "k2"}))
    ended = console("check", "f.jsonl")
    assert ended.code == 0
    assert ended.err == (
        "f.jsonl, line 2: members that mean nothing here: custmer_reason (did you mean customer_reason?), "
        "Customer ID (did you mean customer_id?), shop\n"
        "f.jsonl, line 2: repeats line 1, and is left out\n"
    )


def test_a_misspelt_member_that_is_needed_is_named_beside_what_is_missing(console):
    console.write("f.jsonl", json.dumps({**BONIFIQ, "custmer_id": "a", "customer_id": None}))
    ended = console("check", "f.jsonl")
    assert ended.code == Exit.USAGE
    assert "custmer_id (did you mean customer_id?)" in ended.err
    assert "line 1: customer_id is empty" in ended.err


def test_a_misspelt_column_that_is_needed_is_named_beside_what_is_missing(console):
    console.write("f.csv", "custmer_id,value,reason,change_key,Customer Reason", "a,1,r,k,x")
    ended = console("check", "f.csv")
    assert ended.code == Exit.USAGE
    assert "line 1: the header lacks customer_id" in ended.err
    assert "it has custmer_id (did you mean customer_id?), value" in ended.err


def test_the_list_of_unknown_names_is_limited(console):
    """Each line may have another one."""
    console.write("f.jsonl", *(json.dumps({**BONIFIQ, "change_key": f"k{n}", f"x{n}": 1}) for n in range(99)))
    ended = console("check", "f.jsonl")
    assert (ended.code, ended.err.count("mean nothing")) == (0, MOST)


def test_a_run_names_them_before_it_asks(console):
    """Nothing is reported twice, though the file is read twice."""
    console.write("f.jsonl", json.dumps({**BONIFIQ, "custmer_reason": "x"}))
    with Sandbox() as sandbox:
        ended = console("apply", "f.jsonl", "--yes", sandbox=sandbox)
    assert ended.code == 0 and ended.err.count("custmer_reason (did you mean") == 1
    assert ended.err.index("custmer_reason (") < ended.err.index("asks for")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("custmer_id", "customer_id"), ("CUSTOMER-ID", "customer_id"), ("Value ", "value"), ("shop", None)],
)
def test_what_a_name_may_be_meant_for(name, meant):
    assert meaning(name, adapter_for().columns.names) == meant


# CSV: cells over several lines.

HEADER = "customer_id,value,reason,reference,notes"


def test_two_stray_quotes_do_not_swallow_rows(console):
    """Not even in an unknown column: the row is refused with its first and last line."""
    with Sandbox() as sandbox:
        console.write("f.csv", HEADER, 'a,1,r,o1,"see', "b,2,r,o2,", "c,3,r,o3,", 'd,4,r,o4,"', "e,5,r,o5,")
        ended = console("apply", "f.csv", "--yes", sandbox=sandbox)
        assert ended.code == Exit.USAGE
        assert "f.csv, lines 2 to 5: the cell under notes has a line break" in ended.err
        assert sandbox.books.requests == 0


BROKEN = {
    "customer": ('"a\nb",1,r,o1,', "lines 2 to 3: the cell under customer_id"),
    "value": ('a,"1\n",r,o1,', "lines 2 to 3: the cell under value"),
    "reason": ('a,1,"r\n\ns",o1,', "lines 2 to 4: the cell under reason"),
    "reference": ('a,1,r,"o1\r\n",', "lines 2 to 3: the cell under reference"),
    "carriage return": ('a,1,r,o1,"x\ry"', "lines 2 to 3: the cell under notes"),
    "beyond the header": ('a,1,r,o1,x,"y\nz"', "lines 2 to 3: the cell under column 6"),
    "two rows in one": ('a,1,r,"o1\nb",2,r,o2,', "lines 2 to 3: the cell under reference"),
    "too many cells, in one line": ("a,1,r,o1,x,y", "line 2: 6 cells, but the header has 5"),
}


@pytest.mark.parametrize(("row", "said"), BROKEN.values(), ids=BROKEN)
def test_a_line_break_is_reported_with_column_and_lines(console, row, said):
    """The later rows keep their line numbers."""
    (console.folder / "f.csv").write_bytes(f"{HEADER}\n{row}\nz,x,r,o9,\n".encode())
    ended = console("check", "f.csv")
    assert ended.code == Exit.USAGE
    assert said in ended.err
    after = 3 + sum(row.replace("\r\n", "\n").count(end) for end in "\r\n")
    assert f"line {after}: value is 'x'" in ended.err


def test_a_header_of_several_lines_is_refused(console):
    """Two stray quotes there swallow rows, too."""
    console.write(
        "f.csv", 'customer_id,value,reason,reference,"notes', "a,1,r,o1,", 'b,2,r,o2,"', "c,3,r,o3,"
    )
    ended = console("check", "f.csv")
    assert ended.code == Exit.USAGE
    assert "f.csv, lines 1 to 3: the header has a line break in a cell. Nothing was sent" in ended.err


def test_metadata_may_stand_over_several_lines(console):
    """JSON may have line breaks; what is not JSON is refused."""
    header = "operation,card_id,member_id,amount,reference,metadata"
    console.write("f.csv", header, 'earn,10,1,5,o1,"{""a"":', ' 1}"', "earn,10,2,6,o2,")
    with Raba7niSandbox() as sandbox:
        command = ("apply", "f.csv", "--yes", "--provider", "raba7ni")
        assert console(*command, sandbox=sandbox).code == 0
        assert sandbox.books.requests == 2
    console.write("f.csv", header, 'earn,10,1,5,o1,"', 'earn,10,2,6,o2,"', "earn,10,3,7,o3,")
    ended = console("check", "f.csv", "--provider", "raba7ni")
    assert ended.code == Exit.USAGE and "lines 2 to 3: metadata" in ended.err
