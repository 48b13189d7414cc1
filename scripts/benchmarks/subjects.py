"""A server under measurement, with its users, and what it costs while it works."""

import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from attrs import Factory, define, frozen

from scripts.benchmarks.load import Lane, drive
from scripts.laboratory.client import PASSWORD, MatrixClient
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.processes import cpu_seconds
from scripts.postgresql import Cluster

# One core for the server, the other for the load: neither steals from the other.
SERVER_CORE, LOAD_CORE = 0, 1
RESTING_SECONDS, RESTS_MAX = 0.5, 120


_ONE = {
    "events": "event",
    "deliveries": "delivery",
    "joins": "join",
    "rooms": "room",
    "syncs": "sync",
    "searches": "search",
}


@frozen
class Figure:
    """One measured number; a greater one is better where *more_is_better*."""

    subject: str
    unit: str
    value: float
    more_is_better: bool = True


@define
class Subject:
    """A running server and the users that were registered on it."""

    server: Homeserver
    cluster: Cluster | None = None
    users: list[MatrixClient] = Factory(list)
    room_ids: list[str] = Factory(list)
    """Rooms left behind by room creation, for others to use."""

    @property
    def kind(self) -> str:
        return self.server.kind

    def cpu_seconds(self) -> float:
        """Of the server and, where it has one of its own, of its PostgreSQL."""
        database = cpu_seconds(self.cluster.process.pid) if self.cluster else 0
        return cpu_seconds(self.server.pid) + database

    def pin(self) -> None:
        """The server keeps to its core.  PostgreSQL runs where there is room: it is another machine in real life."""
        for task in os.listdir(f"/proc/{self.server.pid}/task"):
            os.sched_setaffinity(int(task), {SERVER_CORE % (os.cpu_count() or 1)})

    def rest(self) -> None:
        """The server does nothing by itself any more, or has not come to an end in a minute."""
        for _ in range(RESTS_MAX):
            used = self.cpu_seconds()
            time.sleep(RESTING_SECONDS)
            if self.cpu_seconds() - used < RESTING_SECONDS / 20:
                return

    def drive(self, lanes: Sequence[Lane]) -> float:
        place = self.server.place
        return drive(place.host, place.client_port, lanes)

    def measure(self, name: str, unit: str, operations: int, lanes: Sequence[Lane]) -> list[Figure]:
        """Operations a second, and CPU milliseconds of each."""
        return self.measure_work(name, unit, operations, lambda: self.drive(lanes))

    def measure_work(self, name: str, unit: str, operations: int, work: Callable[[], float]) -> list[Figure]:
        """The same of *work*, which answers the seconds it took."""
        cpu_before = self.cpu_seconds()
        seconds = work()
        used = self.cpu_seconds() - cpu_before
        return [
            Figure(name, f"{unit}/s", operations / seconds),
            Figure(name, f"CPU ms/{_ONE[unit]}", 1000 * used / operations, more_is_better=False),
        ]

    def register(self, count: int) -> list[MatrixClient]:
        """*count* new users."""
        clients: list[MatrixClient] = []

        def lane(numbers: Sequence[int]) -> Lane:
            for number in numbers:
                account = {"username": f"user{number}", "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
                answer = yield request(self.server, "POST", "/v3/register", account)
                parsed = json.loads(answer.body)
                client = MatrixClient(self.server, parsed["user_id"], parsed["access_token"], parsed["device_id"])
                clients.append(client)

        first = len(self.users)
        numbers = range(first, first + count)
        self.drive([lane(numbers[start::4]) for start in range(4)])
        self.users += clients
        return clients


def request(server: Homeserver, method: str, path: str, body: object = None, access_token: str = "") -> bytes:
    """A whole HTTP request; *path* is below ``/_matrix/client``."""
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} /_matrix/client{path} HTTP/1.1\r\nHost: {server.server_name}\r\n"
    if access_token:
        head += f"Authorization: Bearer {access_token}\r\n"
    if content:
        head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"{head}\r\n".encode() + content


def send_request_of(user: MatrixClient, room_id: str, transaction_id: str, text: str) -> bytes:
    path = f"/v3/rooms/{quote(room_id, safe='')}/send/m.room.message/{transaction_id}"
    content = {"msgtype": "m.text", "body": text}
    return request(user.server, "PUT", path, content, user.access_token)


def sync_request_of(user: MatrixClient, **query: Any) -> bytes:
    rest = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
    return request(user.server, "GET", f"/v3/sync?{rest}", None, user.access_token)


def wall_clock() -> float:
    return time.perf_counter()
