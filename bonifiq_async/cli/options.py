"""The options that commands share, each declared once, and the values that they take."""

import contextlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bonifiq_async._provider.registry import names
from bonifiq_async.cli.language.phrase import joined, phrase

if TYPE_CHECKING:
    from bonifiq_async.cli.reading.dialect import FormOptions


class FileFormat(StrEnum):
    """What a file of changes is."""

    csv = "csv"
    jsonl = "jsonl"


class Size(StrEnum):
    """How much a proof tries."""

    tiny = "tiny"
    small = "small"
    medium = "medium"
    large = "large"


class DuplicateAnswer(StrEnum):
    """How the sandbox answers a used key."""

    replay = "replay"
    error_200 = "error-200"
    error_400 = "error-400"
    error_409 = "error-409"


class CsvFormName(StrEnum):
    """For which reader a CSV file is written."""

    plain = "plain"
    comma = "comma"
    point = "point"


class Word(StrEnum):
    """What a person says of a change in doubt."""

    applied = "applied"
    not_applied = "not_applied"


class LanguageOption(StrEnum):
    """The language of what is said."""

    en = "en"
    pt = "pt"


def format_of(chosen: FileFormat | None) -> Literal["csv", "jsonl"] | None:
    """Return the format that was chosen, None where the file's ending is to tell."""
    return None if chosen is None else "csv" if chosen is FileFormat.csv else "jsonl"


def form_of(
    given: tuple[str | None, str | None, str | None, str | None, list[str] | None, int | None],
    profile: str | None,
    save_profile: str | None,
) -> "FormOptions":
    """Return what options say of a file's form: encoding, delimiter, decimal mark, sheet, columns, header.

    What a profile says counts where they say nothing. Raises `ConfigurationError`.
    """
    from bonifiq_async.cli.reading.dialect import form_options
    from bonifiq_async.cli.reading.profiles import profile_path, with_profile

    found, folder = form_options(*given[:4], given[4] or (), given[5]), _folder()
    if profile is not None:
        found = with_profile(found, folder, profile)
    if save_profile is not None:
        profile_path(folder, save_profile)
    return found


@contextlib.contextmanager
def keeping(form: "FormOptions", save_profile: str | None) -> Iterator[Callable[[], None]]:
    """Give what keeps the options as a profile, if that is wanted; where it is not called, that is said.

    It is for a file whose rows are valid: they show that the decimal mark is right. Raises
    `ConfigurationError`.
    """
    from bonifiq_async.cli.terminal.screen import say

    kept = save_profile is None

    def keep() -> None:
        nonlocal kept
        if not kept and save_profile is not None:
            from bonifiq_async.cli.reading.profiles import save

            kept = True  # or it is said why it cannot be
            say(phrase("Saved in {path}.", path=save(form, _folder(), save_profile)))

    try:
        yield keep
    finally:
        if not kept:
            say(
                phrase(
                    "The profile {name} is not saved: it is when the rows of a file are valid.",
                    name=save_profile,
                )
            )


def _folder() -> Path:
    return Path(typer.get_app_dir("bonifiq-async"))


def _known(provider: str) -> str:
    if provider not in names():
        raise typer.BadParameter(
            phrase("{given} is not one of {names}.", given=repr(provider), names=joined(map(repr, names())))
        )
    return provider


