"""Which user runs a command, where and on which file: what a ledger keeps of a run."""

import getpass
import hashlib
import os
import platform
import sys
from pathlib import Path

from bonifiq_async.ledger.runs import RunOrigin


def origin(command: str, file: str = "", content: Path | None = None) -> RunOrigin:
    """Return what a ledger keeps of a run of `command`; `content` has the bytes of the file called `file`.

    A file is kept with its whole path: another folder may have one of the same name.
    """
    digest = ""
    if content is not None:
        with content.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return RunOrigin(command, _text(_user()), _text(platform.node()), name_of(file), digest)


def name_of(file: str) -> str:
    """Return how a ledger names a file."""
    return _text(os.path.abspath(file) if file and Path(file).exists() else str(file))


def _text(name: str) -> str:
    """Return a name of the system as a text that a database takes: bytes that are no UTF-8, escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # a container's user may have a number and no name
        if sys.platform == "win32":
            return ""
        return f"user {os.getuid()}"
