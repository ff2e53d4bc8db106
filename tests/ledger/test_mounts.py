"""What the tests mount disappears with their process, also when it is killed."""

import subprocess
import sys
from pathlib import Path

from mounts import mounted

KILLED = """
import os, pathlib, sys
from mounts import mounted

with mounted("-t", "tmpfs", "none", at=pathlib.Path(sys.argv[1])):
    pathlib.Path(sys.argv[1], "inside").touch()
    print("mounted", flush=True)
    sys.stdin.read()
"""


def test_a_mount_of_a_process_that_is_killed_is_seen_by_no_other(tmp_path):
    """Neither while it is there, nor left after it: what was mounted would outlive its folder."""
    at = tmp_path / "at"
    at.mkdir()
    with mounted("-t", "tmpfs", "none", at=at):
        assert str(at) in Path("/proc/self/mountinfo").read_text("utf-8")
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, at],
        cwd=Path(__file__).parent.parent / "support",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None and child.stdout.readline() == "mounted\n"
    during = list(at.iterdir())
    child.kill()
    child.communicate()
    assert (during, list(at.iterdir())) == ([], [])
    assert str(at) not in Path("/proc/self/mountinfo").read_text("utf-8")
