"""Who holds a claim, and whether it still can: a process that was killed holds nothing.

An owner names host, boot, process and the process's start, so that a number used again is told apart.
Where the system does not tell (another host, no /proc), an owner is believed until its lease ends.
"""

import os
import platform
import uuid
from pathlib import Path

from bonifiq_async.intent import CLOCK_TOLERANCE

_PROC = Path("/proc")


def this_process() -> str:
    """Return a new owner: this process, and a part that tells its ledgers apart."""
    pid = os.getpid()
    marks = f"{_world()} {_started(pid) or '-'} {uuid.uuid4().hex[:8]}"
    return f"process {pid} on {platform.node()} [{marks}]"


def has_gone(owner: str) -> bool:
    """Say whether `owner` was a process of this machine that surely runs no more."""
    return _is_there(owner) is False


def runs(owner: str) -> bool:
    """Say whether `owner` is a process of this machine that surely runs."""
    return _is_there(owner) is True


def is_over(owner: str, lease_until: float, written: float, now: float) -> bool:
    """Say whether a claim of `owner` holds no more: its lease, or who made it; times as the clock shows them.

    `written` is when it was made. If that is still to come, the clock was wrong then, and says nothing of
    how long to wait: only who surely runs is waited for.
    """
    if lease_until <= now or has_gone(owner):
        return True
    return written > now + CLOCK_TOLERANCE and not runs(owner)


def _is_there(owner: str) -> bool | None:
    """Say whether `owner` runs, None where that cannot be told from here."""
    name, _, rest = owner.partition(" [")
    words = name.split()
    marks = rest.rstrip("]").split()
    if len(words) < 4 or len(marks) != 3 or not words[1].isdigit() or not _PROC.is_dir():
        return None
    if words[3] != platform.node() or marks[1] == "-" or marks[0] != _world() or "-" in marks[0]:
        return None
    return _started(int(words[1])) == marks[1]


def _world() -> str:
    """Return what process numbers are counted in: this boot, and the namespace of this process."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii")[:8]
        return f"{boot}/{os.readlink(_PROC / 'self/ns/pid').strip('pid:[]')}"
    except OSError:
        return "-"


def _started(pid: int) -> str | None:
    """Return when a process started, in ticks since the boot; None when there is none (proc(5), stat)."""
    try:
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()
