"""Events that are known as part of a state or of an auth chain, and stand nowhere in the timeline."""

from collections.abc import Iterable

from attrs import define

from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.timeline import Status, TimelineEvent
from homeserver.core.versions import RoomVersion
from homeserver.services.admission import store_event
from homeserver.services.known_events import KnownEvents
from homeserver.store import events, rooms
from homeserver.store.database import Database
from homeserver.store.write import Write


@define(eq=False)
class Outliers:
    """Stores such events; who calls has checked their signatures and hashes."""

    database: Database
    known: KnownEvents

    async def store(
        self, room_id: RoomID, version: RoomVersion, found: Iterable[Event], rejected: Iterable[EventID] = ()
    ) -> None:
        """The events are stored; those that are stored already stay as they are.  *rejected*: by their auth events."""
        refused = set(rejected)
        entries = [
            TimelineEvent(event, 0, None, Status.REJECTED if event.event_id in refused else Status.OUTLIER)
            for event in found
        ]
        if entries:
            await self.database.write_long(_store_in_room, room_id, version, entries)


def store_outliers(tx: Write, room_nid: int, entries: Iterable[TimelineEvent]) -> None:
    """Each of *entries* is stored, and has the nid of what is stored under its ID."""
    wanted = {entry.event_id: entry for entry in entries}
    present = events.nids_of(tx.connection, wanted)
    for event_id, entry in wanted.items():
        if event_id in present:
            entry.nid = present[event_id]
        else:
            store_event(tx, room_nid, entry)


def room_for(tx: Write, room_id: RoomID, version: RoomVersion) -> int:
    """The nid of the room, of which this server now knows at least the version."""
    room = rooms.by_id(tx.connection, room_id)
    if room is None:
        return rooms.insert_room(tx, room_id, version.id, None)
    if room.version is None:
        rooms.set_version(tx, room.nid, version.id, room.creator)
    return room.nid


def _store_in_room(tx: Write, room_id: RoomID, version: RoomVersion, entries: Iterable[TimelineEvent]) -> None:
    store_outliers(tx, room_for(tx, room_id, version), entries)
