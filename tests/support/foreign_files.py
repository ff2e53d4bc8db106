# ruff: noqa: E501
"""Files as users have them, and for each the right reading, or the right refusal: one table.

A case is what is in the file, or the name of one that LibreOffice wrote (see `office_files`); its
options; and its rows (line, customer, amount, key), the sentences on rows, or the sentence that refuses it.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence

from attrs import frozen

OFFICE = None
"""The content of a case that LibreOffice wrote."""

Change = tuple[int, str, str, str]


@frozen
class Case:
    """A file, the options, and the expected result."""

    content: bytes | None
    rows: Sequence[Change] = ()
    problems: Sequence[str] = ()
    refused: str | None = None
    options: Mapping[str, object] = {}
    notes: Sequence[str] = ()


def _text(*lines: str, encoding: str = "utf-8", end: str = "\n") -> bytes:
    return "".join(line + end for line in lines).encode(encoding)


BR = "Cliente;Valor;Motivo;Pedido"
PLAIN = "customer_id,value,reason,reference"


def _br(*amounts: str) -> bytes:
    """Return a Brazilian file with these amounts, for customers c2, c3 and so on, by their lines."""
    return _text(BR, *(f"c{line};{amount};r;o{line}" for line, amount in enumerate(amounts, 2)))


def _read(*amounts: str) -> Sequence[Change]:
    sign = ("REMOVE", "ADD")
    return [
        (line, f"c{line}", amount, f"{sign[amount[:1] != '-']}-c{line}-{_key(amount)}-o{line}")
        for line, amount in enumerate(amounts, 2)
    ]


def _key(amount: str) -> str:
    plain = amount.lstrip("-")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


TITLE = ("Campanha de verão", "", "gerada em 05/01/2026;;;")
ONE = [(2, "josé", "7.50", "ADD-josé-7.5-o1")]
ONE_BR = (BR, "josé;7,50;verão;o1")

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
HEAD = '<row r="1">' + "".join(
    f'<c r="{column}1" t="inlineStr"><is><t>{name}</t></is></c>'
    for column, name in zip("ABCD", ("cliente", "valor", "motivo", "pedido"), strict=True)
)


TITLE_ROW = '<row r="1"><c r="A1" t="inlineStr"><is><t>Campanha de verão</t></is></c></row>'
HEAD_3 = HEAD.replace('1"', '3"') + "</row>"


HIDDEN = {2, 3, 4, 6, 8, 10, 12, 14, 15}


def row(line: int, amount: str, customer: str | None = None, reference: str | None = None) -> str:
    """Return a row of a sheet, as XML: `amount` is its second cell."""
    return (
        f'<row r="{line}">{customer or text(f"A{line}", f"c{line}")}{amount}'
        f"{text(f'C{line}', 'r')}{reference or text(f'D{line}', f'o{line}')}</row>"
    )


def text(place: str, value: str) -> str:
    """Return a cell of text."""
    return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'


def xlsx(
    *rows: str,
    after: str = "",
    shared: str = "",
    formats: Sequence[str] = (),
    head: str = HEAD + "</row>",
    prolog: str = "",
    main: str = MAIN,
    prefix: str = "",
    book: str = "",
    before: str = "",
    packed: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """Return an .xlsx file of one sheet, whose XML is given; its cell styles have these number formats.

    `book` follows the names of the sheets, `before` stands before the rows.
    """
    colon = f"{prefix}:" if prefix else ""
    body = f"{before}<sheetData>{head}{''.join(rows)}</sheetData>{after}"
    if prefix:
        body = body.replace("</", "<\0").replace("<", f"<{colon}").replace(f"<{colon}\0", f"</{colon}")
    name = f"xmlns:{prefix}" if prefix else "xmlns"
    sheet = f'<{colon}worksheet {name}="{main}">{body}</{colon}worksheet>'
    numbers = "".join(
        f'<numFmt numFmtId="{200 + at}" formatCode="{code}"/>' for at, code in enumerate(formats)
    )
    styles = "".join(f'<xf numFmtId="{200 + at}"/>' for at, _ in enumerate(formats))
    parts = {
        "_rels/.rels": f'<Relationships><Relationship Id="a" Type="{REL}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{REL}"><sheets><sheet name="Plan1" sheetId="1" r:id="s"/>'
        f"</sheets>{book}</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships><Relationship Id="s" Type="{REL}/worksheet" '
        f'Target="worksheets/sheet1.xml"/><Relationship Id="t" Type="{REL}/styles" Target="styles.xml"/>'
        + (
            f'<Relationship Id="u" Type="{REL}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
            if shared
            else ""
        )
        + "</Relationships>",
        "xl/worksheets/sheet1.xml": prolog + sheet,
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{numbers}</numFmts>'
        f'<cellXfs><xf numFmtId="0"/>{styles}</cellXfs></styleSheet>',
    }
    if shared:
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{shared}</sst>'
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packed) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return made.getvalue()


def number(line: int, value: str, style: int = 0) -> str:
    """Return an amount as a number."""
    return f'<c r="B{line}" s="{style}"><v>{value}</v></c>'


def _zip(**parts: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


OFFICE_NAMES = "urn:oasis:names:tc:opendocument:xmlns"


def _ods(
    amount: str,
    *,
    customer: str = "c2",
    beside: str = "",
    row: str = "",
    column: str = "",
    cell: str = "",
    shown: str = "",
) -> bytes:
    """Return an .ods file of a sheet whose one amount is given.

    `customer` and what is `beside` it are XML; `row`, `column` and `cell` are attributes, `shown` a text of the amount.
    """

    def text_cell(value: str) -> str:
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'

    def line(*cells: str, attributes: str = "") -> str:
        return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"

    names = "".join(f' xmlns:{each}="{OFFICE_NAMES}:{each}:1.0"' for each in ("office", "table", "text"))
    rows = line(*map(text_cell, ("cliente", "valor", "motivo", "pedido"))) + line(
        f'<table:table-cell office:value-type="string">{beside}<text:p>{customer}</text:p></table:table-cell>',
        f'<table:table-cell office:value-type="float" office:value="{amount}" {cell}><text:p>{shown}</text:p>'
        "</table:table-cell>",
        *map(text_cell, ("r", "o2")),
        attributes=row,
    )
    rows = f"<table:table-column table:number-columns-repeated='2' {column}/>{rows}"
    return _zip(
        **{
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": "<x/>",
            "content.xml": f"<office:document-content{names}><office:body><office:spreadsheet>"
            f'<table:table table:name="Plan1">{rows}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        }
    )


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'

TEXTS: Mapping[str, Case] = {
    "semicolons.csv": Case(_text(*ONE_BR), ONE),
    "tabs.csv": Case(_text(*(line.replace(";", "\t") for line in ONE_BR)), ONE),
    "tabs.tsv": Case(_text(*(line.replace(";", "\t") for line in ONE_BR)), ONE),
    "bars.txt": Case(_text(*(line.replace(";", "|") for line in ONE_BR)), ONE),
    "commas-br.csv": Case(_text(BR.replace(";", ","), 'josé,"7,50",verão,o1'), ONE),
    "bom.csv": Case(_text(*ONE_BR, encoding="utf-8-sig"), ONE),
    "utf-16.csv": Case(_text(*ONE_BR, encoding="utf-16"), ONE),
    "utf-16-be.csv": Case(b"\xfe\xff" + _text(*ONE_BR, encoding="utf-16-be"), ONE),
    "utf-16-no-bom.csv": Case(_text(*ONE_BR, encoding="utf-16-le"), refused="not UTF-8"),
    "windows.csv": Case(_text(*ONE_BR, encoding="cp1252"), ONE),
    "dos.csv": Case(_text(*ONE_BR, encoding="cp850"), ONE, options={"encoding": "cp850"}),
    "mixed.csv": Case(
        _text(*ONE_BR) + "bia;1,00;férias;o2\n".encode("cp1252"),
        refused="line 3: not UTF-8, as other lines are",
    ),
    "mixed-emoji.csv": Case(
        _text(BR, "ana;1,00;\U0001f600;o1") + "bia;1,00;férias;o2\n".encode("cp1252"),
        refused="line 3: not UTF-8, as other lines are",
    ),
    "binary.csv": Case(bytes(range(256)), refused="not UTF-8"),
    "crlf.csv": Case(_text(*ONE_BR, end="\r\n"), ONE),
    "lone-cr.csv": Case(_text(*ONE_BR, end="\r"), ONE),
    "sep.csv": Case(_text("sep=;", *ONE_BR, end="\r\n"), ONE),
    "sep-not-text.csv": Case(
        _text("sep=;", *ONE_BR, encoding="cp1252") + b"\x81", refused="not windows-1252"
    ),
    "sep-bar.csv": Case(_text("SEP=|", *(line.replace(";", "|") for line in ONE_BR)), ONE),
    "quoted.csv": Case(_text('"Cliente";"Valor";"Motivo";"Pedido"', '"josé";"7,50";"verão; sol";"o1"'), ONE),
    "blank-rows.csv": Case(_text(BR + ";;", "josé;7,50;r;o1;;", ";;;;;", "", " ; ;;;;"), ONE),
    "short-rows.csv": Case(_text(BR + ";Canal", "josé;7,50;r;o1"), ONE, notes=["not needed: Canal"]),
    "too-many.csv": Case(_text(BR, "josé;7,50;r;o1;x"), problems=["line 2: 5 cells, but the header has 4"]),
    "torn.csv": Case(
        _text(BR, 'josé;7,50;"r', 'bia;8,00;r";o2'), problems=["lines 2 to 3: the cell under Motivo"]
    ),
    "spelling.csv": Case(_text("CUSTOMER ID; Válue ;REASON;Reference", "josé;7,50;r;o1"), ONE),
    "usual.csv": Case(
        _text("E-mail do cliente;VALOR (R$);Razão;Nº;Número do pedido", "josé;7,50;r;9;o1"), ONE
    ),
    "two-that-fit.csv": Case(
        _text("CPF;E-mail;Valor;Motivo;Pedido", "1;2;3;4;5"), refused="CPF and E-mail may both be customer_id"
    ),
    "said-map.csv": Case(
        _text("CPF;E-mail;Valor;Motivo;Pedido", "9;josé;7,50;r;o1"),
        ONE,
        options={"maps": ["e-mail=customer_id", "CPF=reason"]},
        problems=[],
    ),
    "map-of-nothing.csv": Case(
        _text(*ONE_BR), refused="no column is called Nome", options={"maps": ["Nome=reason"]}
    ),
    "map-to-nothing.csv": Case(
        _text(*ONE_BR), refused="--map says nome, which is none of", options={"maps": ["Motivo=nome"]}
    ),
    "map-twice.csv": Case(
        _text(*ONE_BR),
        refused="--map says twice what 'Pedido' is",
        options={"maps": ["Pedido=reference", "Pedido=change_key"]},
    ),
    "map-spelt-twice.csv": Case(
        _text(*ONE_BR),
        refused="--map says twice what 'PEDIDO' is",
        options={"maps": ["Pedido=reference", "PEDIDO=change_key"]},
    ),
    "lacks.csv": Case(
        _text("Cliente;Valor;Motivos", "a;1;r"), refused="lacks reason, reference or change_key"
    ),
    "doubled.csv": Case(_text("Cliente;Valor;Valor;Motivo;Pedido", "a;1;2;r;o"), refused="may both be value"),
    "no-sheet.csv": Case(_text(*ONE_BR), refused="has no sheets", options={"sheet": "1"}),
    "wrong-delimiter.csv": Case(_text(*ONE_BR), refused="lacks customer_id", options={"delimiter": "tab"}),
    "amounts.csv": Case(
        _br(
            "R$ 7,00",
            "-3,00",
            "3,00-",
            "(3,00)",
            "\u22123,00",
            "R$\u00a07,00",
            "1.234,50",
            "7",
            "1.000",
            "-R$ 1.234.567,89",
        ),
        _read("7.00", "-3.00", "-3.00", "-3.00", "-3.00", "7.00", "1234.50", "7", "1000", "-1234567.89"),
    ),
    "american.csv": Case(
        _br("R$1,234.50", "(R$ 3.00)", "1,000", "7.5"), _read("1234.50", "-3.00", "1000", "7.5")
    ),
    "unclear.csv": Case(
        _br("2.000", "5"),
        refused="line 2: value '2.000' is R$ 2,000.00 with a decimal comma, and R$ 2.00 with",
    ),
    "unclear-comma.csv": Case(
        _br("10", "1,234"), refused="line 3: value '1,234' is R$ 1.234 with a decimal comma, and R$ 1,234.00"
    ),
    "said-comma.csv": Case(_br("2.000", "5"), _read("2000", "5"), options={"decimal": "comma"}),
    "said-point.csv": Case(
        _br("2.000", "5"),
        _read("", "5")[1:],
        ["line 2: value is '2.000'; an amount has 2"],
        options={"decimal": "."},
    ),
    "proven-late.csv": Case(_br("2.000", "1.234", "15,9"), _read("2000", "1234", "15.9")),
    "proven-by-groups.csv": Case(_br("2.000", "1.234.567"), _read("2000", "1234567")),
    "both-marks.csv": Case(
        _br("15,9", "15.9"), refused="two decimal marks: '15,9' in line 2 has a comma, and '15.9' in line 3"
    ),
    "both-said.csv": Case(
        _br("15,9", "15.9"),
        _read("15.9")[:1],
        ["line 3: value is '15.9', but the decimal mark is a comma"],
        options={"decimal": ","},
    ),
    "malformed.csv": Case(
        _br(
            "15,9",
            "1.23.456",
            "1.23,4",
            "1 234",
            "1'234",
            "7,",
            ",5",
            "--3",
            "-(3)",
            "US$ 3,00",
            "3,00 R$",
            "5%",
            "1e3",
            "R$",
            "NaN",
        ),
        _read("15.9"),
        [
            "line 3: value is '1.23.456', whose digits are grouped as no amount is",
            *(f"line {line}: value is" for line in range(4, 17)),
        ],
    ),
    "decimals.csv": Case(
        _br("15,9", "R$ 10,505"),
        _read("15.9"),
        ["line 3: value is 'R$ 10,505'; an amount has 2 decimals at the most. If it is 10505"],
    ),
    "plain.csv": Case(_text(PLAIN, "c2,7.50,r,o2"), _read("7.50")),
    "plain-grouped.csv": Case(
        _text(PLAIN, "c2,2.000,r,o2"), problems=["If it is 2000, say so with --decimal ,"]
    ),
    "plain-said.csv": Case(_text(PLAIN, "c2,2.000,r,o2"), _read("2000"), options={"decimal": ","}),
    "plain-comma.csv": Case(_text(PLAIN, "c2,2.000,r,o2", 'c3,"15,9",r,o3'), _read("2000", "15.9")),
    "plain-both.csv": Case(
        _text(PLAIN, "c2,7.50,r,o2", 'c3,"15,9",r,o3'),
        _read("7.50"),
        ["line 3: value is '15,9', but the decimal mark is a point"],
    ),
    "plain-money.csv": Case(
        _text(PLAIN, "c2,R$ 7.50,r,o2", "c3,(3.00),r,o3", "c4,3.00-,r,o4"), _read("7.50", "-3.00", "-3.00")
    ),
    "documents.csv": Case(
        _text(
            BR,
            *(
                "52998224725;1;r;o2",
                "1234567890;1;r;o3",
                "191;1;r;o4",
                "11222333000181;1;r;o5",
                "1222333000000;1;r;o6",
            ),
            *("1,23457E+11;1;r;o7", "191000000000;1;r;o8"),
        ),
        [
            (2, "52998224725", "1", "ADD-52998224725-1-o2"),
            (4, "191", "1", "ADD-191-1-o4"),
            (5, "11222333000181", "1", "ADD-11222333000181-1-o5"),
            (6, "1222333000000", "1", "ADD-1222333000000-1-o6"),
            (8, "191000000000", "1", "ADD-191000000000-1-o8"),
        ],
        [
            "line 3: customer_id is 1234567890, a CPF without its first zeros",
            "line 7: customer_id is '1,23457E+11'",
        ],
    ),
    "numbers-of-their-own.csv": Case(
        _text(BR, *(f"123456789{n};1;r;o{n}" for n in range(10))),
        [(2 + n, f"123456789{n}", "1", f"ADD-123456789{n}-1-o{n}") for n in range(10)],
    ),
    "unseen.csv": Case(
        _text(BR, *(f"a{sign}b;1;r;o" for sign in ("\u00a0", "\u200b", "\u00ad", "\ufeff", "\u2060"))),
        problems=[
            f"has an invisible character, {name}"
            for name in ("U+00A0 NO-BREAK SPACE", "U+200B ZERO WIDTH SPACE")
        ]
        + [
            f"has an invisible character, {name}"
            for name in ("U+00AD SOFT HYPHEN", "U+FEFF", "U+2060 WORD JOINER")
        ],
    ),
    "empty.csv": Case(b"", refused="is empty"),
    "blank.csv": Case(b"\n\n", refused="is empty"),
    "blank-above.csv": Case(
        _text("", *ONE_BR),
        refused="begins with an empty line, and line 2 looks like the header: say --header-row 2",
    ),
    "blank-above-no-header.csv": Case(
        _text("", "a;b", "c;d"), refused="begins with an empty line: take it out"
    ),
    "blank-cells-above.csv": Case(
        _text(";;;", *ONE_BR), refused="line 1 is not the header, and line 2 looks"
    ),
    "title.csv": Case(
        _text(*TITLE, *ONE_BR),
        refused="line 1 is not the header, and line 4 looks like it: say --header-row 4",
    ),
    "title-and-map.csv": Case(
        _text("Campanha", "Quem;Valor;Motivo;Pedido", "c3;7,00;r;o3"),
        refused="line 2 looks like it: say --header-row 2",
        options={"maps": ("Quem=customer_id",)},
    ),
    "title-said-lacks.csv": Case(
        _text("Campanha", "Cliente;Quanto;Motivo;Pedido", "c3;7,00;r;o3"),
        refused="line 2: the header lacks value or points; it has Cliente, Quanto, Motivo, Pedido",
        options={"header_row": 2},
    ),
    "usual-names.csv": Case(
        _text("E-mail do cliente;Valor do crédito;Motivo;Nº do pedido", "c2;7,00;r;o2"),
        [(2, "c2", "7.00", "ADD-c2-7-o2")],
    ),
    "map-reversed.csv": Case(
        _text(*ONE_BR), refused="write --map 'Motivo=reason'", options={"maps": ["reason=Motivo"]}
    ),
    "title-said.csv": Case(
        _text(*TITLE, *ONE_BR), [(5, "josé", "7.50", "ADD-josé-7.5-o1")], options={"header_row": 4}
    ),
    "title-said-plain.csv": Case(
        _text("Campaign", PLAIN, "c3,1.50,r,o3"),
        [(3, "c3", "1.50", "ADD-c3-1.5-o3")],
        options={"header_row": 2},
    ),
    "title-said-sep.csv": Case(
        _text("sep=;", *TITLE, *ONE_BR), [(5, "josé", "7.50", "ADD-josé-7.5-o1")], options={"header_row": 4}
    ),
    "no-such-row.csv": Case(_text(*ONE_BR), refused="nothing begins in line 9", options={"header_row": 9}),
    "blank-row-said.csv": Case(
        _text(*TITLE, *ONE_BR), refused="nothing begins in line 2", options={"header_row": 2}
    ),
    "not-the-header.csv": Case(
        _text(*TITLE, *ONE_BR),
        refused="line 5 is not the header, and line 4 looks like it",
        options={"header_row": 5},
    ),
    "title.xlsx": Case(
        xlsx(TITLE_ROW, HEAD_3, row(4, number(4, "7")), head=""),
        refused="line 1 is not the header, and line 3 looks like it",
    ),
    "title-said.xlsx": Case(
        xlsx(TITLE_ROW, HEAD_3, row(4, number(4, "7")), head=""),
        [(4, "c4", "7", "ADD-c4-7-o4")],
        options={"header_row": 3},
    ),
    "no-such-row.xlsx": Case(
        xlsx(TITLE_ROW, HEAD_3, head=""), refused="nothing begins in line 2", options={"header_row": 2}
    ),
    "hidden-columns.xlsx": Case(
        xlsx(
            row(2, number(2, "7")),
            before='<cols><col min="3" max="3" hidden="1"/><col min="5" max="28" hidden="1"/></cols>',
        ),
        _read("7"),
        notes=["columns that are hidden, and are read like the others: C, E:AB"],
    ),
    "endless.csv": Case(_text(BR, "a" * (3 << 20)), refused="a line longer than any row"),
    "endless.jsonl": Case(b'{"customer_id":"' + b"a" * (3 << 20), refused="a line longer than any row"),
    "header-alone.csv": Case(_text(BR), refused="has no changes in it"),
    "text.xlsx": Case(_text(*ONE_BR), refused="it is named as one, but it is a text"),
    "table.xls": Case(b"<html><table><tr><td>Cliente</td></tr></table></html>", refused="it is a text"),
}

SHEETS: Mapping[str, Case] = {
    "numbers.xlsx": Case(
        xlsx(
            *(
                row(line, number(line, value))
                for line, value in enumerate(("7.0999999999999996", "-3", "1E3", "2000"), 2)
            )
        ),
        _read("7.1", "-3", "1000", "2000"),
    ),
    "not-a-csv.csv": Case(xlsx(row(2, number(2, "7"))), _read("7")),
    "gaps.xlsx": Case(
        xlsx(row(3, number(3, "7")), row(900, number(900, "8"))),
        [(3, "c3", "7", "ADD-c3-7-o3"), (900, "c900", "8", "ADD-c900-8-o900")],
    ),
    "far-cell.xlsx": Case(
        xlsx(row(2, number(2, "7")), '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
        _read("7"),
    ),
    "text-amounts.xlsx": Case(
        xlsx(row(2, text("B2", "R$ 1.234,50")), row(3, text("B3", "2.000")), row(4, number(4, "2.5"))),
        _read("1234.50", "2000", "2.5"),
    ),
    "text-unclear.xlsx": Case(
        xlsx(row(2, text("B2", "2.000")), row(3, number(3, "2.5"))), refused="no row proves which it is"
    ),
    "formats.xlsx": Case(
        xlsx(
            *(row(line, number(line, "45000", line - 1)) for line in range(2, 8)),
            formats=(
                "dd/mm/yyyy",
                "[h]:mm",
                "0%",
                "&quot;dia&quot; 0",
                "[Red]#,##0.00;(0)",
                "_-R$\\ * #,##0.00",
            ),
        ),
        [(line, f"c{line}", "45000", f"ADD-c{line}-45000-o{line}") for line in (5, 6, 7)],
        ["line 2: value is a date", "line 3: value is a date", "line 4: value is a percentage"],
    ),
    "kinds.xlsx": Case(
        xlsx(
            row(2, '<c r="B2" t="b"><v>1</v></c>'),
            row(3, '<c r="B3" t="e"><v>#REF!</v></c>'),
            row(4, '<c r="B4"><f>A1+1</f></c>'),
            row(5, '<c r="B5"><f>3+4</f><v>7</v></c>'),
            row(6, '<c r="B6" t="str"><f>"7,50"</f><v>7,50</v></c>'),
            row(7, number(7, "0.30000000000000004")),
            row(8, number(8, "1E+22")),
            row(9, number(9, "5"), customer='<c r="A9"><v>1.23457E+15</v></c>'),
            row(10, '<c r="B10" t="d"><v>2026-01-01</v></c>'),
            row(11, '<c r="B11"/>'),
        ),
        [(5, "c5", "7", "ADD-c5-7-o5"), (6, "c6", "7.50", "ADD-c6-7.5-o6")],
        [
            *(
                "line 2: value is true or false",
                "line 3: value is an error, '#REF!'",
                "line 4: value is a formula without a value",
            ),
            *(
                "line 7: value is '0.30000000000000004'; an amount has 2",
                "line 8: value is a number of which a spreadsheet",
            ),
            *(
                "line 9: customer_id is a number of which",
                "line 10: value is a date",
                "line 11: value is empty",
            ),
        ],
    ),
    # As written by programs that calculate nothing, such as XlsxWriter and openpyxl.
    "not-calculated.xlsx": Case(
        xlsx(
            row(2, number(2, "7"), reference='<c r="D2"><f>A2</f><v>0</v></c>'),
            row(3, number(3, "7")),
            book='<calcPr calcId="124519" fullCalcOnLoad="1"/>',
        ),
        [(3, "c3", "7", "ADD-c3-7-o3")],
        ["line 2: reference is a formula that was not calculated: open and save"],
    ),
    "formula-of-nothing.xlsx": Case(
        xlsx(
            row(2, number(2, "7")),
            '<row r="3"><c r="A3" t="str"><f>x</f><v></v></c><c r="B3" t="str"><f>x</f><v/></c></row>',
        ),
        _read("7"),
    ),
    "empty-values.xlsx": Case(
        xlsx(row(2, number(2, "7")), '<row r="3"><c r="A3" t="s"><v/></c><c r="B3"><v></v></c></row>'),
        _read("7"),
    ),
    "half-a-character.xlsx": Case(
        xlsx(row(2, number(2, "7"), text("A2", "a_xD800_b"))),
        problems=["line 2: customer_id is a text with half a character"],
    ),
    "blanks-without-end.xlsx": Case(
        xlsx(row(2, number(2, "7"), reference=text("D2", "o" + " " * 200_000))),
        problems=["line 2: reference has 200,001 characters"],
    ),
    "shared.xlsx": Case(
        xlsx(
            row(2, number(2, "7"), '<c r="A2" t="s"><v>1</v></c>', '<c r="D2" t="s"><v>0</v></c>'),
            shared="<si><t>o_x0032_</t></si><si><r><t>jo</t></r><r><t>sé</t></r><rPh><t>x</t></rPh></si>",
        ),
        [(2, "josé", "7", "ADD-josé-7-o2")],
    ),
    "shared-missing.xlsx": Case(
        xlsx(row(2, number(2, "7"), '<c r="A2" t="s"><v>9</v></c>'), shared="<si><t>a</t></si>"),
        refused="a cell names a text that is not there",
    ),
    "prefixed.xlsx": Case(xlsx(row(2, number(2, "7")), prefix="x"), _read("7")),
    "strict.xlsx": Case(
        xlsx(row(2, number(2, "7")), main="http://purl.oclc.org/ooxml/spreadsheetml/main"), _read("7")
    ),
    "merged.xlsx": Case(
        xlsx(row(2, number(2, "7")), row(3, ""), after='<mergeCells><mergeCell ref="B2:B3"/></mergeCells>'),
        _read("7"),
        ["line 3: value is empty"],
        notes=["merged cells, of which the first alone has a value: B2:B3"],
    ),
    "hidden-rows.xlsx": Case(
        xlsx(row(2, number(2, "7")).replace("<row ", '<row hidden="1" ')),
        _read("7"),
        notes=["1 hidden row (2), as by a filter, which is applied like the others"],
    ),
    "hidden-stretches.xlsx": Case(
        xlsx(
            *(
                row(line, number(line, "7")).replace(
                    "<row ", '<row hidden="1" ' if line in HIDDEN else "<row "
                )
                for line in range(2, 16)
            )
        ),
        _read(*["7"] * 14),
        notes=["9 hidden rows (2–4, 6, 8, 10, 12, …), as by a filter, which are applied like the others"],
    ),
    "entities.xlsx": Case(xlsx(row(2, number(2, "7")), prolog=BOMB), refused="it has a document type"),
    "cut.xlsx": Case(xlsx(row(2, number(2, "7")))[:-200], refused="it is damaged"),
    "not-xml.xlsx": Case(xlsx("<row"), refused="is damaged"),
    "number-that-is-none.xlsx": Case(xlsx(row(2, number(2, "x"))), refused="a number in its row 2 is none"),
    "rows-backwards.xlsx": Case(
        xlsx(row(3, number(3, "7")), row(2, number(2, "7"))), refused="row 2 stands behind row 3"
    ),
    "cells-twice.xlsx": Case(
        xlsx(row(2, number(2, "7") + number(2, "8"))), refused="stands behind another one"
    ),
    "longer-text.xlsx": Case(
        xlsx(row(2, text("B2", "7" * 200_000))), problems=["line 2: value has 200,000 characters"]
    ),
    "long-tag.xlsx": Case(
        xlsx(f'<row r="2" x="{"a" * 3_000_000}"></row>'),
        refused="a tag in it is longer than any spreadsheet's",
    ),
    "packed.xlsx": Case(
        xlsx(row(2, number(2, "7")), packed=zipfile.ZIP_BZIP2), refused="is packed as no spreadsheet's is"
    ),
    "no-main-part.xlsx": Case(
        _zip(
            **{"_rels/.rels": f'<Relationships><Relationship Type="{REL}/officeDocument"/></Relationships>'}
        ),
        refused="is missing",
    ),
    "number.ods": Case(_ods("7.5"), _read("7.5")),
    "marks.ods": Case(
        _ods("7.5", customer="a<text:tab/>b<text:s text:c='2'/>c<text:line-break/>d"),
        problems=["line 2: the cell under customer_id has a line break"],
    ),
    "tab.ods": Case(_ods("7.5", customer="a<text:tab/>b"), problems=["customer_id has a control character"]),
    "blanks.ods": Case(
        _ods("7.5", customer="a<text:s text:c='2'/>b <text:span>c</text:span>"),
        [(2, "a  b c", "7.5", "ADD-a  b c-7.5-o2")],
    ),
    "comment.ods": Case(
        _ods("7.5", customer="c2", beside="<office:annotation><text:p>seen</text:p></office:annotation>"),
        _read("7.5"),
    ),
    "hidden.ods": Case(
        _ods("7.5", row="table:visibility='filter'", column="table:visibility='collapse'"),
        _read("7.5"),
        notes=[
            "1 hidden row (2), as by a filter, which is applied like the others",
            "columns that are hidden, and are read like the others: A:B",
        ],
    ),
    "repeated.ods": Case(
        _ods("7.5", row="table:number-rows-repeated='2'"),
        [(line, "c2", "7.5", "ADD-c2-7.5-o2") for line in (2, 3)],
    ),
    "error-of-another.ods": Case(
        _ods("0", cell="table:formula='of:=1/0'", shown="#DIV/0!"),
        problems=["line 2: value is an error, '#DIV/0!'"],
    ),
    "rows-without-end.ods": Case(
        _ods("7.5", row="table:number-rows-repeated='9999999'"), refused="larger than any spreadsheet's"
    ),
    "no-count.ods": Case(
        _ods("7.5", row="table:number-rows-repeated='x'"), refused="a part of it is damaged"
    ),
    **{
        f"{each}.ods": Case(
            _ods(each),
            problems=["line 2: value is no number; write an amount, such as 12.50, in cell B2, under valor"],
        )
        for each in ("NaN", "inf", "1e400")
    },
    "rows-beyond.xlsx": Case(
        xlsx(row(9_999_999, number(9_999_999, "7"))), refused="its row 9999999 stands behind row 1"
    ),
    "cells-beyond.xlsx": Case(
        xlsx('<row r="2">' + "<c><v>1</v></c>" * 20_000 + "</row>"),
        refused="has more cells than a sheet has columns",
    ),
    "archive.xlsx": Case(_zip(readme="x"), refused="it is an archive of other files"),
    "binary.xlsb": Case(_zip(**{"xl/workbook.bin": "x"}), refused="it is binary"),
    "empty-sheet.xlsx": Case(xlsx(head=""), refused="the header lacks"),
    "said-csv-things.xlsx": Case(
        xlsx(row(2, number(2, "7"))), refused="needs neither", options={"delimiter": ";"}
    ),
    "broken.xls": Case(
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), refused="is no spreadsheet that can be read"
    ),
}

CAMPAIGN = [
    (2, "ana@example.com", "1234.5", "ADD-ana@example.com-1234.5-o1"),
    (3, "joão@example.com", "-3", "REMOVE-joão@example.com-3-o2"),
    (5, "52998224725", "7.1", "ADD-52998224725-7.1-1003"),
    (6, "caio@example.com", "2469", "ADD-caio@example.com-2469-o4"),
]
SHOWN = [(*CAMPAIGN[0][:2], "1234.50", CAMPAIGN[0][3]), (*CAMPAIGN[1][:2], "-3.00", CAMPAIGN[1][3])]
SHOWN += [(7, "caio@example.com", "2469.00", CAMPAIGN[3][3])]
TORN = ["lines 5 to 6: the cell under Observação has a line break"]
OTHERS = ["sheets that are not read: Resumo", "hidden sheets that are not read: Antiga"]
LOST = "line 7: customer_id is 1234567890, a CPF without its first zeros"

OFFICES: Mapping[str, Case] = {
    **{
        f"campanha.{kind}": Case(OFFICE, CAMPAIGN, notes=["not needed: Observação"])
        for kind in ("xlsx", "xls", "ods")
    },
    **{f"campanha{kind}.csv": Case(OFFICE, SHOWN, TORN) for kind in ("", "-1252", "-tab-utf16")},
    "campanha-raw.csv": Case(OFFICE, SHOWN, TORN),
    **{f"folhas.{kind}": Case(OFFICE, CAMPAIGN, notes=OTHERS) for kind in ("xlsx", "xls", "ods")},
    **{
        f"duas.{kind}": Case(OFFICE, refused="several sheets with the columns that are needed")
        for kind in ("xlsx", "ods")
    },
    **{
        f"longe.{kind}": Case(OFFICE, [(5, "ana", "7.5", "ADD-ana-7.5-o1")])
        for kind in ("xlsx", "xls", "ods")
    },
    "milhares.xlsx": Case(
        OFFICE, [(2, "ana", "2000", "ADD-ana-2000-o1"), (3, "bia", "1234", "ADD-bia-1234-o2")]
    ),
    "milhares.csv": Case(OFFICE, refused="value '2.000' is R$ 2,000.00 with a decimal comma"),
    **{
        name: Case(
            OFFICE,
            [(4, "caio", "5", "ADD-caio-5-o3")],
            [
                "line 2: value is an error, '#DIV/0!'; write an amount, such as 12.50, in cell B2, under Valor",
                "line 3: reference is an error, '#N/A'; write a text in cell",
            ],
        )
        for name in ("erros.xlsx", "erros.ods")
    },
    "errado.ods": Case(
        OFFICE,
        [
            (6, "ana", "0.3", "ADD-ana-0.3-o5"),
            (8, "2998224725", "5", "ADD-2998224725-5-o7"),
            (10, "bia", "5", "ADD-bia-5-o9"),
        ],
        [
            *(
                "line 2: value is a date or a time",
                "line 3: value is true or false",
                "line 4: value is a percentage, '50%'",
            ),
            *("line 5: value is '10.505'; an amount has 2", LOST, "line 9: reference is a date or a time"),
        ],
    ),
    "errado.xlsx": Case(
        OFFICE,
        [
            (6, "ana", "0.3", "ADD-ana-0.3-o5"),
            (8, "2998224725", "5", "ADD-2998224725-5-o7"),
            (10, "bia", "5", "ADD-bia-5-o9"),
        ],
        [
            *(
                "line 2: value is a date",
                "line 3: value is true or false",
                "line 4: value is a percentage",
            ),
            *("line 5: value is '10.505'; an amount has 2", LOST, "line 9: reference is a date"),
        ],
    ),
    "erros.xls": Case(
        OFFICE,
        [(4, "caio", "5", "ADD-caio-5-o3")],
        ["line 2: value is empty", "line 3: give exactly one of"],
        notes=["in .xls it cannot be seen whether a row is hidden"],
    ),
}
SAID = {
    "duas.xlsx": ({"sheet": "Campanha 2"}, CAMPAIGN),
    "duas.ods": ({"sheet": "2"}, CAMPAIGN),
    "folhas.xlsx": ({"sheet": "Antiga"}, [(2, "velha@example.com", "99", "ADD-velha@example.com-99-o9")]),
    "milhares.csv": (
        {"decimal": ","},
        [(2, "ana", "2000", "ADD-ana-2000-o1"), (3, "bia", "1234", "ADD-bia-1234-o2")],
    ),
}
"""Files of LibreOffice that need an option."""

CASES = {**TEXTS, **SHEETS, **OFFICES}
