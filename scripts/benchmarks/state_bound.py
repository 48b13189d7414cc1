"""
What a room's state costs on disk beside its events: the bound of the design.

    python -m scripts.benchmarks.state_bound --events 1000000 --members 20000

Users join and leave one room through the services that every event goes through; messages fill it up.  What all tables
of state take must be less than a tenth of what the events take.
"""

import secrets
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, Final

import click
from attrs import evolve, frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.core.log import EVENT
from homeserver.core.room_creation import PUBLIC_CHAT, RoomRequest
from homeserver.core.signatures import SigningKey
from homeserver.core.timeline import Ordering, ordering_at
from homeserver.core.versions import DEFAULT_ROOM_VERSION
from homeserver.services.acceptance import Acceptance
from homeserver.services.composing import Composer
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.log_tail import LogTail
from homeserver.services.redactions import Redactions
from homeserver.services.resolution import Resolution
from homeserver.services.room_states import RoomStates
from homeserver.services.timeline import Timeline
from homeserver.store import events
from homeserver.store.database import Database, open_database
from homeserver.store.events import StoredEvent
from homeserver.store.migrate import migrate
from homeserver.store.schema.whole import SCHEMA
from homeserver.store.settings import DatabaseSettings
from homeserver.store.write import Write

SERVER: Final = ServerName("bench.example")
STATE_TABLES: Final = ("state_changes", "states", "event_states", "memberships", "room_summaries")
TOGETHER: Final = 200
BATCH: Final = 5_000
BOUND: Final = 0.1


@frozen(eq=False)
class Parts:
    """The services that let events into rooms."""

    database: Database
    tail: LogTail
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    acceptance: Acceptance


def parts_on(database: Database, reactor: Any) -> Parts:
    """Those of a server on an open database."""
    known = KnownEvents(database)
    tail = LogTail(database.head)
    tail.follow(known.follow)
    database.subscribe(tail.extend)
    key = SigningKey.from_seed("ed25519:bench", secrets.token_bytes(32))
    states = RoomStates(database, known, Resolution(known))
    composer = Composer(SERVER, key, known, reactor, secrets.token_urlsafe)
    redactions = Redactions(database, known, states)
    live_rooms = LiveRooms(database)

    def new_room_id() -> RoomID:
        return RoomID(f"!{secrets.token_urlsafe()}:{SERVER}")

    return Parts(
        database,
        tail,
        known,
        live_rooms,
        Timeline(database, known, live_rooms, composer, redactions, new_room_id),
        Acceptance(SERVER, database, known, live_rooms, states, redactions),
    )


def timeline_on(database: Database, reactor: Any) -> Timeline:
    """The door through which local events enter."""
    return parts_on(database, reactor).timeline


async def fill(parts: Parts, count: int, members: int) -> RoomID:
    """A room with *count* events, among them the joins and leaves of so many *members*."""
    timeline, database = parts.timeline, parts.database
    host = UserID(f"@host:{SERVER}")
    room_id = await timeline.create(RoomRequest(host, DEFAULT_ROOM_VERSION, preset=PUBLIC_CHAT))
    for start in range(0, members, TOGETHER):
        users = [UserID(f"@member{number}:{SERVER}") for number in range(start, min(start + TOGETHER, members))]
        for membership in ("join", "leave"):
            drafts = [Draft("m.room.member", user, {"membership": membership}, user) for user in users]
            await gatherResults([Deferred.fromCoroutine(timeline.send(room_id, draft)) for draft in drafts])
        if start % (25 * TOGETHER) == 0:
            click.echo(f"  {start + len(users):,} members have come and gone")
    message: Any = {"msgtype": "m.text", "body": "The quick brown fox jumps over the lazy dog."}
    sent = await timeline.send(room_id, Draft("m.room.message", host, message))
    template = await database.read(events.by_id, sent)
    assert template is not None, "what was sent is stored"
    for written in range(2 * members, count, BATCH):
        await database.write_long(_fill_up, room_id, template, min(BATCH, count - written))
        if written // BATCH % 40 == 0:
            click.echo(f"  {written:,} events")
    return room_id


def _fill_up(tx: Write, room_id: RoomID, template: StoredEvent, count: int) -> None:
    # Only the state's share is measured: a message's row is of the same size whoever writes it.
    for _ in range(count):
        position = tx.log(EVENT, room_id)
        ordering: Ordering = ordering_at(position)
        event_id = EventID("$" + secrets.token_urlsafe(32))
        events.insert(tx, evolve(template, nid=position, event_id=event_id, ordering=ordering))


def sizes(path: Path) -> tuple[int, int]:
    """The bytes of the events with their indexes, and those of all that is stored about state."""
    whole = _compacted(path, ())
    return whole - _compacted(path, ("events",)), whole - _compacted(path, STATE_TABLES)


def _compacted(path: Path, without: tuple[str, ...]) -> int:
    with tempfile.TemporaryDirectory(prefix="folkmoot-state-") as folder:
        copy = Path(folder) / "copy.db"
        shutil.copy(path, copy)
        connection = sqlite3.connect(copy, isolation_level=None)
        try:
            for table in without:
                connection.execute(f'DROP TABLE "{table}"')
            connection.execute("VACUUM")
        finally:
            connection.close()
        return copy.stat().st_size


@click.command()
@click.option("--events", "count", default=1_000_000, show_default=True, help="Events in the room, all together.")
@click.option("--members", default=20_000, show_default=True, help="Users who join and leave.")
def main(count: int, members: int) -> None:
    """Fill one room and print what its state takes beside its events; fails beyond a tenth."""
    with tempfile.TemporaryDirectory(prefix="folkmoot-state-") as folder:
        path = Path(folder) / "folkmoot.db"
        settings = DatabaseSettings(f"sqlite:///{path}")
        migrate(settings, [SCHEMA])

        async def work(reactor: Any) -> None:
            database = open_database(settings, reactor)
            try:
                await fill(parts_on(database, reactor), count, members)
            finally:
                await database.close()
            of_events, of_state = sizes(path)
            share = of_state / of_events
            click.echo(f"{count:,} events: {of_events:,} bytes; state: {of_state:,} bytes, {share:.2%} of that")
            if share >= BOUND:
                raise SystemExit(f"State takes more than {BOUND:.0%} of what events take.")

        react(lambda reactor: Deferred.fromCoroutine(work(reactor)), ())


if __name__ == "__main__":
    main()
