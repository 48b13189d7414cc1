"""The work that is measured: what a day of a team's chat is made of, each kind by itself."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final
from urllib.parse import quote

from scripts.benchmarks.large_room import measure_large_room
from scripts.benchmarks.load import Gate, Lane
from scripts.benchmarks.many_rooms import measure_many_rooms
from scripts.benchmarks.searching import measure_large_search, measure_search
from scripts.benchmarks.subjects import (
    Figure,
    Subject,
    request,
    send_request_of,
    sync_request_of,
    wall_clock,
)
from scripts.laboratory.client import MatrixClient
from scripts.laboratory.federation_peer import TRANSACTION_PDUS_MAX, start_peer
from scripts.laboratory.processes import wait_until

SENDERS = 8
MESSAGES_EACH = 150
WAITING = 50
FANNED_OUT = 100
JOINERS = 60
ROOMS_CREATED = 60
MESSAGES_PER_ROOM = 20
INITIAL_SYNCS = 20
PAGED_BACK = 1000
PAGE_EVENTS = 100
FEDERATED = 1000
LANES = 4
TEXT: Final = "The quick brown fox jumps over the lazy dog, and the dog does not mind at all. " * 2


def measure_send_in_rooms(subject: Subject) -> list[Figure]:
    """8 users, each in a room of their own, send one message after another."""
    users = subject.register(SENDERS)
    room_ids = [user.create_room(preset="private_chat") for user in users]
    return _measure_sends(subject, "send, 8 users in 8 rooms", list(zip(users, room_ids, strict=True)))


def measure_send_in_one_room(subject: Subject) -> list[Figure]:
    """8 users in one room send, each one message after another."""
    users = subject.register(SENDERS)
    room_id = _shared_room(users)
    figures = _measure_sends(subject, "send, 8 users in one room", [(user, room_id) for user in users])
    return [*figures, *_measure_paging(subject, users[0], room_id)]


def _measure_sends(subject: Subject, name: str, places: Sequence[tuple[MatrixClient, str]]) -> list[Figure]:
    subject.drive([_sends(user, room_id, 10, "warm") for user, room_id in places])
    lanes = [_sends(user, room_id, MESSAGES_EACH, "timed") for user, room_id in places]
    return subject.measure(name, "events", MESSAGES_EACH * len(places), lanes)


def _sends(user: MatrixClient, room_id: str, count: int, prefix: str) -> Lane:
    # All made before the first is sent.
    requests = [send_request_of(user, room_id, f"{prefix}{n}", f"{n} {TEXT}") for n in range(count)]
    for request_bytes in requests:  # noqa: UP028  (a list's iterator takes no answers)
        yield request_bytes


def _measure_paging(subject: Subject, user: MatrixClient, room_id: str) -> list[Figure]:
    """One user pages back through the last thousand messages, again and again."""
    rounds = 5

    def lane() -> Lane:
        path = f"/v3/rooms/{quote(room_id, safe='')}/messages?dir=b&limit={PAGE_EVENTS}"
        for _ in range(rounds):
            start = ""
            for _ in range(PAGED_BACK // PAGE_EVENTS):
                answer = yield request(subject.server, "GET", path + start, None, user.access_token)
                page = json.loads(answer.body)
                assert len(page["chunk"]) == PAGE_EVENTS, "the room holds more than is paged through"
                start = f"&from={quote(page['end'], safe='')}"

    return subject.measure("paging back 1,000 messages", "events", PAGED_BACK * rounds, [lane()])


def measure_fan_out(subject: Subject) -> list[Figure]:
    """One user sends, and 50 others wait in a long sync; the next message is sent when all have the last."""
    sender, *waiting = subject.register(WAITING + 1)
    room_id = _shared_room([sender, *waiting])
    tokens = [user.sync()["next_batch"] for user in waiting]
    gates = [Gate(WAITING) for _ in range(FANNED_OUT)]
    # Every waiter is back in its next sync before the next message: what is measured is waking up, not catching up.
    ready = [Gate(WAITING) for _ in range(FANNED_OUT + 1)]

    def waiter(user: MatrixClient, token: str) -> Lane:
        for gate, next_ready in zip(gates, ready, strict=False):
            next_ready.arrive()
            brought = False
            while not brought:
                answer = yield sync_request_of(user, since=token, timeout=30000)
                parsed = json.loads(answer.body)
                token = parsed["next_batch"]
                room = parsed.get("rooms", {}).get("join", {}).get(room_id, {})
                events = room.get("timeline", {}).get("events", [])
                brought = any(event["type"] == "m.room.message" for event in events)
            gate.arrive()

    def talker() -> Lane:
        for number, gate in enumerate(gates):
            yield ready[number]
            yield send_request_of(sender, room_id, f"fan{number}", TEXT)
            yield gate

    lanes = [waiter(user, token) for user, token in zip(waiting, tokens, strict=True)]
    deliveries = WAITING * FANNED_OUT
    return subject.measure("fan-out, 50 waiting syncs", "deliveries", deliveries, [*lanes, talker()])


def measure_join(subject: Subject) -> list[Figure]:
    """60 users join one public room, four at a time."""
    host, *joiners = subject.register(JOINERS + 1)
    room_id = host.create_room(preset="public_chat")
    return subject.measure("join", "joins", JOINERS, _join_lanes(joiners, room_id))


def measure_room_creation(subject: Subject) -> list[Figure]:
    """One user creates 60 rooms with a name and a topic, four at a time."""
    (user,) = subject.register(1)

    def lane(count: int) -> Lane:
        for number in range(count):
            content = {"preset": "public_chat", "name": f"Room {number}", "topic": "What is to be done"}
            answer = yield request(subject.server, "POST", "/v3/createRoom", content, user.access_token)
            subject.room_ids.append(json.loads(answer.body)["room_id"])

    lanes = [lane(ROOMS_CREATED // LANES) for _ in range(LANES)]
    figures = subject.measure("room creation", "rooms", ROOMS_CREATED, lanes)
    return [*figures, *_measure_initial_sync(subject, user)]


def _measure_initial_sync(subject: Subject, user: MatrixClient) -> list[Figure]:
    """A user in 60 rooms of 20 messages each syncs for the first time, with another filter each time."""

    def fill(room_ids: Sequence[str]) -> Lane:
        for room_id in room_ids:
            for number in range(MESSAGES_PER_ROOM):
                yield send_request_of(user, room_id, f"fill{room_id}{number}", TEXT)

    subject.drive([fill(subject.room_ids[start::LANES]) for start in range(LANES)])

    def lane() -> Lane:
        for number in range(INITIAL_SYNCS):
            # Another limit each time, so that no server can answer with what it answered before.
            choice = json.dumps({"room": {"timeline": {"limit": 5 + number % 10}}, "presence": {"limit": number}})
            answer = yield sync_request_of(user, timeout=0, filter=choice)
            joined = json.loads(answer.body)["rooms"]["join"]
            assert len(joined) == ROOMS_CREATED, "the sync brings every room"

    return subject.measure("initial sync of 60 rooms", "syncs", INITIAL_SYNCS, [lane()])


def measure_federated_send(subject: Subject) -> list[Figure]:
    """
    Another server sends 1,000 messages, 50 at a time, the next once a local user has the last of those before.

    A receiver may answer a transaction before it has taken the events in, so its answer alone says nothing.
    """
    (observer,) = subject.register(1)
    room_id = observer.create_room(preset="public_chat", room_version="10")
    peer = start_peer(subject.server, subject.server.place.authority)
    try:
        room = peer.join(room_id, "visitor", "10")
        # The first transaction lets the receiver learn the key, unmeasured.
        peer.send([peer.say(room, "good day").pdu])
        events = [peer.say(room, f"{number} {TEXT}") for number in range(FEDERATED)]
        batches = [events[start : start + TRANSACTION_PDUS_MAX] for start in range(0, FEDERATED, TRANSACTION_PDUS_MAX)]
        transactions = [(peer.transaction([event.pdu for event in batch]), batch[-1].event_id) for batch in batches]

        def work() -> float:
            started = wall_clock()
            for transaction, last in transactions:
                refused = [outcome for outcome in peer.deliver(*transaction).values() if outcome]
                assert not refused, f"the receiver takes every event: {refused[:1]}"
                wait_until(partial(observer.has_event, room_id, last), "the last event arrives")
            return wall_clock() - started

        return subject.measure_work("federated send", "events", FEDERATED, work)
    finally:
        peer.close()


def _shared_room(users: Sequence[MatrixClient]) -> str:
    """A public room of the first, which all the others have joined."""
    host, *others = users
    room_id = host.create_room(preset="public_chat")
    host_subject = Subject(host.server)
    host_subject.drive(_join_lanes(others, room_id))
    return room_id


def _join_lanes(users: Sequence[MatrixClient], room_id: str) -> list[Lane]:
    def lane(joiners: Sequence[MatrixClient]) -> Lane:
        for user in joiners:
            path = f"/v3/join/{quote(room_id, safe='')}"
            yield request(user.server, "POST", path, {}, user.access_token)

    return [lane(users[start::LANES]) for start in range(LANES)]


WORKLOADS: Final[dict[str, Callable[[Subject], list[Figure]]]] = {
    "send-rooms": measure_send_in_rooms,
    "send-one-room": measure_send_in_one_room,
    "fan-out": measure_fan_out,
    "join": measure_join,
    "room-creation": measure_room_creation,
    "federated-send": measure_federated_send,
    "search": measure_search,
    "search-large": measure_large_search,
    "many-rooms": measure_many_rooms,
    "large-room": measure_large_room,
}
"""By the name that ``--only`` takes; paging back comes with send-one-room, the initial sync with room-creation."""
