"""A TCP link before a server that can be cut and healed: what peers connect to instead of the server itself."""

import contextlib
import socket
import threading

from attrs import Factory, define, field

from scripts.laboratory.processes import PATIENCE_SECONDS

_CHUNK_BYTES = 65536


@define
class Link:
    """
    Forwards *host*:*port* to *host*:*target_port*; while cut, new connections are closed at once and old ones are gone.

    A thread accepts, and one thread a direction copies: a test's link carries a handful of connections.
    """

    host: str
    target_port: int = 0
    _listener: socket.socket = field(init=False, repr=False)
    _open: set[socket.socket] = field(init=False, repr=False, default=Factory(set))
    _lock: threading.Lock = field(init=False, repr=False, factory=threading.Lock)
    _is_cut: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._listener = socket.create_server((self.host, 0))
        threading.Thread(target=self._accept, name=f"link {self.port}", daemon=True).start()

    @property
    def port(self) -> int:
        port = self._listener.getsockname()[1]
        assert isinstance(port, int)
        return port

    def cut(self) -> None:
        """Nothing passes any more."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                # Shut, not closed: the copying thread owns it, and wakes up to close it.
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """New connections pass again."""
        with self._lock:
            self._is_cut = False

    def close(self) -> None:
        self.cut()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def point_at(self, target_port: int) -> None:
        """New connections go to *target_port* of the same host."""
        self.target_port = target_port

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            with self._lock:
                is_cut = self._is_cut
            far = None if is_cut else self._connect()
            if far is None:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            threading.Thread(target=self._copy, args=(near, far), daemon=True).start()
            threading.Thread(target=self._copy, args=(far, near), daemon=True).start()

    def _connect(self) -> socket.socket | None:
        try:
            return socket.create_connection((self.host, self.target_port), timeout=PATIENCE_SECONDS)
        except OSError:
            return None

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        source.settimeout(None)
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK_BYTES):
                sink.sendall(chunk)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()
