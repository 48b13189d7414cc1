"""
Whatever relates to a redacted event is redacted too, where whoever redacts it says so: in the background, in the name
of that user, and also what comes later.

Spec: proposals/3912
"""

from collections.abc import Mapping
from typing import Final

from attrs import define, field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.related_redactions import goes_along
from homeserver.core.relations import relation_of
from homeserver.core.timeline import Ordering, Status, TimelineEvent
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.companions import Beside
from homeserver.services.jobs.queueing import queue
from homeserver.services.jobs.work import Step, Work
from homeserver.services.known_events import KnownEvents
from homeserver.services.refusals import Refusal
from homeserver.services.sending import Sending
from homeserver.store import jobs as stored_jobs
from homeserver.store import relation_redactions as stored
from homeserver.store import relations, rooms
from homeserver.store.database import Database, Snapshot
from homeserver.store.jobs import StoredJob
from homeserver.store.relation_redactions import RelationRedaction, WaitingEvent
from homeserver.store.write import Write

NAME: Final = "redact_related"
EVENTS_AT_ONCE: Final = 50


@frozen
class _Batch:
    """Events to be looked at, and what is written when they have been."""

    nids: Mapping[int, RelationRedaction]
    waiting: tuple[WaitingEvent, ...] = ()
    advanced: RelationRedaction | None = None
    place: Ordering | None = None


@define(eq=False)
class RelatedRedactions:
    """
    Redacts what relates to redacted events, room by room.

    Implements ``jobs.service.JobKind`` and ``companions.Companion``.
    """

    database: Database
    clock: Clock
    known: KnownEvents
    sending: Sending
    name: str = field(init=False, default=NAME)

    async def taking_along(self, redacts: EventID, rel_types: frozenset[str]) -> Beside:
        """To be written with the redaction of an event: what relates to it in one of these ways goes too."""
        target = await self.known.by_id(redacts)
        relation = None if target is None else relation_of(target.event.content)
        target_rel_type = None if relation is None else relation.rel_type

        def write(tx: Write, room_nid: int, entry: TimelineEvent) -> None:
            stored.insert(tx, room_nid, RelationRedaction(redacts, entry.event_id, rel_types, target_rel_type))
            self._queue(tx, entry.event.room_id)

        return write

    def beside(self, entry: TimelineEvent) -> Beside | None:
        """An event that relates to another is looked at if that was redacted so before."""
        if entry.status is not Status.ACCEPTED or relation_of(entry.event.content) is None:
            return None
        return self._await

    def may_cancel(self, job: StoredJob) -> bool:
        """At any time: what is not redacted stays."""
        return True

    def conclude(self, tx: Write, job: StoredJob, state: str) -> None:
        """What came while the job was about to end has a job of its own; one that is done is not worth listing."""
        room_nid = job.place.get("room_nid")
        if state == stored_jobs.DONE:
            stored_jobs.remove(tx, job.nid)
        if not isinstance(room_nid, int):
            return
        if state == stored_jobs.CANCELLED:
            stored.give_up(tx, room_nid)
        elif state == stored_jobs.DONE and stored.is_anything_left(tx.connection, room_nid):
            self._queue(tx, RoomID(job.subject))

    async def run(self, work: Work) -> JSONObject:
        """All that goes along with redactions of the room is redacted, as far as their senders may."""
        room = await self.database.read(rooms.by_id, RoomID(work.job.subject))
        if room is None:
            return {}
        await work.note(Step(place={"room_nid": room.nid}))
        while True:
            batch = await self.database.read(_next_batch, room.nid)
            if batch is None:
                return {"events": work.done}
            redacted = 0
            for nid, redaction in batch.nids.items():
                redacted += await self._redact(room.room_id, nid, redaction)
            await work.step(_finish, room.nid, batch, redacted)

    async def _redact(self, room_id: RoomID, nid: int, taken_by: RelationRedaction) -> bool:
        found = await self.known.by_ids((taken_by.redacts, taken_by.redaction_id))
        entry = (await self.known.by_nids((nid,))).get(nid)
        target, redaction = found.get(taken_by.redacts), found.get(taken_by.redaction_id)
        if entry is None or target is None or redaction is None or entry.redacted_by is not None:
            return False
        if not goes_along(entry.event, target.event, taken_by.target_rel_type, taken_by.rel_types):
            return False
        try:
            caller = Caller(redaction.event.sender, None)
            await self.sending.redact(caller, room_id, entry.event_id, None, _content(redaction.event))
        except Refusal:
            # The proposal: what the user may not redact is ignored.
            return False
        return True

    def _await(self, tx: Write, room_nid: int, entry: TimelineEvent) -> None:
        relation = relation_of(entry.event.content)
        assert relation is not None, "beside has looked"
        taken_by = [
            each
            for each in stored.of_target(tx.connection, room_nid, relation.event_id)
            if each.covers(relation.rel_type)
        ]
        for redaction in taken_by:
            stored.wait(tx, room_nid, entry.nid, redaction)
        if taken_by:
            self._queue(tx, entry.event.room_id)

    def _queue(self, tx: Write, room_id: RoomID) -> None:
        queue(tx, NAME, room_id, {}, now_ms(self.clock))


def _next_batch(tx: Snapshot, room_nid: int) -> _Batch | None:
    waiting = stored.waiting(tx, room_nid, EVENTS_AT_ONCE)
    if waiting:
        return _Batch({each.event_nid: each.redaction for each in waiting}, tuple(waiting))
    redaction = stored.under_way(tx, room_nid)
    if redaction is None or redaction.place is None:
        return None
    found = relations.children(
        tx, room_nid, redaction.redacts, after=redaction.place, limit=EVENTS_AT_ONCE, backward=False
    )
    nids = {child.event_nid: redaction for child in found if redaction.covers(child.rel_type)}
    place = found[-1].ordering if len(found) == EVENTS_AT_ONCE else None
    return _Batch(nids, advanced=redaction, place=place)


def _finish(tx: Write, rows: int, room_nid: int, batch: _Batch, redacted: int) -> Step:
    stored.wait_no_more(tx, room_nid, batch.waiting)
    if batch.advanced is not None:
        stored.advance(tx, room_nid, batch.advanced, batch.place)
    return Step(redacted)


def _content(redaction: Event) -> JSONObject:
    """The same reason, if there was one."""
    reason = redaction.content.get("reason")
    return {"reason": reason} if isinstance(reason, str) else {}
