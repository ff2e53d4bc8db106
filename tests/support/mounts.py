"""Mounts that end with the process that made them, however it ends: they are in a namespace of its own."""

import ctypes
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CLONE_NEWNS = 0x00020000
"""A namespace of mounts (unshare(2))."""


@functools.cache
def _alone() -> bool:
    """Enter a mount namespace of the process's own, and say whether that is allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True).returncode == 0


@contextmanager
def mounted(*what: object, at: Path) -> Iterator[None]:
    """Mount something for a while, or skip where that is not allowed."""
    if not _alone():
        pytest.skip("only root may mount, and only in a namespace of its own")
    if subprocess.run(["mount", *map(str, what), str(at)], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)  # also where a failing test has it open
