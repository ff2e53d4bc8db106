"""Makes the spreadsheets and CSV files of tests/data/files with LibreOffice, in a Brazilian locale.

Run it to make them anew: `python tests/support/office_files.py`. It needs `soffice`; the tests need the files alone.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

FOLDER = Path(__file__).parent.parent / "data" / "files"

Cell = str | float | tuple[str, object]
"""A text, a number, or a kind of cell and its value."""

# ruff: noqa: E501
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0"
 xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"
 xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2"
 office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.spreadsheet">
<office:styles><style:default-style style:family="table-cell">
<style:text-properties fo:language="pt" fo:country="BR"/></style:default-style></office:styles>
<office:automatic-styles>
<number:currency-style style:name="N1P0" style:volatile="true" number:language="pt" number:country="BR">
<number:currency-symbol number:language="pt" number:country="BR">R$</number:currency-symbol><number:text> </number:text>
<number:number number:decimal-places="2" number:min-integer-digits="1" number:grouping="true"/></number:currency-style>
<number:currency-style style:name="N1" number:language="pt" number:country="BR"><number:text>(</number:text>
<number:currency-symbol number:language="pt" number:country="BR">R$</number:currency-symbol><number:text> </number:text>
<number:number number:decimal-places="2" number:min-integer-digits="1" number:grouping="true"/><number:text>)</number:text>
<style:map style:condition="value()&gt;=0" style:apply-style-name="N1P0"/></number:currency-style>
<number:number-style style:name="N2" number:language="pt" number:country="BR">
<number:number number:decimal-places="0" number:min-integer-digits="1" number:grouping="true"/></number:number-style>
<number:percentage-style style:name="N3"><number:number number:decimal-places="0" number:min-integer-digits="1"/>
<number:text>%</number:text></number:percentage-style>
<number:date-style style:name="N4"><number:day number:style="long"/><number:text>/</number:text>
<number:month number:style="long"/><number:text>/</number:text><number:year number:style="long"/></number:date-style>
<style:style style:name="money" style:family="table-cell" style:data-style-name="N1"/>
<style:style style:name="grouped" style:family="table-cell" style:data-style-name="N2"/>
<style:style style:name="percent" style:family="table-cell" style:data-style-name="N3"/>
<number:boolean-style style:name="N5"><number:boolean/></number:boolean-style>
<style:style style:name="yes" style:family="table-cell" style:data-style-name="N5"/>
<style:style style:name="date" style:family="table-cell" style:data-style-name="N4"/>
<style:style style:name="hidden" style:family="table"><style:table-properties table:display="false"/></style:style>
</office:automatic-styles><office:body><office:spreadsheet>
"""
TAIL = "</office:spreadsheet></office:body></office:document>\n"


def _cell(cell: Cell) -> str:
    kind, value = cell if isinstance(cell, tuple) else ("text" if isinstance(cell, str) else "number", cell)
    if kind == "text":
        lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in str(value).split("\n"))
        return (
            f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'
            if value
            else "<table:table-cell/>"
        )
    if kind == "date":
        return f'<table:table-cell table:style-name="date" office:value-type="date" office:date-value="{value}"/>'
    if kind == "yes":
        return '<table:table-cell table:style-name="yes" office:value-type="boolean" office:boolean-value="true"/>'
    if kind == "formula":
        return f"<table:table-cell table:formula={quoteattr(f'of:={value}')}/>"
    types = {"number": "float", "money": "currency", "grouped": "float", "percent": "percentage"}
    style = "" if kind == "number" else f' table:style-name="{kind}"'
    return f'<table:table-cell{style} office:value-type="{types[kind]}" office:value="{value}"/>'


def sheet(name: str, rows: Sequence[Sequence[Cell]], *, hidden: bool = False) -> str:
    """Return a sheet as LibreOffice reads it."""
    style = ' table:style-name="hidden"' if hidden else ""
    lines = "".join(f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in rows)
    return f"<table:table table:name={quoteattr(name)}{style}>{lines}</table:table>"


