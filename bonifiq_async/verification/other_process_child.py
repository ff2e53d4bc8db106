"""A child of the laboratory: does a task of `other`; `python -m` runs it.

One line an outcome says its key, its effect, why it ended, and how many seconds past its deadline.
"""

import asyncio
import logging
import sys
from pathlib import Path

from bonifiq_async.verification.other_process import Task


def _main(ledger: str, group: str, count: str, deadline: str, off: str, elsewhere: str) -> None:
    logging.getLogger("bonifiq_async").addHandler(logging.NullHandler())  # the outcomes say the same
    task = Task(Path(ledger), group, int(count), float(deadline), float(off), bool(int(elsewhere)))
    for key, each in asyncio.run(task.do()).items():
        print(key, each.effect, each.reason, f"{each.late:.6f}")


if __name__ == "__main__":
    _main(*sys.argv[1:])
