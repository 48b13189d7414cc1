"""A homeserver of either kind as a process of its own: where it lives, how it is started, asked and ended."""

import http.client
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from attrs import Factory, define, frozen

from scripts.certificates import Authority
from scripts.laboratory.processes import (
    PATIENCE_SECONDS,
    RunningProcess,
    free_port,
    start_process,
    wait_until,
)


@frozen
class Place:
    """Where one homeserver lives: its folder, its loopback address and ports, its authority, its database."""

    directory: Path
    host: str
    public_port: int
    """The port in the server's name, which peers connect to."""
    tls_port: int
    """The port it listens on with TLS: the public one, unless a link that can be cut stands between."""
    client_port: int
    """The port it listens on without TLS, for clients on this machine."""
    authority: Authority
    database_url: str | None = None
    """None: SQLite in *directory*; else a PostgreSQL database of its own."""

    @property
    def server_name(self) -> str:
        return f"{self.host}:{self.public_port}"


def find_place(
    directory: Path,
    authority: Authority,
    host: str = "127.0.0.1",
    *,
    public_port: int | None = None,
    database_url: str | None = None,
) -> Place:
    """A place with free ports in a new folder; *public_port* is that of a link before the server."""
    directory.mkdir(parents=True, exist_ok=True)
    tls_port = free_port(host)
    return Place(directory, host, public_port or tls_port, tls_port, free_port(host), authority, database_url)


@define
class Homeserver:
    """A homeserver that can be started and ended any number of times; what it stores stays in its place."""

    kind: str
    """``folkmoot`` or ``synapse``."""
    place: Place
    command: Sequence[str | Path]
    storage: Callable[[], int]
    """Bytes that its database and files take, after a stop."""
    environment: Mapping[str, str] = Factory(dict)
    process: RunningProcess | None = None

    @property
    def server_name(self) -> str:
        return self.place.server_name

    @property
    def client_url(self) -> str:
        return f"http://{self.place.host}:{self.place.client_port}"

    @property
    def tls_url(self) -> str:
        """Where it answers with TLS, past any link before it."""
        return f"https://{self.place.host}:{self.place.tls_port}"

    @property
    def pid(self) -> int:
        assert self.process is not None, "it has been started"
        return self.process.pid

    @property
    def log(self) -> Path:
        return self.place.directory / "output.log"

    def launch(self) -> None:
        """Its process runs; it may not answer yet."""
        assert self.process is None or not self.process.is_running, "it runs already"
        self.process = start_process(
            f"{self.kind} {self.server_name}",
            self.command,
            log=self.log,
            directory=self.place.directory,
            environment=self.environment,
        )

    def start(self) -> float:
        """It answers clients; the seconds until then.  Raises RuntimeError with the end of its log when it ended."""
        started = time.monotonic()
        self.launch()
        self.wait()
        return time.monotonic() - started

    def wait(self) -> None:
        """It answers clients, launched before.  Raises as `start` does."""
        wait_until(self._answers, f"{self.kind} {self.server_name} answers")

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        """It is gone as by ``kill -9``."""
        assert self.process is not None, "it has been started"
        self.process.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def contains(self, needle: bytes) -> bool:
        """Whether *needle* stands in any file of its folder, its database and logs included."""
        return any(needle in path.read_bytes() for path in self.place.directory.rglob("*") if path.is_file())

    def tls_context(self) -> ssl.SSLContext:
        """What a client needs to trust it."""
        return ssl.create_default_context(cafile=str(self.place.authority.certificate))

    def _answers(self) -> bool:
        assert self.process is not None, "it has been launched"
        if not self.process.is_running:
            raise RuntimeError(f"{self.process.name} ended at once:\n{self.process.log_tail()}")
        connection = http.client.HTTPConnection(self.place.host, self.place.client_port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", "/_matrix/client/versions")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def folder_bytes(directory: Path, *patterns: str) -> int:
    """The size of the files in *directory* whose names match one of *patterns*."""
    return sum(path.stat().st_size for pattern in patterns for path in directory.rglob(pattern) if path.is_file())
