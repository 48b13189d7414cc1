"""
Events that refer to others: replies in threads, edits, reactions, references.  Spec:
client-server-api#aggregations-of-child-events
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from attrs import frozen
from sqlalchemy import Connection, bindparam, delete, select, true

from homeserver.core.identifiers import EventID, UserID
from homeserver.core.relations import ANNOTATION, REFERENCE, REPLACE, THREAD, Relation
from homeserver.core.timeline import Ordering
from homeserver.store import events
from homeserver.store.prepared import Insertion, Prepared, PreparedIn, Row
from homeserver.store.schema.events import relations as r
from homeserver.store.write import Write

_WITHOUT = Ordering(-(2**62))
# A sum is in no index: that of a room's threads would lead to all replies of the room, and not to those of a root.
IS_IN_ROOM: Final = r.c.room_nid + 0 == bindparam("room_nid")


@frozen
class Child:
    """An event that refers to another."""

    event_nid: int
    relates_to: EventID
    rel_type: str
    event_type: str
    sender: UserID
    key: str | None
    ordering: Ordering


@frozen
class Annotation:
    """What a user says of an event in a word, such as a reaction."""

    relates_to: EventID
    event_type: str
    sender: UserID
    key: str


_CHILD = (r.c.event_nid, r.c.relates_to, r.c.rel_type, r.c.event_type, r.c.sender, r.c.key, r.c.ordering)
_INSERT = Insertion(r)
_SAID = Prepared(
    select(r.c.event_nid)
    .where(
        r.c.relates_to == bindparam("relates_to"),
        r.c.rel_type == ANNOTATION,
        r.c.event_type == bindparam("event_type"),
        r.c.sender == bindparam("sender"),
        r.c.key == bindparam("key"),
        r.c.event_nid != bindparam("besides"),
    )
    .limit(1)
)
_FORGET = Prepared(delete(r).where(r.c.event_nid == bindparam("nid")))


def _children(*, rel_type: bool, event_type: bool, backward: bool) -> Prepared:
    return Prepared(
        select(*_CHILD)
        .where(
            r.c.relates_to == bindparam("relates_to"),
            r.c.rel_type == bindparam("rel_type") if rel_type else true(),
            r.c.event_type == bindparam("event_type") if event_type else true(),
            IS_IN_ROOM,
            r.c.ordering > bindparam("after"),
            r.c.ordering < bindparam("before"),
        )
        .order_by(r.c.ordering.desc() if backward else r.c.ordering)
        .limit(bindparam("limit"))
    )


_CHILDREN = {
    (rel, kind, backward): _children(rel_type=rel, event_type=kind, backward=backward)
    for rel in (False, True)
    for kind in (False, True)
    for backward in (False, True)
}
_EDITS = Prepared(
    select(*_CHILD)
    .where(
        r.c.relates_to == bindparam("relates_to"),
        r.c.rel_type == REPLACE,
        r.c.sender == bindparam("sender"),
        r.c.room_nid == bindparam("room_nid"),
        r.c.ordering <= bindparam("upto"),
    )
    .order_by(r.c.ordering.desc())
    .limit(bindparam("limit"))
)
_KINDS = PreparedIn(
    lambda ids: (
        select(r.c.relates_to, r.c.rel_type)
        .distinct()
        .where(
            r.c.relates_to.in_(ids),
            r.c.rel_type.in_([bindparam("kind_0"), bindparam("kind_1"), bindparam("kind_2")]),
            r.c.room_nid == bindparam("room_nid"),
            r.c.ordering.is_not(None),
        )
    )
)
_KINDS_ACROSS = PreparedIn(
    lambda ids: (
        select(r.c.room_nid, r.c.relates_to, r.c.rel_type)
        .distinct()
        .where(r.c.relates_to.in_(ids), r.c.rel_type.in_([REPLACE, REFERENCE, THREAD]), r.c.ordering.is_not(None))
    )
)
_RELATED = PreparedIn(
    lambda ids: (
        select(r.c.relates_to, r.c.rel_type, r.c.sender)
        .distinct()
        .where(r.c.relates_to.in_(ids), r.c.room_nid == bindparam("room_nid"), r.c.ordering.is_not(None))
    )
)
_LEVEL = PreparedIn(
    lambda ids: (
        select(*_CHILD)
        .where(r.c.relates_to.in_(ids), r.c.room_nid == bindparam("room_nid"), r.c.ordering.is_not(None))
        .order_by(r.c.ordering.desc())
        .limit(bindparam("limit"))
    )
)
_OF_EVENT = Prepared(
    select(r.c.event_nid, r.c.relates_to, r.c.rel_type, r.c.event_type, r.c.sender, r.c.key, r.c.ordering).where(
        r.c.event_nid == bindparam("nid")
    )
)
_SAME = Prepared(
    select(r.c.event_nid)
    .where(
        r.c.relates_to == bindparam("relates_to"),
        r.c.rel_type == bindparam("rel_type"),
        r.c.event_type == bindparam("event_type"),
        r.c.sender == bindparam("sender"),
        r.c.key == bindparam("key"),
        r.c.ordering.is_not(None),
    )
    .limit(1)
)


def is_said(tx: Connection, annotation: Annotation, besides: int = 0) -> bool:
    """Whether an event that is not redacted says so already, *besides* the one with that nid."""
    found = _SAID.scalar(
        tx,
        relates_to=annotation.relates_to,
        event_type=annotation.event_type,
        sender=annotation.sender,
        key=annotation.key,
        besides=besides,
    )
    return found is not None


def insert(
    tx: Write,
    room_nid: int,
    event_nid: int,
    ordering: Ordering,
    event_type: str,
    sender: UserID,
    relation: Relation,
) -> None:
    """The event is found by what it refers to."""
    tx.insert(
        _INSERT,
        (event_nid, room_nid, relation.event_id, relation.rel_type, event_type, sender, relation.key, ordering),
    )


def forget(tx: Write, event_nid: int) -> None:
    """The event, redacted, refers to nothing any more."""
    tx.run(_FORGET, nid=event_nid)


def of_event(tx: Connection, event_nid: int) -> Child | None:
    """What the event refers to; None: to nothing."""
    row = _OF_EVENT.first(tx, nid=event_nid)
    return None if row is None else _child(row)


def children(
    tx: Connection,
    room_nid: int,
    relates_to: EventID,
    *,
    rel_type: str | None = None,
    event_type: str | None = None,
    after: Ordering = _WITHOUT,
    before: Ordering | None = None,
    limit: int,
    backward: bool = True,
) -> list[Child]:
    """
    The last (*backward*, newest first) or first *limit* events of the room's timeline that refer to the event, at
    orderings in ``(after, before)``, of one relation type or event type where such is given.
    """
    statement = _CHILDREN[rel_type is not None, event_type is not None, backward]
    params: dict[str, Any] = {
        "relates_to": relates_to,
        "room_nid": room_nid,
        "after": after,
        "before": -_WITHOUT if before is None else before,
        "limit": limit,
    }
    if rel_type is not None:
        params["rel_type"] = rel_type
    if event_type is not None:
        params["event_type"] = event_type
    return [_child(row) for row in statement.all(tx, **params)]


def edits(
    tx: Connection, room_nid: int, authors: Mapping[EventID, UserID], upto: Ordering, limit: int
) -> dict[EventID, list[Child]]:
    """
    ``{event: the last *limit* events up to *upto* that replace it, newest first}``.

    *authors*: ``{event: who sent it}``; what others say in its place is none.
    """
    return {
        parent: [
            _child(row)
            for row in _EDITS.all(tx, relates_to=parent, sender=sender, room_nid=room_nid, upto=upto, limit=limit)
        ]
        for parent, sender in authors.items()
    }


def kinds_of(tx: Connection, room_nid: int, parents: Iterable[EventID]) -> dict[str, set[EventID]]:
    """``{rel_type: those of *parents* that are edited, referred to or answered in a thread so}``; no empty sets."""
    found: dict[str, set[EventID]] = {}
    rows = _KINDS.all(tx, parents, room_nid=room_nid, kind_0=REPLACE, kind_1=REFERENCE, kind_2=THREAD)
    for parent, rel_type in rows:
        found.setdefault(rel_type, set()).add(parent)
    return found


def kinds_across(tx: Connection, parents: Mapping[EventID, int]) -> dict[int, dict[str, set[EventID]]]:
    """As ``kinds_of``, by the nid of the room; *parents*: ``{event: its room's nid}``.  Every such room is there."""
    found: dict[int, dict[str, set[EventID]]] = {room_nid: {} for room_nid in parents.values()}
    for room_nid, parent, rel_type in _KINDS_ACROSS.all(tx, parents):
        # Whoever refers to an event of another room says nothing there.
        if parents[parent] == room_nid:
            found[room_nid].setdefault(rel_type, set()).add(parent)
    return found


def related_to(tx: Connection, room_nid: int, parents: Iterable[EventID]) -> dict[EventID, set[tuple[str, UserID]]]:
    """``{parent: {(rel_type, sender)}}`` of all that relates to *parents*."""
    found: dict[EventID, set[tuple[str, UserID]]] = {}
    for parent, rel_type, sender in _RELATED.all(tx, parents, room_nid=room_nid):
        found.setdefault(parent, set()).add((rel_type, sender))
    return found


def descendants(tx: Connection, room_nid: int, ancestor: EventID, depth: int, limit: int) -> list[Child]:
    """
    The events that relate to *ancestor*, to those that do, and so on over *depth* steps; the newest first, and of each
    step at most *limit*.
    """
    found: dict[int, Child] = {}
    parents = [ancestor]
    for _ in range(depth):
        level = [_child(row) for row in _LEVEL.all(tx, parents, room_nid=room_nid, limit=limit)]
        new = [child for child in level if child.event_nid not in found]
        found.update((child.event_nid, child) for child in new)
        parents = list(events.ids_of(tx, [child.event_nid for child in new]).values())
        if not parents:
            break
    return sorted(found.values(), key=lambda child: child.ordering, reverse=True)


def annotation(tx: Connection, relates_to: EventID, event_type: str, sender: UserID, key: str) -> int | None:
    """The nid of the event by which *sender* has annotated the event so already; None: it has not."""
    nid: int | None = _SAME.scalar(
        tx, relates_to=relates_to, rel_type="m.annotation", event_type=event_type, sender=sender, key=key
    )
    return nid


def _child(row: Row) -> Child:
    return Child(*_as_any(row))


def _as_any(row: Row) -> tuple[Any, ...]:
    return row
