"""
What is written when events enter a room: one function for local events, for those of peers, and for a new room.

The decisions are made before; the write only refuses when the room has moved on since.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias, cast

from attrs import evolve, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Transaction
from homeserver.core.events import Event, StateKey
from homeserver.core.hashes import encode_event
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, server_of
from homeserver.core.log import EVENT, MEMBERSHIP, REDACTED, RELAY, REMOTE_MEMBERSHIP, STATE, STORED, Position
from homeserver.core.redaction import redact
from homeserver.core.relations import relation_of
from homeserver.core.room_directory import SUMMARY_OF_NOTHING, summary_changes
from homeserver.core.timeline import Status, TimelineEvent, ordering_at
from homeserver.core.versions import RoomVersion
from homeserver.services.companions import Beside
from homeserver.store import (
    backward_extremities,
    events,
    memberships,
    relations,
    room_summaries,
    rooms,
    state,
    transactions,
    waiting_redactions,
)
from homeserver.store.events import StoredEvent
from homeserver.store.room_summaries import RoomSummary
from homeserver.store.write import Write


class RoomMoved(Exception):
    """Another writer was quicker in this room: what was decided must be decided again."""


Witness: TypeAlias = Callable[[Write, TimelineEvent], None]
"""Told of an event that is about to be redacted, in the same transaction."""


@frozen
class Redaction:
    """A redaction that is carried out: *target* loses what the room version does not protect."""

    target: TimelineEvent
    by: EventID
    witnesses: Sequence[Witness] = ()


@frozen
class Admission:
    """
    One event, and what it changes.

    *entry*: the write gives it its nid, and its ordering where clients may see it; *was_outlier*: it has a nid already.
    *changes*: of the current state, the event's own among them; None removes.  *state_before*: how the state before the
    event differs from the current one; None when it does not.  *reason*: the rule that rejected or soft-failed it.
    *missing*: what it follows and is not here.  *fills_gap*: it was missing so far.  *relayed*: this server is the one
    to tell the others of it.  *redaction_waits*: it redacts what is not here.  *beside*: what is written with it.
    """

    entry: TimelineEvent
    changes: Mapping[StateKey, TimelineEvent | None] = field(factory=dict)
    state_before: Mapping[StateKey, TimelineEvent | None] | None = None
    redactions: Sequence[Redaction] = ()
    reason: str | None = None
    was_outlier: bool = False
    missing: Collection[EventID] = ()
    fills_gap: bool = False
    relayed: bool = False
    redaction_waits: bool = False
    beside: Sequence[Beside] = ()


@frozen
class Append:
    """
    Events that enter one room in one write.

    *server*: our own name.  *generation*: the room's when this was decided.  *extremities* and *joined_members* are
    those after all of the events.
    """

    server: ServerName
    room_nid: int
    room_id: RoomID
    generation: int
    extremities: tuple[EventID, ...]
    joined_members: int
    admissions: Sequence[Admission]


def append(tx: Write, request: Append) -> None:
    """All the events are in the room.  Raises RoomMoved, and then none is."""
    _append(tx, request)
    changes = _all_changes(request)
    if changes:
        columns: dict[str, object] = {**summary_changes(changes)}
        if any(kind == "m.room.member" for kind, _ in changes):
            columns["joined_members"] = request.joined_members
        room_summaries.change(tx, request.room_nid, columns)


def found_room(tx: Write, version: RoomVersion, creator: UserID, request: Append) -> int:
    """The room exists, with these events; answers its nid."""
    nid = rooms.insert_room(tx, request.room_id, version.id, creator)
    rooms.set_joined(tx, nid, True)
    _append(tx, evolve(request, room_nid=nid))
    room_summaries.replace(tx, summary_of(nid, request.room_id, _all_changes(request), request.joined_members))
    return nid


def summary_of(
    room_nid: int, room_id: RoomID, room_state: Mapping[StateKey, Event | None], joined_members: int
) -> RoomSummary:
    """What the directory shows of a room with this state."""
    shown: dict[str, Any] = {**SUMMARY_OF_NOTHING, **summary_changes(room_state)}
    return RoomSummary(room_nid, room_id, joined_members=joined_members, **shown)


def _append(tx: Write, request: Append) -> None:
    if not rooms.advance(tx, request.room_nid, request.generation, request.extremities):
        raise RoomMoved(request.room_id)
    for admission in request.admissions:
        _admit(tx, request, admission)


def _all_changes(request: Append) -> dict[StateKey, Event | None]:
    """What all of the events together change of the current state."""
    return {
        key: None if entry is None else entry.event
        for admission in request.admissions
        for key, entry in admission.changes.items()
    }


def store_event(
    tx: Write, room_nid: int, entry: TimelineEvent, reason: str | None = None, *, was_outlier: bool = False
) -> Position:
    """
    *entry* is stored and has its nid, and its ordering if clients may see it.

    What was an outlier keeps its nid, and gets its place.
    """
    event = entry.event
    visible = entry.status is Status.ACCEPTED
    position = tx.log(EVENT if visible else STORED, event.room_id, entry.nid if was_outlier else None)
    entry.ordering = ordering_at(position) if visible else None
    if was_outlier:
        events.place(tx, entry.nid, entry.ordering, entry.status, reason)
    else:
        entry.nid = position
        events.insert(tx, event_row(room_nid, entry, reason))
    return position


def _admit(tx: Write, request: Append, admission: Admission) -> None:
    entry = admission.entry
    position = store_event(tx, request.room_nid, entry, admission.reason, was_outlier=admission.was_outlier)
    if admission.fills_gap:
        backward_extremities.remove(tx, request.room_nid, [entry.event_id])
    if admission.state_before is not None:
        delta = {key: None if other is None else other.nid for key, other in admission.state_before.items()}
        state.assign(tx, entry.nid, state.insert_state(tx, request.room_nid, delta, base_position=position - 1))
    for key, current in admission.changes.items():
        change_state(tx, request.server, request.room_nid, position, key, current)
        _log_remote_member(tx, request, key, current)
    # What resolution changed beside the event itself has no event in the timeline to show it.
    if any(current is not entry for current in admission.changes.values()):
        tx.log(STATE, request.room_id)
    relate(tx, request.room_nid, entry)
    for redaction in admission.redactions:
        carry_out(tx, request.room_nid, redaction)
    for event_id in admission.missing:
        backward_extremities.insert(tx, request.room_nid, event_id, ordering_at(position))
    if admission.relayed:
        tx.log(RELAY, request.room_id, entry.nid)
    if entry.transaction is not None:
        _close(tx, entry, entry.transaction)
    if admission.redaction_waits and entry.event.redacts is not None:
        waiting_redactions.insert(tx, entry.event.redacts, entry.event_id)
    for write in admission.beside:
        write(tx, request.room_nid, entry)


def change_state(
    tx: Write, server: ServerName, room_nid: int, position: Position, key: StateKey, current: TimelineEvent | None
) -> None:
    """From *position* on *current* is what the room has under *key*; users of *server* have their membership by it."""
    event = None if current is None else current.event
    membership = None if event is None else event.membership
    nid = None if current is None else current.nid
    state.change(tx, room_nid, position, key, nid, membership=membership)
    if key[0] != "m.room.member" or server_of(UserID(key[1])) != server:
        return
    user_id = UserID(key[1])
    memberships.replace(
        tx,
        user_id=user_id,
        room_nid=room_nid,
        membership=membership or "leave",
        position=tx.log(MEMBERSHIP, user_id, room_nid),
        event_nid=nid,
        sender=user_id if event is None else event.sender,
    )


def _log_remote_member(tx: Write, request: Append, key: StateKey, current: TimelineEvent | None) -> None:
    """Who follows the log knows when a user of another server has come into a room, or is in it no more."""
    if key[0] != "m.room.member" or server_of(UserID(key[1])) == request.server:
        return
    if current is None or current.event.membership in {"join", "leave", "ban"}:
        tx.log(REMOTE_MEMBERSHIP, key[1], request.room_nid)


def carry_out(tx: Write, room_nid: int, redaction: Redaction) -> None:
    """The target is kept only as far as redaction leaves it.  Spec: client-server-api#redactions"""
    target, event = redaction.target, redaction.target.event
    for tell in redaction.witnesses:
        tell(tx, target)
    pdu = redact(event.pdu, event.version)
    events.redact(tx, target.nid, redaction.by, encode_event(pdu, event.version))
    relations.forget(tx, target.nid)
    if event.is_state:
        _show_redacted(tx, room_nid, target, pdu["content"])
    tx.log(REDACTED, event.event_id)


