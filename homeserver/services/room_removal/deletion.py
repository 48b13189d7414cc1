"""
A room is deleted: its local members leave it, and nothing of it stays in the database.

First nobody comes in any more; then everybody leaves, one after the other; then the others are given time to hear of
it; then the room is shut, so that whoever looks finds nothing; then its rows go, a few at a time.
"""

from collections.abc import Sequence
from typing import Final

from attrs import define, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import RoomID, UserID
from homeserver.services.clock import Clock, now_ms
from homeserver.services.jobs.service import Jobs
from homeserver.services.jobs.work import Step, Work
from homeserver.services.refusals import NotFound
from homeserver.services.room_removal.evicting import Evicting, Refuge
from homeserver.services.room_removal.ports import RoomBelongings
from homeserver.store import closed_rooms, jobs, room_purge, rooms
from homeserver.store.closed_rooms import BLOCKED, DELETING, ClosedRoom
from homeserver.store.database import Database
from homeserver.store.jobs import CANCELLED, DONE, StoredJob
from homeserver.store.room_tables import DeletedRoom
from homeserver.store.write import Write

NAME: Final = "delete_room"
FAREWELL_LOOK_SECONDS: Final = 0.5
FAILED_MAX: Final = 100
"""Users that could not be made to leave whose names are kept."""
EVICT, FAREWELL, SHUT, ROWS, EVENTS, LOG, LAST = "evict", "farewell", "shut", "rows", "events", "log", "last"
_LEAVABLE: Final = frozenset({"", EVICT, FAREWELL})
"""Where the room is whole still."""


@frozen
class DeletionRequest:
    """How a room is to be deleted."""

    room_id: RoomID
    purge: bool = True
    """Nothing of it stays in the database; False: local users leave it, and that is all."""
    block: bool = False
    """Nobody of this server comes into it again."""
    reason: str | None = None
    """What the room, and whoever asks later, is told."""
    refuge: Refuge | None = None
    """Where its members are brought."""

    def to_json(self) -> JSONObject:
        """The request as it is stored."""
        return {
            "room_id": self.room_id,
            "purge": self.purge,
            "block": self.block,
            "reason": self.reason,
            "refuge": None
            if self.refuge is None
            else {"creator": self.refuge.creator, "name": self.refuge.name, "message": self.refuge.message},
        }


def request_of(stored: JSONObject) -> DeletionRequest:
    """What ``to_json`` wrote."""
    refuge = stored["refuge"]
    return DeletionRequest(
        RoomID(str(stored["room_id"])),
        stored["purge"] is True,
        stored["block"] is True,
        None if stored["reason"] is None else str(stored["reason"]),
        Refuge(UserID(str(refuge["creator"])), str(refuge["name"]), str(refuge["message"]))
        if isinstance(refuge, dict)
        else None,
    )


