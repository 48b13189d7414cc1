"""Tests of scripts.benchmarks.load."""

import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from scripts.benchmarks.load import Answer, Gate, Lane, LoadFailed, _take_answer, drive

HOST = "127.0.0.1"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"


@pytest.mark.parametrize("wire", [PLAIN, CHUNKED])
def test_an_answer_is_taken_once_it_is_whole(wire: bytes) -> None:
    """However the bytes come, the answer is there with the last of them and not before."""
    received = bytearray()
    for byte in wire[:-1]:
        received.append(byte)
        assert _take_answer(received) is None
    received.append(wire[-1])

    assert _take_answer(received) == Answer(200, b"hello")
    assert received == b""


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that answers each request with its own first word."""
    listener = socket.create_server((HOST, 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            while asked := connection.recv(1000):
                word = asked.split()[0]
                status = b"500 No" if word == b"BAD" else b"200 OK"
                connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(word), word))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def test_lanes_get_their_own_answers(port: int) -> None:
    heard: list[bytes] = []

    def lane(word: bytes) -> Lane:
        for _ in range(3):
            answer = yield word
            heard.append(answer.body)

    drive(HOST, port, [lane(b"ONE"), lane(b"TWO")], 10)

    assert sorted(heard) == [b"ONE"] * 3 + [b"TWO"] * 3


def test_a_gate_holds_a_lane_until_all_have_arrived(port: int) -> None:
    """The talker speaks again only after both listeners have heard, in every round."""
    story: list[str] = []
    gates = [Gate(2) for _ in range(3)]

    def listener() -> Lane:
        for gate in gates:
            yield b"LISTEN"
            story.append("heard")
            gate.arrive()

    def talker() -> Lane:
        for gate in gates:
            yield gate
            story.append("passed")

    drive(HOST, port, [talker(), listener(), listener()], 10)

    for number in range(3):
        passed = [index for index, word in enumerate(story) if word == "passed"][number]
        assert story[:passed].count("heard") >= 2 * (number + 1)


def test_open_gates_are_passed_without_a_wait(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all lanes stand at gates that are open, nothing is waited for: no answer would come to end it."""
    monkeypatch.setattr(selectors.DefaultSelector, "select", lambda *_, **__: pytest.fail("it waited for an answer"))
    gate = Gate(1)

    def waiter() -> Lane:
        yield gate

    def opener() -> Lane:
        yield Gate(0)
        gate.arrive()

    drive(HOST, port, [waiter(), opener()], 10)


def test_an_error_ends_the_load(port: int) -> None:
    def lane() -> Lane:
        yield b"BAD"

    with pytest.raises(LoadFailed, match="500"):
        drive(HOST, port, [lane()], 10)
