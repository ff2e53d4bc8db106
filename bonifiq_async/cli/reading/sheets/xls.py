"""Sheets of .xls files, read by python-calamine in a process of its own.

It reserves memory for every cell between the first and the last, so that a small file may ask for more than
there is, which ends its process. A formula that shows an error is an empty cell there.
"""

import contextlib
import datetime
import math
import subprocess
import sys
from collections.abc import Iterator
from typing import IO

import msgspec
from attrs import frozen

from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.reading.sheets.cells import Bad, Cell, NotRead, Sheet, SheetRow

MOST_MEMORY = 2 << 30
"""Bytes that the reading process may take. The largest sheet of an .xls file takes a tenth."""

_Row = tuple[int, list[str | float | Bad]]
_rows = msgspec.json.Decoder(_Row)


@frozen
class XlsWorkbook:
    """A spreadsheet that was read: its sheets, and where their rows are."""

    sheets: tuple[Sheet, ...]
    _begin: tuple[int, ...]
    _file: IO[bytes]
    notes: tuple[str, ...] = (
        phrase(
            "in .xls it cannot be seen whether a row is hidden (it is applied), nor whether 0.5 is shown as "
            "50 %: save it as .xlsx to have both shown"
        ),
    )

    def rows(self, sheet: str) -> Iterator[SheetRow]:
        """Yield the rows of a sheet that have cells, each with its number."""
        names = [each.name for each in self.sheets]
        self._file.seek(self._begin[names.index(sheet)])
        for line in self._file:
            if line == b"\n":
                return
            yield _rows.decode(line)


def opened(original: IO[bytes], scratch: IO[bytes]) -> XlsWorkbook:
    """Return the workbook in a file; its rows are kept in `scratch`. Raises `NotRead`."""
    original.seek(0)
    scratch.flush()
    child = subprocess.run(
        [sys.executable, "-m", __name__, str(scratch.fileno())],
        stdin=original,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=[scratch.fileno()],
        check=False,
    )
    if child.returncode == 1:
        said = child.stderr.decode(errors="replace").strip().splitlines()  # a panic says more before
        raise NotRead(said[-1][:200] if said else phrase("it cannot be read"))
    if child.returncode:
        raise NotRead(phrase("it asks for more memory than a spreadsheet needs, or is damaged"))
    scratch.seek(0)
    sheets, begin = [], []
    while line := scratch.readline():
        name, hidden = msgspec.json.decode(line, type=tuple[str, bool])
        sheets.append(Sheet(name, hidden))
        begin.append(scratch.tell())
        while scratch.readline() not in (b"\n", b""):
            pass
    return XlsWorkbook(tuple(sheets), tuple(begin), scratch)


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return Bad("true or false")
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else Bad("no number")
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return Bad("a date or a time", str(value))
    return str(value)


def _write(out: IO[bytes]) -> None:
    """Write each sheet of standard input: its name and whether it is hidden, its rows, and an empty line."""
    from python_calamine import CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

    with open(0, "rb", closefd=False) as original:
        book = CalamineWorkbook.from_filelike(original)
        for sheet in book.sheets_metadata:
            if sheet.typ is not SheetTypeEnum.WorkSheet:
                continue
            hidden = sheet.visible is not SheetVisibleEnum.Visible
            out.write(msgspec.json.encode((sheet.name, hidden)) + b"\n")
            for line, values in enumerate(book.get_sheet_by_name(sheet.name).iter_rows(), 1):
                cells = [_cell(value) for value in values]
                if any(cell != "" for cell in cells):
                    out.write(msgspec.json.encode((line, cells)) + b"\n")
            out.write(b"\n")


def _main() -> None:
    if sys.platform != "win32":
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    try:
        with open(int(sys.argv[1]), "wb", closefd=False) as out:
            _write(out)
    except ImportError:
        sys.exit("python-calamine is missing: pip install 'bonifiq-async[cli]'")
    except BaseException as error:  # noqa: BLE001  whatever the reader makes of a hostile file, a panic too
        sys.exit(f"it cannot be read ({' '.join(str(error).split())})")


if __name__ == "__main__":
    _main()
