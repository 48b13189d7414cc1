"""
A user in very many rooms, of which one after another has something new: what classic and sliding sync cost then.

    python -m scripts.benchmarks.many_rooms

shows CPU milliseconds of Folkmoot alone; ``scripts/bench --only many-rooms`` compares.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from scripts.benchmarks.load import Lane
from scripts.benchmarks.subjects import Figure, Subject, request, send_request_of, sync_request_of
from scripts.certificates import make_authority
from scripts.laboratory.client import MatrixClient
from scripts.laboratory.folkmoot import make_folkmoot
from scripts.laboratory.homeservers import find_place

ROOMS_MAX: Final = 2_000
PREPARATION_SECONDS: Final = 75
"""A server that makes rooms slowly is measured with as many as it made by then; the table says how many."""
SPOKEN_IN: Final = 20
"""Rooms in which somebody says something, in turn."""
SYNCS: Final = 200
FIRST_SYNCS: Final = 2
LANES: Final = 4
SLIDING: Final = "/unstable/org.matrix.simplified_msc3575/sync"
WISHES: Final[dict[str, Any]] = {
    "lists": {
        "all_rooms": {
            "ranges": [[0, 19]],
            "timeline_limit": 1,
            "required_state": [
                ["m.room.name", ""],
                ["m.room.encryption", ""],
                ["m.room.member", "$LAZY"],
                ["m.room.member", "$ME"],
                ["m.room.create", ""],
            ],
            "filters": {"not_room_types": ["m.space"]},
        }
    },
    "extensions": {name: {"enabled": True} for name in ("e2ee", "to_device", "account_data", "typing", "receipts")},
}


def measure_many_rooms(
    subject: Subject, rooms_max: int = ROOMS_MAX, preparation_seconds: float = PREPARATION_SECONDS
) -> list[Figure]:
    """Somebody speaks in one of the rooms, and the user of all of them syncs; again and again, both ways."""
    reader, speaker = subject.register(2)
    room_ids = _make_rooms(subject, reader, rooms_max, preparation_seconds)
    spoken_in = room_ids[:: max(1, len(room_ids) // SPOKEN_IN)][:SPOKEN_IN]
    subject.drive([_opens(reader, spoken_in)])
    subject.drive([_joins(speaker, spoken_in)])
    serial = iter(range(10**9))

    def say() -> bytes:
        number = next(serial)
        return send_request_of(speaker, spoken_in[number % len(spoken_in)], f"many{number}", f"message {number}")

    def only_says() -> Lane:
        for _ in range(SYNCS):
            yield say()

    figures = [Figure("rooms of one user", "rooms", len(room_ids))]
    subject.drive([only_says()])
    # What saying costs is known, and taken off.
    said = _cpu_ms(subject, only_says())
    whole, first = _first_classic(subject, reader) / len(room_ids), _first_sliding(subject, reader)
    figures.append(Figure("first classic sync of many rooms", "CPU ms/room", whole, more_is_better=False))
    figures.append(Figure("first sliding sync of a user in many rooms", "CPU ms/sync", first, more_is_better=False))
    for name, follow in (("classic sync", _classic(reader, say)), ("sliding sync", _sliding(reader, say))):
        subject.drive([follow()])
        cost = (_cpu_ms(subject, follow()) - said) / SYNCS
        figures.append(
            Figure(f"{name} of one change in many rooms", "CPU ms/sync", max(cost, 0.0), more_is_better=False)
        )
    return figures


def _make_rooms(subject: Subject, user: MatrixClient, count: int, seconds: float) -> list[str]:
    room_ids: list[str] = []
    until = time.monotonic() + seconds

    def lane() -> Lane:
        while len(room_ids) < count and time.monotonic() < until:
            content = {"preset": "private_chat", "name": f"Room {len(room_ids)}"}
            answer = yield request(subject.server, "POST", "/v3/createRoom", content, user.access_token)
            room_ids.append(json.loads(answer.body)["room_id"])

    subject.drive([lane() for _ in range(LANES)])
    return room_ids


def _opens(user: MatrixClient, room_ids: list[str]) -> Lane:
    for room_id in room_ids:
        path = f"/v3/rooms/{quote(room_id, safe='')}/state/m.room.join_rules/"
        yield request(user.server, "PUT", path, {"join_rule": "public"}, user.access_token)


def _joins(user: MatrixClient, room_ids: list[str]) -> Lane:
    for room_id in room_ids:
        yield request(user.server, "POST", f"/v3/join/{quote(room_id, safe='')}", {}, user.access_token)


def _cpu_ms(subject: Subject, lane: Lane) -> float:
    before = subject.cpu_seconds()
    subject.drive([lane])
    return 1000 * (subject.cpu_seconds() - before)


def _first_classic(subject: Subject, user: MatrixClient) -> float:
    def lane() -> Lane:
        for number in range(FIRST_SYNCS):
            # Another filter each time, so that no server can answer with what it answered before.
            choice = json.dumps({"room": {"timeline": {"limit": 1 + number}}})
            yield sync_request_of(user, timeout=0, filter=choice)

    return _cpu_ms(subject, lane()) / FIRST_SYNCS


def _first_sliding(subject: Subject, user: MatrixClient) -> float:
    def lane() -> Lane:
        for number in range(FIRST_SYNCS):
            yield _ask(user, conn_id=f"first{number}")

    return _cpu_ms(subject, lane()) / FIRST_SYNCS


def _classic(user: MatrixClient, say: Callable[[], bytes]) -> Callable[[], Lane]:
    token = ""

    def follow() -> Lane:
        nonlocal token
        if not token:
            answer = yield sync_request_of(user, timeout=0, filter='{"room":{"timeline":{"limit":1}}}')
            token = json.loads(answer.body)["next_batch"]
        for _ in range(SYNCS):
            yield say()
            answer = yield sync_request_of(user, timeout=0, since=token)
            parsed = json.loads(answer.body)
            assert len(parsed["rooms"]["join"]) == 1, "one room has something new"
            token = parsed["next_batch"]

    return follow


def _sliding(user: MatrixClient, say: Callable[[], bytes]) -> Callable[[], Lane]:
    pos = ""

    def follow() -> Lane:
        nonlocal pos
        if not pos:
            answer = yield _ask(user, conn_id="follow")
            pos = json.loads(answer.body)["pos"]
        for _ in range(SYNCS):
            yield say()
            answer = yield _ask(user, pos, conn_id="follow")
            parsed = json.loads(answer.body)
            assert len(parsed["rooms"]) == 1, "one room has something new"
            pos = parsed["pos"]

    return follow


def _ask(user: MatrixClient, pos: str = "", **more: Any) -> bytes:
    path = f"{SLIDING}?timeout=0" + (f"&pos={quote(pos)}" if pos else "")
    return request(user.server, "POST", path, {**WISHES, **more}, user.access_token)


@click.command()
@click.option("--rooms", default=ROOMS_MAX, show_default=True)
@click.option("--profile", type=click.Path(path_type=Path), help="Run under cProfile; write here; slower.")
def main(rooms: int, profile: Path | None) -> None:
    """Print what syncs of a user in very many rooms cost Folkmoot, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="folkmoot-bench-") as folder:
        directory = Path(folder)
        server = make_folkmoot(
            find_place(directory / "server", make_authority(directory)), presence=False, profile=profile
        )
        server.start()
        try:
            for figure in measure_many_rooms(Subject(server), rooms, 600):
                click.echo(f"{figure.subject}: {figure.value:,.2f} {figure.unit}")
        finally:
            server.stop()


if __name__ == "__main__":
    main()
