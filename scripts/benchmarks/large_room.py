"""Messages into a room of very many local members, whose push rules every message is held against."""

import time
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from scripts.benchmarks.load import Lane
from scripts.benchmarks.subjects import Figure, Subject, request
from scripts.laboratory.client import MatrixClient

MEMBERS_MAX: Final = 1_000
PREPARATION_SECONDS: Final = 120
"""A server that lets users in slowly is measured with as many as were in by then; the table says how many."""
LET_IN_AT_ONCE: Final = 40
SENDERS: Final = 4
MESSAGES_EACH: Final = 50
LANES: Final = 4


def measure_large_room(
    subject: Subject, members_max: int = MEMBERS_MAX, preparation_seconds: float = PREPARATION_SECONDS
) -> list[Figure]:
    """4 of 1,000 members send one message after another; each mentions another member."""
    (host,) = subject.register(1)
    room_id = host.create_room(preset="public_chat")
    members = [host]
    deadline = time.monotonic() + preparation_seconds
    while len(members) < members_max and time.monotonic() < deadline:
        joining = subject.register(min(LET_IN_AT_ONCE, members_max - len(members)))
        subject.drive([_joins(joining[start::LANES], room_id) for start in range(LANES)])
        members += joining
    subject.drive([_sends(user, room_id, members, "warm", 5) for user in members[:SENDERS]])
    lanes = [_sends(user, room_id, members, "timed", MESSAGES_EACH) for user in members[:SENDERS]]
    figures = subject.measure("send into a room of 1,000 members", "events", MESSAGES_EACH * SENDERS, lanes)
    return [*figures, Figure("members of that room", "members", len(members))]


def _joins(users: Sequence[MatrixClient], room_id: str) -> Lane:
    for user in users:
        yield request(user.server, "POST", f"/v3/join/{quote(room_id, safe='')}", {}, user.access_token)


def _sends(user: MatrixClient, room_id: str, members: Sequence[MatrixClient], prefix: str, count: int) -> Lane:
    for number in range(count):
        mentioned = members[number % len(members)].user_id
        path = f"/v3/rooms/{quote(room_id, safe='')}/send/m.room.message/{prefix}{number}"
        content = {
            "msgtype": "m.text",
            "body": f"{number}: {mentioned}, what is to be done about the fox?",
            "m.mentions": {"user_ids": [mentioned]},
        }
        yield request(user.server, "PUT", path, content, user.access_token)