@define(eq=False)
class RoomDeletion:
    """Deletes rooms.  Implements ``jobs.service.JobKind``."""

    database: Database
    clock: Clock
    jobs: Jobs
    evicting: Evicting
    belongings: list[RoomBelongings] = field(factory=list)
    farewell_seconds: float = 30.0
    """How long others are given to hear that our users have left."""
    name: str = field(init=False, default=NAME)

    async def request(self, request: DeletionRequest, by: UserID | None) -> StoredJob:
        """
        The room is being deleted, and nobody comes into it from now on.

        Raises NotFound for a room that is not known here and not to be blocked, or a user who is to make the refuge and
        does not exist.
        """
        if request.refuge is not None:
            await self.evicting.require_user(request.refuge.creator)
        if await self.database.read(rooms.by_id, request.room_id) is None and not request.block:
            raise NotFound("This server does not know that room.")
        now = now_ms(self.clock)

        def close(tx: Write) -> None:
            closed_rooms.close(tx, ClosedRoom(request.room_id, DELETING, by, request.reason, now))
            if request.block:
                closed_rooms.close(tx, ClosedRoom(request.room_id, BLOCKED, by, request.reason, now))

        return await self.jobs.enqueue(NAME, request.room_id, request.to_json(), by, together_with=close)

    def may_cancel(self, job: StoredJob) -> bool:
        """Until the room is shut."""
        return job.place.get("phase", "") in _LEAVABLE

    def conclude(self, tx: Write, job: StoredJob, state: str) -> None:
        """The room may be entered again, if it is not blocked; but not what is half deleted."""
        if state in {DONE, CANCELLED} or self.may_cancel(job):
            closed_rooms.reopen(tx, RoomID(job.subject), DELETING)

    async def run(self, work: Work) -> JSONObject:
        """The room is deleted, from where it was left."""
        request = request_of(work.job.parameters)
        room = await self.database.read(rooms.by_id, request.room_id)
        if "phase" not in work.place:
            await work.note(Step(place=await self._begin(request, None if room is None else room.nid)))
        if work.place["phase"] == EVICT:
            await self._evict(work, request)
        if not request.purge or (room is None and "nid" not in work.place):
            return _result(work)
        deleted = DeletedRoom(int(str(work.place["nid"])), request.room_id)
        if work.place["phase"] == FAREWELL:
            await self._farewell(work, request.room_id)
            events, _ = await self.database.scan(room_purge.count, deleted.nid)
            await work.step(self._shut, deleted, {**work.place, "events": events}, work.done + events)
        await self._delete(work, deleted)
        return _result(work)

    async def _begin(self, request: DeletionRequest, nid: int | None) -> JSONObject:
        place: JSONObject = {"phase": EVICT, "after": "", "evicted": 0, "failed": [], "events": 0}
        if nid is not None:
            count, before = await self.database.scan(room_purge.count, nid)
            place.update(nid=nid, events=count, log_from=before)
        if request.refuge is not None and nid is not None:
            place["refuge"] = await self.evicting.open_refuge(request.refuge)
        return place

    async def _evict(self, work: Work, request: DeletionRequest) -> None:
        refuge = work.place.get("refuge")
        refuge_id = None if refuge is None else RoomID(str(refuge))
        while some := await self.evicting.after(request.room_id, str(work.place["after"])):
            failed: list[JSON] = [*_names(work.place["failed"])]
            evicted = int(str(work.place["evicted"]))
            for user_id, membership in some:
                if not await self.evicting.evict(request.room_id, user_id, request.reason):
                    failed.append(user_id)
                    continue
                evicted += 1
                if refuge_id is not None and membership == "join":
                    await self.evicting.bring(user_id, refuge_id)
            place: JSONObject = {**work.place, "after": some[-1][0], "evicted": evicted, "failed": failed[:FAILED_MAX]}
            await work.note(Step(len(some), place=place))
        await self.evicting.move_aliases(request.room_id, refuge_id)
        await work.note(Step(place={**work.place, "phase": FAREWELL}))

    async def _farewell(self, work: Work, room_id: RoomID) -> None:
        deadline = self.clock.seconds() + self.farewell_seconds
        while self.clock.seconds() < deadline:
            if all([await each.is_told(room_id) for each in self.belongings]):
                return
            await work.sleep(FAREWELL_LOOK_SECONDS)

    async def _delete(self, work: Work, room: DeletedRoom) -> None:
        while work.place["phase"] != LAST:
            if work.place["phase"] == ROWS:
                await work.repeat(self._rows, room, {**work.place, "phase": EVENTS})
            elif work.place["phase"] == EVENTS:
                await work.repeat(self._events, room, {**work.place, "phase": LOG})
            else:
                await work.repeat(self._log, room, int(str(work.place["log_from"])), {**work.place, "phase": LAST})
        while not (await work.step(self._last, room)).is_last:
            # Somebody has written something of the room while it went: that goes, too.
            await work.repeat(self._rows, room, work.place)
            await work.repeat(self._events, room, work.place)

    # Within transactions.

    def _shut(self, tx: Write, _: int, room: DeletedRoom, place: JSONObject, total: int) -> Step:
        room_purge.shut(tx, room)
        return Step(place={**place, "phase": ROWS}, total=total)

    def _rows(self, tx: Write, limit: int, room: DeletedRoom, after: JSONObject) -> Step:
        deleted = room_purge.delete_members(tx, room, limit)
        deleted = deleted or room_purge.TABLES.delete_of_room(tx, room, limit)
        for belongings in self.belongings:
            deleted = deleted or belongings.delete_of_room(tx, room, limit)
        return Step(is_last=not deleted, place=None if deleted else after)

    def _events(self, tx: Write, limit: int, room: DeletedRoom, after: JSONObject) -> Step:
        found = room_purge.some_events(tx.connection, room, limit)
        gone = room_purge.delete_events(tx, room.room_id, found)
        if gone:
            for belongings in self.belongings:
                belongings.delete_of_events(tx, gone)
        return Step(len(gone), is_last=not gone, place=None if gone else after)

    def _log(self, tx: Write, limit: int, room: DeletedRoom, after: int, then: JSONObject) -> Step:
        job = jobs.active(tx.connection, NAME, room.room_id)
        assert job is not None, "it is under way"
        upto, is_head = room_purge.blank_log(tx, room, max(after, int(str(job.place["log_from"]))), limit)
        return Step(is_last=is_head, place={**then, "log_from": upto, "phase": LAST if is_head else LOG})

    def _last(self, tx: Write, _: int, room: DeletedRoom) -> Step:
        some = room_purge.some_events(tx.connection, room, 1)
        left = bool(some) or not self._rows(tx, 1, room, {}).is_last
        if not left:
            room_purge.delete_room(tx, room)
        return Step(is_last=not left)


def _names(value: object) -> Sequence[str]:
    return [str(name) for name in value] if isinstance(value, list) else []


def _result(work: Work) -> JSONObject:
    """What is told when all is done."""
    place = work.place
    return {
        "evicted": place.get("evicted", 0),
        "failed": place.get("failed", []),
        "events": place.get("events", 0),
        "refuge": place.get("refuge"),
    }
