"""
What search costs: the index on disk beside the events, building it, and finding words in it.

    python -m scripts.benchmarks.search_cost --messages 100000 --database postgresql

Messages of words as frequent as words are (the n-th a n-th as often as the first) fill a few rooms; one in twenty is
Japanese.  Everything runs in this process, through the services that answer clients.
"""

import random
import secrets
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import click
import psycopg2
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from homeserver.core.canonical import encode_canonical, load_json
from homeserver.core.drafts import Draft
from homeserver.core.filters import EventFilter
from homeserver.core.identifiers import DeviceID, EventID, RoomID, UserID
from homeserver.core.log import EVENT
from homeserver.core.room_creation import PUBLIC_CHAT, RoomRequest
from homeserver.core.timeline import ordering_at
from homeserver.core.versions import DEFAULT_ROOM_VERSION
from homeserver.services.aggregations import Aggregations
from homeserver.services.alone import NoPeers
from homeserver.services.callers import Caller
from homeserver.services.client_events import ClientEvents
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.messages import Messages
from homeserver.services.relation_kinds import RelationKinds
from homeserver.services.room_reading import RoomReading
from homeserver.services.room_views import RoomViews
from homeserver.services.search.indexing import SearchIndexing
from homeserver.services.search.service import Search, SearchRequest
from homeserver.services.shown_events import ShownEvents
from homeserver.services.thread_summaries import ThreadSummaries
from homeserver.services.timeline import Timeline
from homeserver.services.visible_history import VisibleHistory
from homeserver.store import events
from homeserver.store.database import Database, open_database
from homeserver.store.events import StoredEvent
from homeserver.store.migrate import migrate
from homeserver.store.schema.whole import SCHEMA
from homeserver.store.settings import DatabaseSettings
from homeserver.store.write import Write
from scripts.benchmarks.state_bound import SERVER, timeline_on
from scripts.postgresql import throwaway_cluster

HOST: Final = UserID(f"@host:{SERVER}")
ROOMS: Final = 10
BATCH: Final = 2_000
VOCABULARY: Final = 20_000
WORDS: Final = (4, 24)
SEARCHES: Final = 20
INDEX: Final = ("search_documents", "search_words")


def texts(seed: int = 1) -> Iterator[str]:
    """Messages without end."""
    dice = random.Random(seed)
    vocabulary = [_word(dice, 1 + rank % 4) for rank in range(VOCABULARY)]
    weights = list(accumulate(1 / (n + 1) for n in range(VOCABULARY)))
    signs = [chr(code) for code in (*range(0x3042, 0x3090), *range(0x4E00, 0x5200))]
    number = 0
    while True:
        number += 1
        if number % 20 == 0:
            text = "".join(dice.choices(signs, k=dice.randint(10, 40)))
            yield f"{text}東京都{text[:5]}" if number % 200 == 0 else text
            continue
        words = dice.choices(vocabulary, cum_weights=weights, k=dice.randint(*WORDS))
        if number % 10_000 == 1:
            words.append("zugzwang")
        yield " ".join(["the", *words]) if number % 5 else " ".join(words)


def _word(dice: random.Random, syllables: int) -> str:
    return "".join(dice.choice("bcdfghklmnprstvz") + dice.choice(SYLLABLES) for _ in range(syllables))


SYLLABLES: Final = ["a", "en", "ir", "ost", "um", "ad", "el", "ip", "on", "ut", "ar", "eb"]


def fill(tx: Write, rooms: Sequence[tuple[RoomID, StoredEvent]], bodies: Sequence[str]) -> None:
    """A message each of *bodies*, in turn in each of the rooms; as large as if it were signed."""
    for index, body in enumerate(bodies):
        room_id, template = rooms[index % len(rooms)]
        pdu = load_json(template.pdu)
        pdu["content"]["body"] = body
        position = tx.log(EVENT, room_id)
        row = evolve(
            template,
            nid=position,
            event_id=EventID("$" + secrets.token_urlsafe(32)),
            ordering=ordering_at(position),
            origin_server_ts=template.origin_server_ts + position,
            pdu=encode_canonical(pdu),
        )
        events.insert(tx, row)


def search_on(database: Database, timeline: Timeline, reactor: Any) -> Search:
    """Search as ``scripts/serve.py`` puts it together."""
    known, states = timeline.known, timeline.redactions.states
    tail = LogTail(database.head)
    database.subscribe(tail.extend)
    memberships = Memberships(database, tail)
    visible = VisibleHistory(database, known)
    views = RoomViews(database, tail, known, memberships, visible)
    client_events, ignored = ClientEvents(database, known), IgnoredUsers(database)
    kinds = RelationKinds(database, known)
    tail.follow(kinds.follow)
    summaries = ThreadSummaries(database, known)
    tail.follow(summaries.follow)
    aggregations = Aggregations(database, known, views, client_events, ignored, kinds, summaries)
    shown = ShownEvents(reactor, client_events, aggregations)
    reading = RoomReading(database, known, views, states, shown)
    messages = Messages(database, known, views, reading, shown, ignored, NoPeers())
    indexing = SearchIndexing(database, reactor, "bench")
    indexing.rounds.running = True
    return Search(
        reactor, database, indexing, known, memberships, views, messages, reading, shown, aggregations, ignored
    )