LanguageName = Annotated[
    LanguageOption | None,
    typer.Option("--language", help="Of help, tables and errors. Default: BONIFIQ_LANGUAGE, or the locale."),
]
File = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help=".xlsx, .xls, .ods, CSV with a header, or JSON lines; - is standard input."
    ),
]
FormatOption = Annotated[
    FileFormat | None, typer.Option("--format", help="What FILE holds, if its ending does not tell.")
]
Encoding = Annotated[
    str | None, typer.Option(help="Of a CSV file, such as utf-8 or windows-1252. Default: what it shows.")
]
Delimiter = Annotated[
    str | None, typer.Option(help="Of a CSV file: , ; | or tab. Default: what its header shows.")
]
Decimal = Annotated[
    str | None, typer.Option(help="The decimal mark of amounts: , or . Default: what the amounts prove.")
]
SheetName = Annotated[
    str | None, typer.Option("--sheet", help="The sheet of a spreadsheet, by name or number.")
]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="HEADER=COLUMN",
        help="Which column is what: customer_id, value or points, reason, reference or change_key, "
        "customer_reason, kind. Another provider's are named where one is wrong. May be given again.",
    ),
]
HeaderRow = Annotated[
    int | None,
    typer.Option(
        "--header-row",
        min=1,
        metavar="N",
        help="The line of the header. Default: the first; none is guessed.",
    ),
]
Profile = Annotated[
    str | None, typer.Option(metavar="NAME", help="What --save-profile kept of these, where none is given.")
]
SaveProfile = Annotated[
    str | None, typer.Option(metavar="NAME", help="Keep --encoding, --decimal, --map and so on as a profile.")
]
ProviderName = Annotated[
    str,
    typer.Option("--provider", metavar=f"[{'|'.join(names())}]", callback=_known, help="The provider."),
]
LedgerName = Annotated[str, typer.Argument(metavar="LEDGER")]
LedgerPath = Annotated[
    str | None,
    typer.Option(
        metavar="PATH|URL",
        help="The record of what was sent: a file, or the URL of a database. Default: FILE.ledger; for a "
        "provider that de-duplicates nothing, PROVIDER.ledger in the folder of FILE.",
    ),
]
NoLedger = Annotated[bool, typer.Option("--no-ledger", help="Keep no record beside the file.")]
SameAccount = Annotated[
    bool, typer.Option("--same-account", help="The ledger is of this account, whose credentials are new.")
]
MaxInFlight = Annotated[
    int, typer.Option(min=1, help="Changes in flight at once, at most; fewer when the provider takes fewer.")
]
MaxRate = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        help="Requests in a second, at most. With --shard or --shards: of all workers together.",
    ),
]
GiveUpAfter = Annotated[
    float, typer.Option(min=0.001, help="Seconds without any success after which the run stops.")
]
GiveUpAtStart = Annotated[
    float,
    typer.Option(
        min=0.001,
        help="The same where nothing ever has, and all fails in one way: a setting may be wrong.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ConfirmAbove = Annotated[
    str | None,
    typer.Option(metavar="AMOUNT", help="Have each sum above it typed before it is sent, also with --yes."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")]
SkipInvalid = Annotated[bool, typer.Option("--skip-invalid", help="Leave out rows that are not valid.")]
AcceptUsedKeys = Annotated[
    bool,
    typer.Option(
        "--accept-used-keys",
        help="No exit code 4 where a key was used before, not by this ledger: that counts as applied.",
    ),
]
SecondAmounts = Annotated[
    bool,
    typer.Option(
        "--allow-second-amount",
        help="Pay a customer and reference again, by another amount, spelling or ledger: both are meant.",
    ),
]
ProblemsPath = Annotated[
    Path | None,
    typer.Option("--problems", metavar="LIST", help="Write all that is said of rows to this CSV file."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One line of JSON on standard output.")]
Out = Annotated[
    Path | None,
    typer.Option(help="One outcome a line: .xlsx, .csv or .jsonl; a run that goes on adds to it."),
]
OutForm = Annotated[
    CsvFormName | None,
    typer.Option(
        help="Of what is written in CSV: for programs (plain), or for spreadsheets by their decimal mark. "
        "Default: as FILE is."
    ),
]
Faults = Annotated[float, typer.Option(min=0, max=0.9, help="Share of requests that fail.")]
Seed = Annotated[int, typer.Option(help="The same seed repeats a run exactly.")]
Script = Annotated[
    Path | None,
    typer.Option(help="A fault script, TOML or Python: what each request meets; in place of --faults."),
]
CustomerOption = Annotated[str | None, typer.Option(help="The customer's id.")]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Ended at 2026-01-31T14:30 or later.")]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Ended before that; a day alone is in the period.")
]
RunNumber = Annotated[int | None, typer.Option("--run", min=1, help="First sent, or ended, by this run.")]
ShardNumber = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Apply the customers of shard I of N alone, from 0; other workers apply the others.",
    ),
]
Shards = Annotated[
    int | None, typer.Option(min=1, max=256, help="Apply the file in so many processes, a shard each.")
]
ReportOf = Annotated[
    Path | None, typer.Option("--report", help="Write a page of this run at its end, as bonifiq report does.")
]
