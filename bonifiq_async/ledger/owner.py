"""Who holds a claim, and whether it still can: a process that was killed holds nothing.

An owner names host, boot, process and the process's start, so that a number used again is told apart.
Where the system does not tell (another host, no /proc), an owner is believed until its lease ends.
"""

import os
import platform
import uuid
from pathlib import Path

_PROC = Path("/proc")


def this_process() -> str:
    """Return a new owner: this process, and a part that tells its ledgers apart."""
    pid = os.getpid()
    return f"process {pid} on {platform.node()} [{_boot()} {_started(pid) or '-'} {uuid.uuid4().hex[:8]}]"


def has_gone(owner: str) -> bool:
    """Say whether `owner` was a process of this machine that surely runs no more."""
    name, _, rest = owner.partition(" [")
    words = name.split()
    marks = rest.rstrip("]").split()
    if len(words) < 4 or len(marks) != 3 or not words[1].isdigit() or not _PROC.is_dir():
        return False
    if words[3] != platform.node() or marks[1] == "-":
        return False
    return marks[0] != _boot() or _started(int(words[1])) != marks[1]


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text()[:8]
    except OSError:
        return "-"


def _started(pid: int) -> str | None:
    """Return when a process started, in ticks since the boot; None when there is none (proc(5), stat)."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in ("Z", "X") else fields[19]
