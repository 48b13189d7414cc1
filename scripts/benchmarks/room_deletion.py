"""
What deleting a large room costs those in other rooms.

    python -m scripts.benchmarks.room_deletion --events 100000 --postgresql

A room is filled, its texts are indexed, and then it is deleted as an administrator does it, while somebody goes on
sending in another room.  Fails when anything of the room is left, or a step took a second.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any, Final

import click
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react

from federation.store.schema import SCHEMA as FEDERATION
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.room_creation import RoomRequest
from homeserver.core.versions import DEFAULT_ROOM_VERSION
from homeserver.services.aliases import Aliases
from homeserver.services.alone import NoPeers
from homeserver.services.creating import Creating
from homeserver.services.departing import Departing
from homeserver.services.inviting import Inviting
from homeserver.services.jobs.service import Jobs
from homeserver.services.joining import Joining
from homeserver.services.member_content import MemberContent
from homeserver.services.memberships import Memberships
from homeserver.services.room_removal.deletion import DeletionRequest, RoomDeletion
from homeserver.services.room_removal.evicting import Evicting
from homeserver.services.room_removal.forgetting import Forgetting
from homeserver.store import events, rooms, search
from homeserver.store.database import Database, open_database
from homeserver.store.migrate import migrate
from homeserver.store.schema.whole import SCHEMA
from homeserver.store.settings import DatabaseSettings
from homeserver.store.write import Write
from scripts.benchmarks.state_bound import SERVER, Parts, fill, parts_on
from scripts.postgresql import throwaway_cluster

HOST: Final = UserID(f"@host:{SERVER}")
STEP_SECONDS_MAX: Final = 1.0
PAUSE_SECONDS: Final = 0.01
INDEXED_AT_ONCE: Final = 2_000
QUIET_SECONDS: Final = 3.0


@define
class Watch:
    """What writes took, and sends in another room meanwhile."""

    steps: list[float] = field(factory=list)
    sends: list[float] = field(factory=list)
    sending: bool = True


def deletion_on(parts: Parts, reactor: Any) -> tuple[Jobs, RoomDeletion]:
    """What deletes rooms on a server without others."""
    database, known, live, timeline = parts.database, parts.known, parts.live_rooms, parts.timeline
    memberships = Memberships(database, parts.tail)
    forgetting = Forgetting([live, known], [known])
    for follower in (memberships, forgetting):
        parts.tail.follow(follower.follow)
    content, peers = MemberContent(SERVER, database), NoPeers()
    aliases = Aliases(SERVER, database, known, live, peers)
    inviting = Inviting(SERVER, database, known, live, timeline.composer, timeline, parts.acceptance, content, peers)
    joining = Joining(SERVER, known, live, timeline, memberships, content, peers)
    departing = Departing(SERVER, database, known, live, timeline, memberships, content, peers)
    creating = Creating(timeline, inviting, aliases, content)
    jobs = Jobs(database, reactor, "benchmark")
    evicting = Evicting(database, DEFAULT_ROOM_VERSION, creating, joining, departing, timeline)
    deletion = RoomDeletion(database, reactor, jobs, evicting)
    jobs.add_kind(deletion)
    return jobs, deletion


async def index(database: Database) -> None:
    """All texts are found by their words."""
    for start in range(0, database.head, INDEXED_AT_ONCE):
        upto = Position(min(start + INDEXED_AT_ONCE, database.head))
        await database.write_long(_index, Position(start), upto)


async def chatter(parts: Parts, reactor: Any, room_id: RoomID, watch: Watch) -> None:
    """Somebody sends a message, waits for its answer and a moment more, and sends the next."""
    number = 0
    while watch.sending:
        number += 1
        began = monotonic()
        await parts.timeline.send(room_id, Draft("m.room.message", HOST, {"msgtype": "m.text", "body": f"{number}"}))
        watch.sends.append(monotonic() - began)
        await deferLater(reactor, PAUSE_SECONDS)


async def measure(settings: DatabaseSettings, reactor: Any, count: int, members: int) -> None:
    """The figures, printed.  Raises SystemExit when they are not good enough."""
    database = open_database(settings, reactor)
    try:
        parts = parts_on(database, reactor)
        room_id = await fill(parts, count, members)
        await index(database)
        other = await parts.timeline.create(RoomRequest(HOST, DEFAULT_ROOM_VERSION))
        jobs, deletion = deletion_on(parts, reactor)
        quiet = Watch()
        talking = Deferred.fromCoroutine(chatter(parts, reactor, other, quiet))
        await deferLater(reactor, QUIET_SECONDS)
        quiet.sending = False
        await talking
        watch = Watch()
        _time_steps(database, watch)
        talking = Deferred.fromCoroutine(chatter(parts, reactor, other, watch))
        await jobs.start()
        began = monotonic()
        job = await deletion.request(DeletionRequest(room_id), None)
        while not (await jobs.by_id(job.nid)).is_over:
            await deferLater(reactor, 0.1)
        seconds = monotonic() - began
        watch.sending = False
        await talking
        await jobs.stop()
        ended = await jobs.by_id(job.nid)
        _print(ended.done, seconds, quiet, watch)
        left = await database.scan(_left, room_id)
        if ended.state != "done" or left:
            raise SystemExit(f"The job is {ended.state} ({ended.error}); left: {left}")
        if max(watch.steps) >= STEP_SECONDS_MAX:
            raise SystemExit("A step took a second or more.")
    finally:
        await database.close()


def _print(done: int, seconds: float, quiet: Watch, watch: Watch) -> None:
    click.echo(f"{done:,} events and members deleted in {seconds:.1f} s and {len(watch.steps):,} steps")
    click.echo(f"steps: median {_ms(median(watch.steps))}, longest {_ms(max(watch.steps))}")
    for name, sends in (("before", quiet.sends), ("meanwhile", watch.sends)):
        ordered = sorted(sends)
        late = ordered[int(len(ordered) * 0.99)]
        click.echo(
            f"sending in another room {name}: median {_ms(median(ordered))}, 99th {_ms(late)}, "
            f"longest {_ms(ordered[-1])} ({len(ordered)} messages)"
        )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _time_steps(database: Database, watch: Watch) -> None:
    """From when a long write is asked for until it is durable."""
    write_long: Any = database.write_long

    def note(result: Any, began: float) -> Any:
        watch.steps.append(monotonic() - began)
        return result

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = monotonic()
        written = write_long(*args, **kwargs)
        return written.addBoth(note, began)

    vars(database)["write_long"] = timed


def _index(tx: Write, after: Position, upto: Position) -> None:
    search.store(tx, search.harvest(tx.connection, after, upto).documents)


def _left(tx: Any, room_id: RoomID) -> dict[str, int]:
    """What is there still that could be the room's: the other one has less of all of it."""
    room = rooms.by_id(tx, room_id)
    counts = {"rooms": int(room is not None)}
    if room is not None:
        counts["events"] = len(events.latest(tx, room.nid, -(2**62), 2**62, 1))
    for table in ("events", "state_changes", "states", "relations", "search_documents"):
        names = tx.exec_driver_sql(f"SELECT count(*) FROM {table} WHERE {_OF_NO_ROOM[table]}").scalar()
        counts[table] = counts.get(table, 0) + int(names)
    return {name: count for name, count in counts.items() if count}


