"""What was said of a file, kept under a name for the next file of its kind."""

import os
import re
import tempfile
from pathlib import Path

import msgspec
from attrs import asdict, evolve

from bonifiq_async._model.errors import ConfigurationError
from bonifiq_async.cli.language.phrase import phrase
from bonifiq_async.cli.reading.dialect import FormOptions
from bonifiq_async.cli.reading.headers import folded

_NAME = re.compile(r"[\w-]{1,60}")


def profile_path(folder: Path, name: str) -> Path:
    """Return where a profile is kept. Raises `ConfigurationError` for a name that is none."""
    if _NAME.fullmatch(name) is None:
        raise ConfigurationError(
            phrase(
                "A profile is called by letters, digits, - and _: {name} is no name.", name=f"{name!r:.60}"
            )
        )
    return folder / "profiles" / f"{name}.json"


def with_profile(form: FormOptions, folder: Path, name: str) -> FormOptions:
    """Return what is said now, and what a profile says beside it. Raises `ConfigurationError`."""
    path = profile_path(folder, name)
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=FormOptions)
    except FileNotFoundError:
        have = ", ".join(sorted(each.stem for each in path.parent.glob("*.json"))) or phrase("none yet")
        raise ConfigurationError(
            phrase("There is no profile {name}; there are: {names}.", name=name, names=have)
        ) from None
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(
            phrase("The profile {path} cannot be read: {why}.", path=path, why=error)
        ) from None
    now = {key: value for key, value in asdict(form).items() if value is not None}
    headers = set(map(folded, form.columns))
    columns = {
        header: name
        for header, name in kept.columns.items()
        if folded(header) not in headers and name not in form.columns.values()
    }
    return evolve(kept, **{**now, "columns": {**columns, **form.columns}})


def save(form: FormOptions, folder: Path, name: str) -> Path:
    """Keep what is said under a name, in place of what it had before. Raises `ConfigurationError`."""
    path = profile_path(folder, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
            new.write(msgspec.json.format(msgspec.json.encode(form), indent=2) + b"\n")
        os.replace(new.name, path)
    except OSError as error:
        raise ConfigurationError(
            phrase("The profile {path} cannot be written: {why}.", path=path, why=error.strerror)
        ) from None
    return path
