"""
Many messages in the rooms of a server that is stopped, put there by its own store and indexed.

    python -m scripts.benchmarks.search_filling sqlite:////path/to/folkmoot.db --messages 100000 '$event' …

Through HTTP they would take a few minutes, and Synapse three quarters of an hour.
"""

from collections.abc import Sequence
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from homeserver.core.identifiers import EventID
from homeserver.services.search.indexing import SearchIndexing
from homeserver.store import events, rooms
from homeserver.store.database import Database, open_database
from homeserver.store.settings import DatabaseSettings
from scripts.benchmarks.search_cost import BATCH, analyze, fill, texts


async def put(database: Database, count: int, samples: Sequence[EventID], reactor: Any) -> None:
    """*count* messages are in the rooms of *samples*, which are one message of each, and are found."""
    places = []
    for sample in samples:
        template = await database.read(events.by_id, sample)
        assert template is not None, "what was sent is stored"
        room = await database.read(rooms.by_nid, template.room_nid)
        assert room is not None, "an event is in a room"
        places.append((room.room_id, template))
    source = texts()
    for start in range(0, count, BATCH):
        bodies = [next(source) for _ in range(min(BATCH, count - start))]
        await database.write_long(fill, places, bodies)
    indexing = SearchIndexing(database, reactor, "bench")
    indexing.rounds.running = True
    await indexing.keep_up()
    await indexing.rounds.stop()


@click.command()
@click.argument("url")
@click.argument("samples", nargs=-1)
@click.option("--messages", default=100_000, show_default=True)
def main(url: str, samples: tuple[str, ...], messages: int) -> None:
    """Put messages like SAMPLES, by event ID, into their rooms in the database at URL."""

    async def work(reactor: Any) -> None:
        database = open_database(DatabaseSettings(url), reactor)
        try:
            await put(database, messages, [EventID(sample) for sample in samples], reactor)
        finally:
            await database.close()
        if url.startswith("postgresql"):
            analyze(url)

    react(lambda reactor: Deferred.fromCoroutine(work(reactor)), ())


if __name__ == "__main__":
    main()
