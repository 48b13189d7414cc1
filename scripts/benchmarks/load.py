"""
A cheap load generator: keep-alive connections on one epoll loop, requests written as prebuilt bytes.

A lane is a generator that yields what it wants next and is sent the answer: one request at a time on one connection.
"""

import selectors
import socket
import time
from collections.abc import Generator, Sequence
from typing import TypeAlias

from attrs import define, field, frozen

RECEIVE_BYTES = 1 << 18


class LoadFailed(Exception):
    """The server refused a request of the load, hung up, or took too long."""


@frozen
class Answer:
    status: int
    body: bytes


@define
class Gate:
    """Opens once *awaited* arrivals were counted; lanes that yield it stand still until then."""

    awaited: int

    def arrive(self) -> None:
        self.awaited -= 1

    @property
    def is_open(self) -> bool:
        return self.awaited <= 0


Lane: TypeAlias = Generator[bytes | Gate, Answer, None]


@define
class _Connection:
    lane: Lane
    wire: socket.socket
    received: bytearray = field(factory=bytearray)
    waits_for: Gate | None = None


def drive(host: str, port: int, lanes: Sequence[Lane], seconds_max: float = 300) -> float:
    """
    Seconds until every lane has come to its end, connections made before the clock starts.

    Raises LoadFailed for an answer other than 200.
    """
    connections = [_Connection(lane, socket.create_connection((host, port))) for lane in lanes]
    selector = selectors.DefaultSelector()
    started = time.perf_counter()
    try:
        for connection in connections:
            connection.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection.wire, selectors.EVENT_READ, connection)
        for connection in connections:
            _advance(connection, None, selector)
        # Before the first wait: where all stand at gates that are open by now, no answer would come to end it.
        _pass_gates(connections, selector)
        while selector.get_map():
            if time.perf_counter() - started > seconds_max:
                raise LoadFailed(f"the load did not end within {seconds_max:.0f} s")
            for key, _ in selector.select(timeout=1):
                _receive(key.data, selector)
            _pass_gates(connections, selector)
        return time.perf_counter() - started
    finally:
        selector.close()
        for connection in connections:
            connection.wire.close()


def _receive(connection: _Connection, selector: selectors.BaseSelector) -> None:
    chunk = connection.wire.recv(RECEIVE_BYTES)
    if not chunk:
        raise LoadFailed("the server hung up")
    connection.received += chunk
    answer = _take_answer(connection.received)
    if answer is not None:
        if answer.status != 200:
            raise LoadFailed(f"{answer.status}: {answer.body[:300].decode(errors='replace')}")
        _advance(connection, answer, selector)


def _pass_gates(connections: Sequence[_Connection], selector: selectors.BaseSelector) -> None:
    # One that passes may open a gate for another, so again until all that still wait have to.
    while passing := [c for c in connections if c.waits_for is not None and c.waits_for.is_open]:
        for connection in passing:
            connection.waits_for = None
            _advance(connection, Answer(200, b""), selector)


def _advance(connection: _Connection, answer: Answer | None, selector: selectors.BaseSelector) -> None:
    try:
        wanted = next(connection.lane) if answer is None else connection.lane.send(answer)
    except StopIteration:
        selector.unregister(connection.wire)
        return
    if isinstance(wanted, Gate):
        connection.waits_for = wanted
    else:
        connection.wire.sendall(wanted)


def _take_answer(received: bytearray) -> Answer | None:
    """The answer at the front of *received*, removed from it; None while it is not whole."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    status = int(head[9:12])
    start = end + 4
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        length = int(head[at + 17 :].split(b"\r\n", 1)[0])
        if len(received) < start + length:
            return None
        body = bytes(received[start : start + length])
        del received[: start + length]
        return Answer(status, body)
    if b"\r\ntransfer-encoding: chunked" not in head:
        raise LoadFailed("an answer of unknown length")
    return _take_chunks(received, start, status)


def _take_chunks(received: bytearray, start: int, status: int) -> Answer | None:
    # Cheap to find: most of the time the end is not there yet, and then nothing is decoded.
    if not received.endswith(b"\r\n0\r\n\r\n"):
        return None
    parts: list[bytes] = []
    while True:
        line_end = received.find(b"\r\n", start)
        if line_end < 0:
            return None
        length = int(bytes(received[start:line_end]).split(b";")[0], 16)
        start = line_end + 2
        if len(received) < start + length + 2:
            return None
        parts.append(bytes(received[start : start + length]))
        start += length + 2
        if length == 0:
            del received[:start]
            return Answer(status, b"".join(parts))
