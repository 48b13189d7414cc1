"""Redactions that take along what relates to their targets, also what comes later.  Spec: proposals/3912"""

from collections.abc import Collection
from typing import Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select, update

from homeserver.core.canonical import encode_json, load_json
from homeserver.core.identifiers import EventID
from homeserver.core.related_redactions import ANY
from homeserver.core.timeline import Ordering
from homeserver.store.prepared import Prepared, Row, insert_new
from homeserver.store.schema.moderation import related_events_waiting as w
from homeserver.store.schema.moderation import relation_redactions as t
from homeserver.store.write import Write

BEGINNING: Final = Ordering(-(2**62))


@frozen
class RelationRedaction:
    """
    A redaction that takes along what relates to *redacts*.

    *target_rel_type*: how that itself related to something.  *place*: what relates to it after this place is yet to be
    looked at; None: nothing is.
    """

    redacts: EventID
    redaction_id: EventID
    rel_types: frozenset[str]
    target_rel_type: str | None
    place: Ordering | None = BEGINNING

    def covers(self, rel_type: str) -> bool:
        """Whether events that relate so are taken along."""
        return rel_type in self.rel_types or ANY in self.rel_types


@frozen
class WaitingEvent:
    """An event that came later than the redaction that takes it along."""

    event_nid: int
    redaction: RelationRedaction


_COLUMNS = (t.c.redacts, t.c.redaction_event_id, t.c.rel_types, t.c.target_rel_type, t.c.place)
_ROOM = t.c.room_nid == bindparam("room_nid")
_INSERT = insert_new(t)
_OF_TARGET = Prepared(select(*_COLUMNS).where(_ROOM, t.c.redacts == bindparam("target")))
_UNDER_WAY = Prepared(select(*_COLUMNS).where(_ROOM, t.c.place.is_not(None)).limit(1))
_ADVANCE = Prepared(
    update(t)
    .where(
        t.c.room_nid == bindparam("of_room"),
        t.c.redacts == bindparam("target"),
        t.c.redaction_event_id == bindparam("by"),
    )
    .values(place=bindparam("then"))
)
_GIVE_UP = Prepared(update(t).where(t.c.room_nid == bindparam("of_room"), t.c.place.is_not(None)).values(place=None))
_WAIT = insert_new(w)
_WAITING = Prepared(
    select(w.c.event_nid, *_COLUMNS)
    .select_from(
        w.join(
            t,
            (t.c.room_nid == w.c.room_nid)
            & (t.c.redacts == w.c.redacts)
            & (t.c.redaction_event_id == w.c.redaction_event_id),
        )
    )
    .where(w.c.room_nid == bindparam("room_nid"))
    .limit(bindparam("limit"))
)
_ANY_WAITING = Prepared(select(w.c.event_nid).where(w.c.room_nid == bindparam("room_nid")).limit(1))
_WAITS_NO_MORE = Prepared(
    delete(w).where(
        w.c.room_nid == bindparam("of_room"),
        w.c.event_nid == bindparam("nid"),
        w.c.redacts == bindparam("target"),
        w.c.redaction_event_id == bindparam("by"),
    )
)
_FORGET_WAITING = Prepared(delete(w).where(w.c.room_nid == bindparam("of_room")))


def insert(tx: Write, room_nid: int, redaction: RelationRedaction) -> None:
    """The redaction takes along what relates to its target, from now on."""
    tx.run(
        _INSERT,
        room_nid=room_nid,
        redacts=redaction.redacts,
        redaction_event_id=redaction.redaction_id,
        rel_types=encode_json(sorted(redaction.rel_types)).decode(),
        target_rel_type=redaction.target_rel_type,
        place=redaction.place,
    )


def of_target(tx: Connection, room_nid: int, redacts: EventID) -> list[RelationRedaction]:
    """Those that take along what relates to the event."""
    return [_redaction(row) for row in _OF_TARGET.all(tx, room_nid=room_nid, target=redacts)]


def under_way(tx: Connection, room_nid: int) -> RelationRedaction | None:
    """One of the room for which there may be events to look at; None: there is none."""
    row = _UNDER_WAY.first(tx, room_nid=room_nid)
    return None if row is None else _redaction(row)


def advance(tx: Write, room_nid: int, redaction: RelationRedaction, place: Ordering | None) -> None:
    """What relates to the target up to *place* was looked at; None: all was."""
    tx.run(_ADVANCE, of_room=room_nid, target=redaction.redacts, by=redaction.redaction_id, then=place)


def wait(tx: Write, room_nid: int, event_nid: int, redaction: RelationRedaction) -> None:
    """The event, which came later, is yet to be looked at."""
    tx.run(
        _WAIT,
        room_nid=room_nid,
        event_nid=event_nid,
        redacts=redaction.redacts,
        redaction_event_id=redaction.redaction_id,
    )


def waiting(tx: Connection, room_nid: int, limit: int) -> list[WaitingEvent]:
    """Some events of the room that came later and are yet to be looked at."""
    return [WaitingEvent(row[0], _redaction(row[1:])) for row in _WAITING.all(tx, room_nid=room_nid, limit=limit)]


def wait_no_more(tx: Write, room_nid: int, events: Collection[WaitingEvent]) -> None:
    """The events were looked at."""
    for each in events:
        tx.run(
            _WAITS_NO_MORE,
            of_room=room_nid,
            nid=each.event_nid,
            target=each.redaction.redacts,
            by=each.redaction.redaction_id,
        )


def is_anything_left(tx: Connection, room_nid: int) -> bool:
    """Whether any event of the room may be yet to be looked at."""
    return under_way(tx, room_nid) is not None or _ANY_WAITING.first(tx, room_nid=room_nid) is not None


def give_up(tx: Write, room_nid: int) -> None:
    """Nothing of what is in the room is looked at any more."""
    tx.run(_GIVE_UP, of_room=room_nid)
    tx.run(_FORGET_WAITING, of_room=room_nid)


def _redaction(row: Row) -> RelationRedaction:
    redacts, redaction_id, rel_types, target_rel_type, place = tuple(row)
    return RelationRedaction(
        EventID(redacts), EventID(redaction_id), frozenset(load_json(rel_types)), target_rel_type, place
    )
