"""The parts of an Office file: XML in an archive, read piece by piece, whatever stands in it."""

import contextlib
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import IO
from xml.parsers import expat

from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.reading.sheets.cells import NotRead

CHUNK = 1 << 16
MOST_BYTES = 8 << 30
"""Of one part of a file, unpacked. A sheet of a million rows has about 300 MB."""
MOST_SMALL = 64 << 20
"""Of a part that is held in memory, unpacked: the names of sheets, the styles of cells."""
MOST_TAG = 1 << 20
"""Bytes of one tag or comment, which the parser holds until its end."""
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How parts may be packed (ECMA-376, part 2, annex B)."""

Start = Callable[[str, Mapping[str, str]], None]
End = Callable[[str], None]
OnText = Callable[[str], object]


def parse(part: IO[bytes], start: Start, end: End, text: OnText, most: int = MOST_BYTES) -> Iterator[None]:
    """Read XML of so many bytes at the `most`, stopping after each piece. Names come without namespaces."""

    def local(name: str) -> str:
        return name.rpartition(" ")[2]

    return parse_names(
        part,
        lambda name, attributes: start(local(name), attributes),
        lambda name: end(local(name)),
        text,
        most,
    )


def parse_names(
    part: IO[bytes], start: Start, end: End, text: OnText, most: int = MOST_BYTES
) -> Iterator[None]:
    """Read XML, stopping after each piece; a name comes behind its namespace and a blank."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def doctype(*_: object) -> None:
        raise NotRead(phrase("it has a document type, which no spreadsheet has"))

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    read = 0
    try:
        while piece := part.read(CHUNK):
            read += len(piece)
            if read > most:
                raise NotRead(phrase("a part of it is larger than any spreadsheet's"))
            parser.Parse(piece)
            if read - parser.CurrentByteIndex > MOST_TAG:
                raise NotRead(phrase("a tag in it is longer than any spreadsheet's"))
            yield
        parser.Parse(b"", True)
        yield
    except expat.ExpatError as error:
        raise NotRead(phrase("a part of it is damaged ({why})", why=error)) from None


def nothing(*_: object) -> None:
    """Take no note."""


@contextlib.contextmanager
def open_part(archive: zipfile.ZipFile, name: str) -> Iterator[IO[bytes]]:
    """Give a part of an archive to read. Raises `NotRead` where it is missing, damaged or locked."""
    try:
        if archive.getinfo(name).compress_type not in PACKED:
            raise NotRead(phrase("its part {name} is packed as no spreadsheet's is", name=name))
        with archive.open(name) as part:
            yield part
    except KeyError:
        raise NotRead(phrase("its part {name} is missing", name=name)) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise NotRead(phrase("its part {name} is damaged or locked ({why})", name=name, why=error)) from None


def elements_of(archive: zipfile.ZipFile, name: str) -> list[tuple[str, Mapping[str, str]]]:
    """Return the elements of a small part: names and attributes."""
    found: list[tuple[str, Mapping[str, str]]] = []
    with open_part(archive, name) as part:
        read = parse(
            part, lambda name, attributes: found.append((name, attributes)), nothing, nothing, MOST_SMALL
        )
        for _ in read:
            if len(found) > 1_000_000:
                raise NotRead(phrase("its part {name} has no end", name=name))
    return found


def sheet_kind(head: bytes, copy: IO[bytes]) -> str | None:
    """Return which kind of spreadsheet a file is, by what is in it; None for a text.

    `head` are its first bytes. Raises `NotRead` for what is neither.
    """
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "xls"
    if not head.startswith(b"PK\x03\x04"):
        return None
    with opened_archive(copy) as archive:
        names = set(archive.namelist())
        if "xl/workbook.bin" in names:
            raise NotRead(phrase("it is binary (.xlsb); save it as .xlsx"))
        if "_rels/.rels" in names:
            return "xlsx"
        if "content.xml" in names:
            return "ods"
    raise NotRead(phrase("it is an archive of other files"))


@contextlib.contextmanager
def opened_archive(copy: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Give the archive in a file. Raises `NotRead`."""
    try:
        archive = zipfile.ZipFile(copy)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise NotRead(phrase("it is damaged ({why})", why=error)) from None
    with archive:
        yield archive
