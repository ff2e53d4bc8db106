"""A PostgreSQL server of a test's own, on a free port: it can be crashed, and PgBouncer put before it."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import trustme
from attrs import frozen

PROGRAMS = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=Path("initdb")).parent
PGBOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
USER = "postgres"
"""Whose server it is: PostgreSQL and PgBouncer refuse to run as root."""


def installed() -> bool:
    """Say whether the programs of the server are here."""
    return (PROGRAMS / "initdb").exists() or shutil.which("initdb") is not None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _run(*command: str | Path) -> None:
    as_user = ["runuser", "-u", USER, "--"] if os.getuid() == 0 else []
    ended = subprocess.run(
        [*as_user, *map(str, command)], capture_output=True, text=True, timeout=120, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{command[0]} failed: {ended.stdout}{ended.stderr}")


@frozen
class Cluster:
    """A server whose files are in `folder`."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        _run(PROGRAMS / "pg_ctl", "-D", self.folder / "main", "-l", self.folder / "log", "-w", "start")

    def crash(self) -> None:
        """End it as a crash does: what was not written to the log of the transactions is lost."""
        _run(PROGRAMS / "pg_ctl", "-D", self.folder / "main", "-m", "immediate", "-w", "stop")

    def secure(self) -> trustme.CA:
        """Have it take TLS and a password alone, from the next start; return what its certificate rests on.

        The certificate is for `localhost`.
        """
        authority = trustme.CA()
        made = authority.issue_cert("localhost")
        made.private_key_and_cert_chain_pem.write_to_path(self.folder / "server.pem")
        (self.folder / "server.pem").chmod(0o600)
        if os.getuid() == 0:
            os.chown(self.folder / "server.pem", pwd.getpwnam(USER).pw_uid, -1)
        for name in ("ssl_cert_file", "ssl_key_file"):
            self.settle(f"{name} = '{self.folder / 'server.pem'}'")
        self.settle("ssl = on")
        (self.folder / "main" / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        return authority

    def settle(self, setting: str) -> None:
        """Add a line to its settings, for the next start."""
        with (self.folder / "main" / "postgresql.conf").open("a") as file:
            file.write(f"{setting}\n")


@contextlib.contextmanager
def a_cluster(*settings: str) -> Iterator[Cluster]:
    """Give a server that is running, with `fsync` on and these settings; afterwards it is gone."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    if os.getuid() == 0:
        os.chown(folder, pwd.getpwnam(USER).pw_uid, -1)
    cluster = Cluster(folder, _free_port())
    try:
        _run(PROGRAMS / "initdb", "-U", USER, "-A", "trust", "-N", "-D", folder / "main")
        here = (
            "listen_addresses = '127.0.0.1'",
            f"port = {cluster.port}",
            f"unix_socket_directories = '{folder}'",
        )
        for each in (*here, *settings):
            cluster.settle(each)
        cluster.start()
        yield cluster
    finally:
        with contextlib.suppress(RuntimeError):
            cluster.crash()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def behind_pgbouncer(cluster: Cluster) -> Iterator[str]:
    """Give the URL of PgBouncer in transaction mode, before a server: few connections for many clients."""
    port, folder = _free_port(), cluster.folder
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\npostgres = host=127.0.0.1 port={cluster.port} user={USER}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = transaction\n"
        f"default_pool_size = 3\nserver_login_retry = 1\nunix_socket_dir =\n"
    )
    as_user = ["-u", USER] if os.getuid() == 0 else []
    with (folder / "pgbouncer.log").open("w") as log:
        process = subprocess.Popen(
            ["runuser", *as_user, "--", PGBOUNCER, str(folder / "pgbouncer.ini")]
            if as_user
            else [PGBOUNCER, str(folder / "pgbouncer.ini")],
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield f"postgresql://{USER}@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait(20)
