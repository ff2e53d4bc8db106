"""The console command `bonifiq`. It needs the extra `cli`, and says so when that is missing.

adapter       what the command line has to know of a provider
afterwards/   what is asked of a ledger afterwards
app           the commands and their options, declared
columns       the columns of a provider's files, and what may stand under each
commands/     what each command does
database      the commands about a ledger in PostgreSQL, declared: its tables
dead_letters  the commands about events that were put aside at a broker, declared
entry_point   how the command is run: an error or interrupt becomes a sentence, and a code of `exit_codes`
examination/  what is said of the rows of a file before anything is sent
exit_codes    which ending gives which exit code, as one table
files/        files of changes, and the outcome file
language/     the words of the command in the reader's language
ledgers       which ledger an argument names, and where one stands that no argument names
options       the options that commands share, each declared once
origin        which user runs a command, where and on which file: what a ledger keeps of a run
reading/      spreadsheets, and CSV of any encoding, delimiter and decimal mark
terminal/     what the operator sees and is asked
workers/      a file that several workers apply, each one shard of it at a time
"""

import importlib.util
import sys


def main() -> None:
    """Run the console command and exit with its code (see `exit_codes`)."""
    if importlib.util.find_spec("typer") is None or importlib.util.find_spec("rich") is None:
        sys.exit("The bonifiq command needs the extra cli: pip install 'bonifiq-async[cli]'")
    from bonifiq_async.cli.entry_point import run

    run()
