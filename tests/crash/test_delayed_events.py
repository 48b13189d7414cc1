"""Delayed events over kills of the server: each is sent, and once."""

import pytest

from scripts.endurance.laboratory import DATABASES, running_server
from scripts.laboratory.client import MatrixClient, register
from scripts.laboratory.processes import wait_until
from scripts.postgresql import PostgreSQLMissing

pytestmark = pytest.mark.crash

V3 = "/v3"
DELAYED = "/v1/delayed_events"
EVENTS = 90
SPREAD_MS = 50
ROUNDS = 3


def schedule(alice: MatrixClient, room_id: str, name: str, delay_ms: int) -> str:
    """The ID of a message that is to be sent later."""
    path = f"{V3}/rooms/{room_id}/delayed_event/m.room.message/{name}"
    content = {"msgtype": "m.text", "body": name}
    return str(alice.request("PUT", path, {"delay_ms": delay_ms, "content": content})["delay_id"])


def waiting(alice: MatrixClient) -> int:
    """How many are not sent yet."""
    return len(alice.request("GET", DELAYED)["delayed_events"])


def fewer_than(number: int, alice: MatrixClient) -> int:
    """How many are left as soon as some more have been sent, or none is left."""
    seen = number

    def is_so() -> bool:
        nonlocal seen
        seen = waiting(alice)
        return seen < max(number, 1)

    wait_until(is_so, "some are sent")
    return seen


@pytest.mark.parametrize("database", DATABASES)
def test_each_is_sent_once(database: str) -> None:
    """Killed while they are being sent, the server goes on with those that are left."""
    try:
        with running_server("folkmoot", database) as server:
            alice = register(server, "alice")
            room_id = alice.create_room()
            names = [f"{number:03}" for number in range(EVENTS)]
            for number, name in enumerate(names):
                schedule(alice, room_id, name, 1_500 + number * SPREAD_MS)
            canceled = schedule(alice, room_id, "never", 600_000)
            alice.request("POST", f"{DELAYED}/{canceled}/cancel", {})
            left = [EVENTS]
            for _ in range(ROUNDS):
                left.append(fewer_than(left[-1], alice))
                server.kill()
                server.restart()
            wait_until(lambda: not waiting(alice), "everything is sent")
            page = alice.request("GET", f"{V3}/rooms/{room_id}/messages", query={"dir": "b", "limit": "1000"})["chunk"]
            said = sorted(event["content"]["body"] for event in page if event["type"] == "m.room.message")

            assert said == names
            assert any(0 < number < EVENTS for number in left), "it was killed in the midst of it"
    except PostgreSQLMissing as missing:
        pytest.skip(str(missing))
