"""
What users have said is redacted when they are kicked or banned, where the kick or ban says so: in the background, since
they came into the room, and also what arrives later.

What is redacted stays so when the removal does not: nobody keeps what was said.

Spec: proposals/4293
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from homeserver.core.auth_events import CREATE, POWER_LEVELS
from homeserver.core.canonical import JSON, JSONObject, load_json
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.log import JOB
from homeserver.core.member_redactions import asks_redaction, may_redact_member, removes
from homeserver.core.pdu import stored_event
from homeserver.core.timeline import Ordering, Status, TimelineEvent
from homeserver.core.versions import RoomVersion
from homeserver.services.admission import carry_out
from homeserver.services.clock import Clock, now_ms
from homeserver.services.companions import Beside
from homeserver.services.jobs.queueing import queue
from homeserver.services.jobs.work import Step, Work
from homeserver.services.known_events import KnownEvents, revived
from homeserver.services.redactions import Redactions
from homeserver.store import events, rooms, state, states_at, visibility
from homeserver.store import jobs as stored_jobs
from homeserver.store import member_redactions as stored
from homeserver.store.database import Database, Snapshot
from homeserver.store.events import StoredEvent
from homeserver.store.jobs import StoredJob
from homeserver.store.member_redactions import MemberRedaction
from homeserver.store.write import Write

NAME: Final = "redact_member"
BEGINNING: Final = Ordering(-(2**62))
END: Final = Ordering(2**62)
TIMELINE, ASIDE = "timeline", "aside"
REMOVALS: Final = "event_ids"
"""Parameter of jobs that are about a whole room: the kicks and bans that it had when this server came into it."""
REMOVALS_MAX: Final = 20_000
"""Of more the rest is not seen to: nobody has so many but in order to be a burden."""
NAMES_MAX: Final = 100
"""So many changes of name in one stay are looked back through."""
ROWS_OF_ONE: Final = 4
"""To redact an event takes about as long as to write so many rows."""
PLACES_FOR_ROW: Final = 5
"""So many events of others are passed over in the time that it takes to write a row."""


@frozen
class _Scope:
    """What a kick or ban redacts.  *aside_since_nid*: as its ``since_nid``, for what has no place."""

    redaction: MemberRedaction
    aside_since_nid: int


@define(eq=False)
class MemberRedactions:
    """
    Redacts what removed users said.

    Implements ``jobs.service.JobKind``, ``companions.Companion`` and ``companions.StateCompanion``.
    """

    database: Database
    clock: Clock
    known: KnownEvents
    redactions: Redactions
    name: str = field(init=False, default=NAME)

    def beside(self, entry: TimelineEvent) -> Beside | None:
        """A kick or ban that redacts has a job; what a removed user sends still is redacted at once."""
        if entry.status is Status.SOFT_FAILED:
            return self._redact_late
        if entry.status is Status.ACCEPTED and asks_redaction(entry.event):
            return self._queue
        return None

    def beside_state(self, entries: Sequence[Event]) -> Beside | None:
        """Kicks and bans that hold by the room's state, other than by their own coming, have a job as well."""
        removals = [event.event_id for event in entries if asks_redaction(event)]
        if not removals:
            return None

        def write(tx: Write, room_nid: int, entry: TimelineEvent) -> None:
            room_id, now = entry.event.room_id, now_ms(self.clock)
            parameters: JSONObject = {"room_id": room_id, REMOVALS: list[JSON](removals[:REMOVALS_MAX])}
            stored_jobs.insert_job(tx, NAME, room_id, parameters, None, now)
            tx.log(JOB, "")

        return write

    def may_cancel(self, job: StoredJob) -> bool:
        """At any time: what is not redacted stays."""
        return True

    def conclude(self, tx: Write, job: StoredJob, state: str) -> None:
        """That nothing was to be done is not worth a line in the list."""
        if not job.done and state == stored_jobs.DONE:
            stored_jobs.remove(tx, job.nid)

    async def run(self, work: Work) -> JSONObject:
        """All that the kicks or bans redact is redacted."""
        removals = work.job.parameters.get(REMOVALS, [work.job.subject])
        assert isinstance(removals, list), "written by this"
        while (index := _index(work.place)) < len(removals):
            await self._redact_all(work, EventID(str(removals[index])))
            await work.note(Step(place={"index": index + 1}))
        return {"events": work.done}

    async def _redact_all(self, work: Work, event_id: EventID) -> None:
        entry = await self.known.by_id(event_id)
        room = None if entry is None else await self.database.read(rooms.by_id, entry.event.room_id)
        if entry is None or room is None:
            return
        if "phase" not in work.place:
            scope = await self._scope(room.nid, entry)
            if scope is None:
                return
            await work.step(_begin, _index(work.place), room.nid, scope)
        version = entry.event.version
        if work.place["phase"] == TIMELINE:
            await work.repeat(self._timeline, work, room.nid, entry, version)
        await work.repeat(self._aside, work, room.nid, entry, version)

    async def _scope(self, room_nid: int, entry: TimelineEvent) -> _Scope | None:
        """What the kick or ban redacts; None: nothing."""
        target = UserID(entry.event.state_key or "")
        changes = (await self.database.read(visibility.changes_for, room_nid, target)).memberships
        if all(change.event_nid != entry.nid for change in changes):
            # It is not to be, and never was: the room's state is another.
            return None
        cited = await self._cited(entry)
        last = cited.get((state.MEMBER, target))
        membership = (None if last is None else last.event.membership) or "leave"
        if not removes(entry.event, membership):
            return None
        if not may_redact_member(entry.event, await self._levels(room_nid, entry, cited)):
            return None
        if membership == "join" and last is not None:
            came = await self.database.read(came_by, last.nid, target, entry.event.version)
            return _Scope(MemberRedaction(target, entry.nid, entry.event_id, came), came)
        # Who was not in the room has said nothing since but what was not let in.
        since = entry.nid if last is None else last.nid
        return _Scope(MemberRedaction(target, entry.nid, entry.event_id, entry.nid), since)

    async def _cited(self, entry: TimelineEvent) -> Mapping[StateKey, TimelineEvent]:
        """What the event says was so before it, its target's membership among that."""
        found = await self.known.by_ids(entry.event.auth_events)
        return {each.event.key: each for each in found.values()}

    async def _levels(
        self, room_nid: int, entry: TimelineEvent, cited: Mapping[StateKey, TimelineEvent]
    ) -> Mapping[StateKey, Event]:
        keys = (CREATE, POWER_LEVELS)
        nids = await self.database.read(states_at.entries_before, room_nid, entry.nid, entry.ordering, keys)
        if nids is None:
            # It came with the state of the room: there is nothing but what it cites, and what never changes.
            nids = await self.database.read(state.entries_as_of, room_nid, (CREATE,), state.NOW)
            nids.update({key: cited[key].nid for key in keys if key in cited})
        found = await self.known.by_nids(nids.values())
        return {key: found[nid].event for key, nid in nids.items()}

    def _timeline(
        self, tx: Write, rows: int, work: Work, room_nid: int, entry: TimelineEvent, version: RoomVersion
    ) -> Step:
        place, target = work.place, UserID(entry.event.state_key or "")
        after, most = Ordering(_number(place)), max(rows // ROWS_OF_ONE, 1)
        part = stored.placed(tx.connection, room_nid, target, after, END, most, rows * PLACES_FOR_ROW)
        said = _said_since(tx.connection, room_nid, part.events, target, version, int(str(place["since"])))
        self._redact(tx, room_nid, [revived(row, version) for row in said], entry.event_id)
        if part.upto is None:
            return Step(len(said), True, {**place, "phase": ASIDE, "after": place["since"]})
        return Step(len(said), False, {**place, "after": part.upto})

    def _aside(
        self, tx: Write, rows: int, work: Work, room_nid: int, entry: TimelineEvent, version: RoomVersion
    ) -> Step:
        place, target = work.place, UserID(entry.event.state_key or "")
        part = stored.aside(tx.connection, room_nid, target, _number(place), max(rows // ROWS_OF_ONE, 1))
        self._redact(tx, room_nid, [revived(row, version) for row in part.events], entry.event_id)
        if part.upto is None:
            return Step(len(part.events), True)
        return Step(len(part.events), False, {**place, "after": part.upto})

    def _redact(self, tx: Write, room_nid: int, entries: Sequence[TimelineEvent], by: EventID) -> None:
        for entry in entries:
            carry_out(tx, room_nid, self.redactions.of_event(entry, by))

    def _queue(self, tx: Write, room_nid: int, entry: TimelineEvent) -> None:
        queue(tx, NAME, entry.event_id, {"room_id": entry.event.room_id}, now_ms(self.clock))

    def _redact_late(self, tx: Write, room_nid: int, entry: TimelineEvent) -> None:
        redaction = in_force(tx.connection, room_nid, entry.event.sender)
        if redaction is not None:
            self._redact(tx, room_nid, [entry], redaction.event_id)


@define(eq=False)
class FetchedMemberRedactions:
    """The same for history that is fetched later.  Implements ``companions.Companion``."""

    redactions: Redactions

    def beside(self, entry: TimelineEvent) -> Beside | None:
        """What a removed user said since they came is redacted at once."""
        return self._redact if entry.status is Status.ACCEPTED else None

    def _redact(self, tx: Write, room_nid: int, entry: TimelineEvent) -> None:
        redaction = in_force(tx.connection, room_nid, entry.event.sender)
        row = None if redaction is None else events.by_nid(tx.connection, entry.nid)
        if redaction is None or row is None:
            return
        sender, version = entry.event.sender, entry.event.version
        if _said_since(tx.connection, room_nid, (row,), sender, version, redaction.since_nid):
            carry_out(tx, room_nid, self.redactions.of_event(entry, redaction.event_id))


def in_force(tx: Snapshot, room_nid: int, user_id: UserID) -> MemberRedaction | None:
    """The kick or ban that redacts what the user says, if that is what they are now."""
    redaction = stored.of_user(tx, room_nid, user_id)
    if redaction is None:
        return None
    current = state.entry_as_of(tx, room_nid, (state.MEMBER, user_id), state.NOW)
    return redaction if current == redaction.event_nid else None


def _begin(tx: Write, rows: int, index: int, room_nid: int, scope: _Scope) -> Step:
    """What comes from now on is redacted when it comes."""
    stored.replace(tx, room_nid, scope.redaction)
    after = _place_of(tx.connection, scope.redaction.since_nid)
    return Step(place={"index": index, "phase": TIMELINE, "after": after, "since": scope.aside_since_nid})


def _place_of(tx: Snapshot, nid: int) -> Ordering:
    """Where the event is; before everything, if this server has not fetched history so old."""
    event = events.by_nid(tx, nid)
    return BEGINNING if event is None or event.ordering is None else Ordering(event.ordering)


def came_by(tx: Snapshot, member_nid: int, user_id: UserID, version: RoomVersion) -> int:
    """The event by which the user came in who was a member by *member_nid*: that may be but another name."""
    nid = member_nid
    for _ in range(NAMES_MAX):
        row = events.by_nid(tx, nid)
        if row is None:
            break
        # Each member event cites the one before it.
        cited = stored_event(load_json(row.pdu), version, row.event_id).auth_events
        joins = (each for each in events.by_ids(tx, cited).values() if _is_join(each, user_id, version))
        earlier = next(joins, None)
        if earlier is None:
            break
        nid = earlier.nid
    return nid


def _is_join(row: StoredEvent, user_id: UserID, version: RoomVersion) -> bool:
    if row.type != state.MEMBER or row.state_key != user_id:
        return False
    return stored_event(load_json(row.pdu), version, row.event_id).membership == "join"


def _said_since(
    tx: Snapshot, room_nid: int, rows: Iterable[StoredEvent], user_id: UserID, version: RoomVersion, since_nid: int
) -> list[StoredEvent]:
    """Those of the user's events that were sent in the stay that began with one."""
    key = (state.MEMBER, user_id)
    stays: dict[int, int] = {}
    said: list[StoredEvent] = []
    for row in rows:
        ordering = None if row.ordering is None else Ordering(row.ordering)
        member = (states_at.entries_before(tx, room_nid, row.nid, ordering, (key,)) or {}).get(key)
        if member is None:
            continue
        if member not in stays:
            stays[member] = came_by(tx, member, user_id, version)
        if stays[member] == since_nid:
            said.append(row)
    return said


def _number(place: JSONObject) -> int:
    after = place["after"]
    assert isinstance(after, int), "written by an earlier step"
    return after


def _index(place: JSONObject) -> int:
    """How many of a job's kicks and bans are done."""
    index = place.get("index", 0)
    assert isinstance(index, int), "written by an earlier step"
    return index
