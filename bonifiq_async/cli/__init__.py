"""The console command `bonifiq`. It needs the extra `cli`, and says so when that is missing."""

import importlib.util
import sys


def main() -> None:
    """Run the console command and exit with its code (see `exit_codes`)."""
    if importlib.util.find_spec("typer") is None or importlib.util.find_spec("rich") is None:
        sys.exit("The bonifiq command needs the extra cli: pip install 'bonifiq-async[cli]'")
    from bonifiq_async.cli.entry import run

    run()
