"""
A throw-away PostgreSQL cluster on a free loopback port, its data in a temporary folder.

By hand: ``.venv/bin/python -m scripts.postgresql`` prints a URL and runs until interrupted.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from attrs import define, field

from scripts.laboratory.processes import (
    RunningProcess,
    free_port,
    start_process,
    wait_until,
)

HOST = "127.0.0.1"
SUPERUSER = "postgres"
# The server will not run as root; Debian's package brings this account.
SYSTEM_ACCOUNT = "postgres"


class PostgreSQLMissing(Exception):
    """No PostgreSQL server is installed on this machine."""


@define
class Cluster:
    """A running cluster.  Anyone on this machine may enter it: it holds only what tests put there."""

    port: int
    directory: Path
    process: RunningProcess
    _serial: int = field(default=0, init=False)

    def url(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@{HOST}:{self.port}/{database}"

    def create_database(self, name: str | None = None) -> str:
        """The URL of a new, empty database."""
        self._serial += 1
        name = name or f"lab_{os.getpid()}_{self._serial}"
        self._execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def database_bytes(self, name: str) -> int:
        """What the database *name* takes on disk after a checkpoint, without the write-ahead log."""
        connection = psycopg2.connect(self.url("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("CHECKPOINT")
                cursor.execute("SELECT pg_database_size(%s)", (name,))
                row = cursor.fetchone()
                assert row is not None, "pg_database_size answers one row"
                return int(row[0])
        finally:
            connection.close()

    def _execute(self, statement: str) -> None:
        connection = psycopg2.connect(self.url("postgres"))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()


def find_binaries() -> Path:
    """The folder with initdb and postgres, of the newest version installed.  Raises PostgreSQLMissing."""
    # Debian keeps the server's own programs off the PATH.
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[4]) if path.parts[4].isdigit() else 0,
    )
    on_path = shutil.which("initdb")
    found = [*([Path(on_path)] if on_path else []), *debian]
    if not found:
        raise PostgreSQLMissing("no initdb in /usr/lib/postgresql/*/bin nor on the PATH")
    return found[-1].parent


@contextmanager
def throwaway_cluster(*, durable: bool = True) -> Iterator[Cluster]:
    """
    A cluster for the time of the block; then it is stopped and its files are gone.

    *durable* False leaves out fsync: quicker, for tests that pull no plug.
    """
    binaries = find_binaries()
    user = SYSTEM_ACCOUNT if os.geteuid() == 0 else None
    directory = Path(tempfile.mkdtemp(prefix="folkmoot-postgresql-"))
    try:
        if user:
            shutil.chown(directory, user, user)
        _initialize(binaries, directory / "cluster", user)
        cluster = _start(binaries, directory, user, durable=durable)
        try:
            yield cluster
        finally:
            cluster.process.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _initialize(binaries: Path, cluster: Path, user: str | None) -> None:
    command = [str(binaries / "initdb"), "--pgdata", str(cluster), "--username", SUPERUSER]
    # The C locale sorts by bytes, as identifiers do; Synapse insists on it too.
    command += ["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    outcome = subprocess.run(
        command,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        cwd=cluster.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if outcome.returncode:
        raise RuntimeError(f"initdb failed: {outcome.stdout}{outcome.stderr}")


def _start(binaries: Path, directory: Path, user: str | None, *, durable: bool) -> Cluster:
    port = free_port(HOST)
    settings = {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": directory,
        "max_connections": 200,
        "shared_buffers": "128MB",
        "fsync": "on" if durable else "off",
    }
    command: list[str | Path] = [binaries / "postgres", "-D", directory / "cluster"]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = directory / "postgresql.log"
    # SIGINT is PostgreSQL's fast stop: it ends sessions instead of waiting for them.
    process = start_process("postgresql", command, log=log, directory=directory, user=user, stop_signal=signal.SIGINT)
    cluster = Cluster(port, directory, process)

    def answers() -> bool:
        if not process.is_running:
            raise RuntimeError(f"PostgreSQL ended at once:\n{process.log_tail()}")
        try:
            psycopg2.connect(cluster.url("postgres")).close()
        except psycopg2.OperationalError:
            return False
        return True

    wait_until(answers, "PostgreSQL answers")
    return cluster


def main() -> None:
    with throwaway_cluster() as cluster:
        print(cluster.create_database("folkmoot"), flush=True)
        print("Interrupt (Ctrl-C) ends it and removes its files.", file=sys.stderr)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