HEADER = ["Cliente", "Valor (R$)", "Motivo", "Pedido", "Observação"]
CAMPAIGN = sheet(
    "Campanha",
    [
        HEADER,
        ["ana@example.com", ("money", 1234.5), "Verão", "o1", "primeira"],
        ["joão@example.com", ("money", -3), "devolução", "o2", ""],
        ["", "", "", "", ""],
        ["52998224725", ("money", 7.1), "Verão", 1003.0, "linha\nquebrada"],
        ["caio@example.com", ("formula", "[.B2]*2"), "Verão", "o4", ""],
    ],
)
SECOND = sheet("Resumo", [["Total", ("money", 1238.6)]])
HIDDEN = sheet("Antiga", [HEADER, ["velha@example.com", 99.0, "Inverno", "o9", ""]], hidden=True)
WRONG = sheet(
    "Plan1",
    [
        HEADER,
        ["ana", ("date", "2026-03-01"), "r", "o1"],
        ["ana", ("yes", 1), "r", "o2"],
        ["ana", ("percent", 0.5), "r", "o3"],
        ["ana", 10.505, "r", "o4"],
        ["ana", ("formula", "0.1+0.2"), "r", "o5"],
        [1234567890.0, 5.0, "r", "o6"],
        [2998224725.0, 5.0, "r", "o7"],
        ["ana", 5.0, "r", ("date", "2026-03-01")],
        ["bia", 5.0, "r", "o9"],
    ],
)
ERRORS = sheet(
    "Plan1",
    [
        HEADER,
        ["ana", ("formula", "1/0"), "r", "o1"],
        ["bia", 5.0, "r", ("formula", "NA()")],
        ["caio", 5.0, "r", "o3"],
    ],
)
GROUPED = sheet(
    "Plan1", [HEADER, ["ana", ("grouped", 2000), "r", "o1"], ["bia", ("grouped", 1234), "r", "o2"]]
)
FAR = sheet("Plan1", [[], [], ["", *HEADER], [], ["", "ana", 7.5, "r", "o1"]])
SOURCES = {
    "longe": FAR,
    "campanha": CAMPAIGN,
    "folhas": SECOND + CAMPAIGN + HIDDEN,
    "errado": WRONG,
    "erros": ERRORS,
    "milhares": GROUPED,
    "duas": CAMPAIGN + CAMPAIGN.replace('"Campanha"', '"Campanha 2"'),
}

BRAZIL = 1046
"""The language of Brazil, as LibreOffice's filters number it."""
# Delimiter, quote, encoding (76: UTF-8, 1: Windows-1252, 65535: UTF-16), first line, formats, language, as shown.
TEXTS = {
    "": f"59,34,76,1,,{BRAZIL},false,true",
    "-1252": f"59,34,1,1,,{BRAZIL},false,true",
    "-tab-utf16": f"9,34,65535,1,,{BRAZIL},false,true",
    "-raw": f"44,34,76,1,,{BRAZIL},false,false",
}
MADE = {
    "longe": ("xlsx", "xls", "ods"),
    "campanha": ("xlsx", "xls", "ods", *(f"csv{each}" for each in TEXTS)),
    "folhas": ("xlsx", "xls", "ods"),
    "errado": ("xlsx", "xls", "ods"),
    "erros": ("xlsx", "xls", "ods"),
    "milhares": ("xlsx", "csv"),
    "duas": ("xlsx", "ods"),
}


def main() -> None:
    """Make all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, sheets in SOURCES.items():
            source = Path(folder, f"{name}.fods")
            source.write_text(HEAD + sheets + TAIL, "utf-8")
            for kind in MADE[name]:
                ending, _, variant = kind.partition("csv")
                ending = ending or "csv"
                to = f"csv:Text - txt - csv (StarCalc):{TEXTS[variant]}" if ending == "csv" else ending
                subprocess.run(
                    [
                        *("soffice", f"-env:UserInstallation=file://{folder}/user", "--headless"),
                        *("--convert-to", to, "--outdir", folder, str(source)),
                    ],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                shutil.move(Path(folder, f"{name}.{ending}"), FOLDER / f"{name}{variant}.{ending}")


if __name__ == "__main__":
    sys.exit(main())