_OF_NO_ROOM: Final = dict.fromkeys(
    ("events", "state_changes", "states", "relations", "search_documents"), "room_nid NOT IN (SELECT nid FROM rooms)"
)


@contextmanager
def _sqlite() -> Iterator[DatabaseSettings]:
    with tempfile.TemporaryDirectory(prefix="folkmoot-deletion-") as folder:
        path = Path(folder) / "folkmoot.db"
        try:
            yield DatabaseSettings(f"sqlite:///{path}")
        finally:
            click.echo(f"the file has {path.stat().st_size:,} bytes, as before: what is free in it is used again")


@contextmanager
def _postgresql() -> Iterator[DatabaseSettings]:
    with throwaway_cluster() as cluster:
        yield DatabaseSettings(cluster.create_database())


@click.command()
@click.option("--events", "count", default=100_000, show_default=True, help="Events in the room, all together.")
@click.option("--members", default=2_000, show_default=True, help="Users who have come and gone.")
@click.option("--postgresql", is_flag=True, help="On a PostgreSQL of its own instead of SQLite.")
def main(count: int, members: int, postgresql: bool) -> None:
    """Delete a large room and print what that cost others."""
    with (_postgresql if postgresql else _sqlite)() as settings:
        migrate(settings, [SCHEMA, FEDERATION])
        react(lambda reactor: Deferred.fromCoroutine(measure(settings, reactor, count, members)), ())


if __name__ == "__main__":
    main()