def _show_redacted(tx: Write, room_nid: int, target: TimelineEvent, content: JSON) -> None:
    """The directory shows what is left, if the target is what the room has now."""
    event = target.event
    changes = summary_changes({event.key: evolve(event, content=cast(JSONObject, content))})
    if changes and state.entry_as_of(tx.connection, room_nid, event.key, state.NOW) == target.nid:
        room_summaries.change(tx, room_nid, changes)


def relate(tx: Write, room_nid: int, entry: TimelineEvent) -> None:
    """The event, if it has a place, is found by what it refers to."""
    event = entry.event
    relation = relation_of(event.content)
    if relation is not None and entry.ordering is not None:
        relations.insert(tx, room_nid, entry.nid, entry.ordering, event.type, event.sender, relation)


def _close(tx: Write, entry: TimelineEvent, transaction: Transaction) -> None:
    """The same request again fails with Duplicate."""
    event = entry.event
    endpoint = transaction_endpoint(event.room_id, event.type, transaction)
    created_ms = event.origin_server_ts
    transactions.insert(
        tx, event.sender, transaction.device_id, endpoint, transaction.transaction_id, event.event_id, created_ms
    )


def transaction_endpoint(room_id: RoomID, event_type: str, transaction: Transaction) -> str:
    """
    What tells requests with the same transaction ID apart: what their paths say, and nothing else of them.

    Spec: client-server-api#transaction-identifiers
    """
    return f"{room_id}/{event_type}/{transaction.redacts or ''}"


def event_row(room_nid: int, entry: TimelineEvent, reason: str | None) -> StoredEvent:
    """*entry* as it is stored."""
    event = entry.event
    transaction = entry.transaction
    return StoredEvent(
        nid=entry.nid,
        event_id=event.event_id,
        room_nid=room_nid,
        ordering=entry.ordering,
        type=event.type,
        state_key=event.state_key,
        sender=event.sender,
        depth=event.depth,
        origin_server_ts=event.origin_server_ts,
        pdu=encode_event(event.pdu, event.version),
        status=entry.status,
        reason=reason,
        device_id=None if transaction is None else transaction.device_id,
        txn_id=None if transaction is None else transaction.transaction_id,
    )