async def measure(url: str, count: int, reactor: Any) -> None:
    """Prints all figures."""
    settings = DatabaseSettings(url)
    migrate(settings, [SCHEMA])
    database = open_database(settings, reactor)
    try:
        timeline = timeline_on(database, reactor)
        rooms = [await _room(database, timeline) for _ in range(ROOMS)]
        source = texts()
        for start in range(0, count, BATCH):
            bodies = [next(source) for _ in range(min(BATCH, count - start))]
            await database.write_long(fill, rooms, bodies)
        search = search_on(database, timeline, reactor)
        started, cpu = time.perf_counter(), time.process_time()
        await search.indexing.keep_up()
        cpu_us = (time.process_time() - cpu) * 1e6 / count
        click.echo(f"indexing: {cpu_us:.0f} µs of CPU a message, {time.perf_counter() - started:.1f} s in all")
        if url.startswith("postgresql"):
            analyze(url)
        one = EventFilter(rooms=frozenset({rooms[0][0]}))
        for name, term in (("rare", "zugzwang"), ("frequent", "the"), ("CJK", "東京都")):
            for by_rank in (False, True):
                await _time(
                    search, f"{name} word, by {'rank' if by_rank else 'time'}", SearchRequest(term, by_rank=by_rank)
                )
            await _time(search, f"{name} word, in one room", SearchRequest(term, by_rank=False, wanted=one))
    finally:
        await database.close()


async def _room(database: Database, timeline: Timeline) -> tuple[RoomID, StoredEvent]:
    room_id = await timeline.create(RoomRequest(HOST, DEFAULT_ROOM_VERSION, preset=PUBLIC_CHAT))
    content: Any = {"msgtype": "m.text", "body": ""}
    sent = await timeline.send(room_id, Draft("m.room.message", HOST, content))
    template = await database.read(events.by_id, sent)
    assert template is not None, "what was sent is stored"
    return room_id, template


async def _time(search: Search, name: str, request: SearchRequest) -> None:
    caller = Caller(HOST, DeviceID("BENCH"))
    cpu_ms, wall_ms, total = [], [], 0
    for _ in range(SEARCHES):
        started, cpu = time.perf_counter(), time.process_time()
        answer: Any = await search.search(caller, request)
        cpu_ms.append((time.process_time() - cpu) * 1000)
        wall_ms.append((time.perf_counter() - started) * 1000)
        total = answer["count"]
    click.echo(
        f"{name}: {statistics.median(cpu_ms):.1f} ms of CPU, {statistics.median(wall_ms):.1f} ms in all, of {total:,}"
    )


def sqlite_bytes(path: Path) -> tuple[int, int]:
    """What all of the database takes, and what the index does of it."""

    def compacted(without: Sequence[str]) -> int:
        with tempfile.TemporaryDirectory(prefix="folkmoot-search-") as folder:
            copy = Path(folder) / "copy.db"
            shutil.copy(path, copy)
            connection = sqlite3.connect(copy, isolation_level=None)
            for table in without:
                connection.execute(f'DROP TABLE "{table}"')
            connection.execute("VACUUM")
            connection.close()
            return copy.stat().st_size

    whole = compacted(())
    return whole, whole - compacted(INDEX)


def analyze(url: str) -> None:
    """PostgreSQL knows which words are frequent, as its autovacuum finds out within minutes."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connection.close()


def postgresql_bytes(url: str) -> tuple[int, int]:
    """The same; its tables are as they were written."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("VACUUM FULL")
        cursor.execute("SELECT pg_database_size(current_database()), pg_total_relation_size('search_documents')")
        whole, index = cursor.fetchone() or (0, 0)
    connection.close()
    return whole, index


@click.command()
@click.option("--messages", "count", default=100_000, show_default=True, help="In all rooms together.")
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite", show_default=True)
def main(count: int, database: str) -> None:
    """Fill rooms, index them, search, and print what that took."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="folkmoot-search-"))
        path = Path(folder) / "folkmoot.db"
        url = (
            f"sqlite:///{path}" if database == "sqlite" else stack.enter_context(throwaway_cluster()).create_database()
        )

        async def work(reactor: Any) -> None:
            await measure(url, count, reactor)
            whole, index = sqlite_bytes(path) if database == "sqlite" else postgresql_bytes(url)
            click.echo(f"the index: {index / count:.0f} bytes a message, of {whole / count:.0f} for everything")

        react(lambda reactor: Deferred.fromCoroutine(work(reactor)), ())


if __name__ == "__main__":
    main()
