"""Where a ledger lies: its files, and what about them keeps it from being surely the one that was written.

No file of a ledger is opened and closed here: a close lets go of every lock that this process holds on it
(fcntl(2), "record locks"), those of SQLite too, and the next process to close the ledger would delete the
log that is written to here. A descriptor of O_PATH holds no locks, and lets go of none.
"""

import contextlib
import os
import stat
import sys
import threading
from pathlib import Path

from attrs import field, frozen

from bonifiq_async._log import files
from bonifiq_async._model.errors import ConfigurationError

_NETWORK = {"nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "9p", "afs", "coda"}
_CLUSTER = {"ceph", "glusterfs", "lustre", "beegfs", "gpfs", "panfs", "pvfs2", "orangefs"}
_CLUSTER |= {"gfs", "gfs2", "ocfs2", "acfs"}
_OF_A_HOST = {"virtiofs", "fakeowner", "osxfs", "vboxsf", "vmhgfs", "prl_fs", "drvfs"}
REFUSED = frozenset({*_NETWORK, *_CLUSTER, *_OF_A_HOST, "fuse"})
"""File systems that other machines or virtual machines share, and those of user-space programs (`fuse`).

SQLite cannot trust their locks, nor the memory that its log's index is (its documentation, "How To Corrupt",
section 2.1, and "Write-Ahead Logging", overview).
"""
PRIVATE = 0o600
OTHERS = 0o077
"""The bits of a mode that give something to others than the owner."""

_making = threading.Lock()
"""No thread of this process has the file open between its making and the close of that."""

Identity = tuple[tuple[int, int] | None, ...]
"""What tells file, log and index from others by the same names; None for one that is missing."""


@frozen
class FileLocation:
    """The files of the ledger at `path`: itself, its log and the log's index, where SQLite has them."""

    path: Path
    file: Path
    log: Path
    index: Path
    _names: tuple[str, str, str] = field(init=False)

    @_names.default
    def _to_watch(self) -> tuple[str, str, str]:
        return str(self.path), str(self.log), str(self.index)  # a path would be made a text at each look

    @classmethod
    def of(cls, path: Path) -> "FileLocation":
        """Return the place that `path` names; symbolic links are followed, as SQLite follows them."""
        try:
            file = path.resolve()
            return cls(path, file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm"))
        except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError before Python 3.13
            raise _unusable(path, str(error)) from None
        except ValueError:  # it has a NUL in it, half a character, or no name, as `/`
            raise _unusable(path, "no file can be called so") from None

    def identity(self) -> Identity:
        """Return what the names stand for now. Raises `OSError` where that cannot be seen."""
        return tuple([_identity(name) for name in self._names])

    def has_log(self) -> bool:
        """Say whether there is a log with anything in it."""
        return _size(self.log) > 0

    def is_empty(self) -> bool:
        """Say whether the file itself has nothing in it, or is not there."""
        return _size(self.file) == 0

    def make_ready(self) -> None:
        """Make the file if there is none, with mode 0600.

        Raises `ConfigurationError` for what cannot be a ledger, or cannot surely be the one that was written.
        """
        self._refuse_file_system()
        try:
            with _making:
                if not self.file.exists():
                    os.close(os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
        except FileExistsError:
            pass  # another process has made it meanwhile
        except OSError as error:
            raise _unusable(self.path, error.strerror or str(error)) from None
        self._refuse_kind()
        self._refuse_second_names()
        if self.is_empty() and self.has_log():
            # SQLite would delete the log, and with it the outcomes that stand only there.
            raise ConfigurationError(
                f"The ledger {self.path} is empty, but its log {self.log.name} is not. Nothing was sent; put "
                "the file back, or move the log away to begin anew under the same keys."
            )

    def make_private(self) -> None:
        """Have no others read the file, its log and the index of that. Raises `ConfigurationError`."""
        for each in (self.file, self.log, self.index):
            make_private(each)

    def _refuse_kind(self) -> None:
        try:
            status = os.stat(self.file)
        except OSError as error:  # such as a loop of links, which `resolve` passes from Python 3.13 on
            raise _unusable(self.path, error.strerror or str(error)) from None
        if stat.S_ISDIR(status.st_mode):
            raise _unusable(self.path, "Is a directory")
        if not stat.S_ISREG(status.st_mode):
            raise _unusable(self.path, "Is not a file on a disk")
        if not os.access(self.file, os.R_OK | os.W_OK):
            raise _unusable(self.path, "Permission denied")

    def _refuse_file_system(self) -> None:
        """Linux says of each mount what it is; elsewhere there is nothing to ask."""
        kind = kind_of_mount(mount_of(self.file.parent))
        if kind in REFUSED or kind.startswith("fuse."):
            raise ConfigurationError(
                f"The ledger {self.path} lies on a network or shared file system ({kind}), whose locks "
                "cannot be trusted. Nothing was sent; put it on a local disk."
            )

    def _refuse_second_names(self) -> None:
        """The log lies beside the name by which the file was opened: by another name, it is not found."""
        if os.stat(self.file).st_nlink > 1:
            raise ConfigurationError(
                f"The ledger {self.path} has a second name (a hard link), and what was written last may lie "
                "in the log beside that one. Nothing was sent; find it with `find / -xdev -samefile "
                f"{self.file}` and keep one name, the one whose log is there."
            )
        mounted = [each.name for each in (self.file, self.log, self.index) if _is_mount(each)]
        if mounted:
            raise ConfigurationError(
                f"{mounted[0]} of the ledger {self.path} is a mount point, as of a file that is mounted into "
                "a container: log and file need not belong together there. Nothing was sent; mount the "
                "folder in which the ledger lies."
            )


def beside(path: Path) -> str:
    """Return a sentence that names the ledger of the changes in `path`, where there is one, else nothing."""
    ledger = path.with_name(f"{path.name}.ledger")
    return f" The ledger beside it is {ledger}." if ledger.is_file() else ""


def make_private(path: Path) -> bool:
    """Keep others from reading the file `path`, if it is there, and say whether they could.

    Raises `ConfigurationError` with what helps, where this user or this file system cannot.
    """
    if sys.platform == "win32":
        return False  # a mode says nothing there: the folder's access list decides
    try:
        status = os.stat(path)
        mode = stat.S_IMODE(status.st_mode)
        if not mode & OTHERS or not stat.S_ISREG(status.st_mode):
            return False
        if status.st_uid != os.geteuid():
            raise _open_to_others(path, mode, f"run `chmod {mode & ~OTHERS:o} {path}` as its owner")
        with contextlib.suppress(PermissionError):  # as FAT says it; other such file systems say nothing
            os.chmod(path, mode & ~OTHERS)
        if os.stat(path).st_mode & OTHERS:
            remedy = "put it on a file system that keeps modes, or mount this one with the option umask=077"
            raise _open_to_others(path, mode, remedy)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _open_to_others(
            path, mode, f"run `chmod {mode & ~OTHERS:o} {path}` ({error.strerror})"
        ) from None
    now = mode & ~OTHERS
    files.warning("private: %s could be read by others (mode %04o); its mode is %04o now", path, mode, now)
    return True


def _open_to_others(path: Path, mode: int, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} has mode {mode:04o}, and holds what others must not read or change. Nothing was sent; "
        f"{remedy}."
    )


def mount_of(path: Path) -> int | None:
    """Return the number of the mount on which `path` lies (proc(5), /proc/pid/fdinfo), None if unknown."""
    if sys.platform != "linux":
        return None
    try:
        found = os.open(path, os.O_PATH)
    except OSError:
        return None  # opening it tells what cannot be reached
    try:
        lines = Path(f"/proc/self/fdinfo/{found}").read_text("ascii").splitlines()
    except OSError:
        return None
    finally:
        os.close(found)
    return next((int(line.split()[1]) for line in lines if line.startswith("mnt_id:")), None)


def kind_of_mount(number: int | None, table: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the type of the file system on a mount (proc(5), /proc/pid/mountinfo), `` if unknown."""
    try:
        lines = () if number is None else table.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        fields = line.split(" ")  # a blank in a name is written \040
        if fields[0] == str(number) and "-" in fields[6:]:
            return fields[fields.index("-", 6) + 1]
    return ""


def _is_mount(path: Path) -> bool:
    """Say whether a file itself, not only its folder, was mounted."""
    own, around = mount_of(path), mount_of(path.parent)
    return None not in (own, around) and own != around


def _identity(name: str) -> tuple[int, int] | None:
    try:
        status = os.stat(name)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _unusable(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"The ledger {path} cannot be opened: {why}. Nothing was sent.")
