"""Processes that a laboratory starts, watches and ends by their own ids."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from attrs import field, frozen

T = TypeVar("T")

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.02
_PORTS_OWN: Final = range(10_000, 65_536)
_claims: Final[list[socket.socket]] = []
"""What tells others which ports this process gives to servers."""

PATIENCE_SECONDS: Final = 240.0
"""How long to wait for what should come at once: on a slow machine under load it comes late; what fails never comes."""


class NotInTime(Exception):
    """What was waited for did not come in time, or can no longer come."""


@frozen
class RunningProcess:
    """A child process whose output goes to the file *log*; it is ended when its parent dies."""

    name: str
    log: Path
    _child: "subprocess.Popen[bytes]" = field(repr=False)
    _stop_signal: int = signal.SIGTERM

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def stop(self, seconds: float = PATIENCE_SECONDS) -> None:
        """It has ended, asked politely; killed when it did not within *seconds*."""
        if self.is_running:
            self._child.send_signal(self._stop_signal)
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self._child.kill()
        self._child.wait()

    def kill(self) -> None:
        """It has ended as by a power cut: SIGKILL."""
        self._child.kill()
        self._child.wait()

    def send_signal(self, number: int) -> None:
        self._child.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit status.  Raises subprocess.TimeoutExpired."""
        return self._child.wait(seconds)

    def log_tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def start_process(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    stop_signal: int = signal.SIGTERM,
) -> RunningProcess:
    """*command* runs, its output appended to *log*; *environment* is added to this process's own."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={**os.environ, **(environment or {})},
            user=user,
            group=user,
            extra_groups=[] if user else None,
            preexec_fn=lambda: _die_with_parent(stop_signal),  # noqa: PLW1509  (started from one thread only)
        )
    return RunningProcess(name, log, child, stop_signal)


def wait_until(condition: Callable[[], T], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """The first truthy answer of *condition*, asked again and again.  Raises NotInTime after *seconds*."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise NotInTime(f"{what}: not within {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)
    return answer


def free_port(host: str = "127.0.0.1") -> int:
    """
    A TCP port of *host* that nothing listens on, and that nobody else is given while this process lives.

    It is none of those that the kernel gives to outgoing connections: a server that is started later, or again, finds
    it free still.
    """
    first, last = (int(word) for word in Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    candidates = [port for port in _PORTS_OWN if not first <= port <= last]
    random.SystemRandom().shuffle(candidates)
    return next(port for port in candidates if _is_claimed(host, port))


def _is_claimed(host: str, port: int) -> bool:
    """Whether the port was free, and is now this process's to give to a server."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        # A name without a file, gone with this process: every laboratory of this machine asks for it.
        claim.bind(f"\0folkmoot laboratory {host}:{port}")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def cpu_seconds(pid: int) -> float:
    """User and system time that a process and its children have used, the living and those it has waited for."""
    fields = _stat(pid)
    own = sum(int(ticks) for ticks in fields[11:15]) / _CLOCK_TICKS
    return own + sum(cpu_seconds(child) for child in children(pid))


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its living children; pages they share count more than once."""
    own = int(_stat(pid)[21]) * _PAGE_BYTES
    return own + sum(resident_bytes(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """The living direct children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found.extend(int(child) for child in (task / "children").read_text().split())
    return found


def _stat(pid: int) -> list[str]:
    # The second field, the command, may hold spaces and parentheses: count from the last one.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def _die_with_parent(stop_signal: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, stop_signal)
