"""Tests of scripts.laboratory.link."""

import socket
import threading
from collections.abc import Iterator

import pytest

from scripts.laboratory.link import Link

HOST = "127.0.0.1"


@pytest.fixture
def link() -> Iterator[Link]:
    """A link before a server that sends back what it gets."""
    listener = socket.create_server((HOST, 0))

    def echo(connection: socket.socket) -> None:
        with connection:
            while chunk := connection.recv(100):
                connection.sendall(chunk)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    link = Link(HOST, listener.getsockname()[1])
    yield link
    link.close()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def greet(connection: socket.socket) -> bytes:
    connection.settimeout(5)
    connection.sendall(b"hail")
    return connection.recv(100)


def test_what_is_sent_arrives(link: Link) -> None:
    with socket.create_connection((HOST, link.port)) as connection:
        assert greet(connection) == b"hail"


def test_a_cut_ends_connections_and_lets_none_through(link: Link) -> None:
    """An open connection ends, a new one ends at once, and after healing one passes again."""
    with socket.create_connection((HOST, link.port)) as connection:
        greet(connection)
        link.cut()
        assert connection.recv(100) == b""
    with socket.create_connection((HOST, link.port)) as connection:
        connection.settimeout(5)
        assert connection.recv(100) == b""
    link.heal()
    with socket.create_connection((HOST, link.port)) as connection:
        assert greet(connection) == b"hail"
