"""The catalogue of the Portuguese of Brazil: what each English template is there.

afterwards  what is asked afterwards: history, runs, status, exports
dialogue    what commands ask and say; the words of effects (applied, unknown)
files       what is wrong with files, rows and cells
help        the help of the commands and their options
library     sentences of the library for what usually fails
problems    the kinds of what is said of a row, and what to do
reading     how a file is understood, and what is wrong with spreadsheets, headers and amounts
reconcile   the ledger against what the provider shows
report      the page of a run or of a period
running     what a run shows: the plan, progress, how it ended, errors of the library
"""

from collections.abc import Mapping

from bonifiq_async._provider.registry import specs
from bonifiq_async.cli.language.phrase import Language, Template
from bonifiq_async.cli.language.portuguese import (
    afterwards,
    dialogue,
    files,
    help,
    library,
    problems,
    reading,
    reconcile,
    report,
    running,
)

PARTS: tuple[Mapping[str, Template], ...] = (
    afterwards.TEMPLATES,
    dialogue.TEMPLATES,
    files.TEMPLATES,
    help.TEMPLATES,
    library.TEMPLATES,
    problems.TEMPLATES,
    reading.TEMPLATES,
    reconcile.TEMPLATES,
    report.TEMPLATES,
    running.TEMPLATES,
    *(spec.portuguese.load(dict) for spec in specs() if spec.portuguese is not None),
)

PORTUGUESE = Language(
    "pt",
    {english: said for part in PARTS for english, said in part.items()},
    str.maketrans({",": ".", ".": ","}),
    least_for_one=0,
)
