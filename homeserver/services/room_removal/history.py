"""What was said in a room before some moment is deleted in the background."""

from typing import Final

from attrs import define, field, frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID, UserID
from homeserver.services.jobs.service import Jobs
from homeserver.services.jobs.work import Step, Work
from homeserver.services.known_events import KnownEvents
from homeserver.services.refusals import InvalidParameter, NotFound
from homeserver.services.room_removal.ports import RoomBelongings
from homeserver.store import history_purge, rooms
from homeserver.store.database import Database
from homeserver.store.history_purge import BEGINNING, Cut, Purged
from homeserver.store.jobs import StoredJob
from homeserver.store.room_tables import DeletedRoom
from homeserver.store.write import Write

NAME: Final = "purge_history"
TIMELINE, ASIDE = "timeline", "aside"


@frozen
class HistoryRequest:
    """Which history goes: that before a time (milliseconds since 1970), or before an event."""

    room_id: RoomID
    before_ts: int | None = None
    before_event: EventID | None = None


@define(eq=False)
class HistoryPurge:
    """Deletes old messages.  Implements ``jobs.service.JobKind``."""

    database: Database
    known: KnownEvents
    jobs: Jobs
    belongings: list[RoomBelongings] = field(factory=list)
    name: str = field(init=False, default=NAME)

    async def request(self, request: HistoryRequest, by: UserID | None) -> StoredJob:
        """Messages before the moment are being deleted.  Raises NotFound, InvalidParameter."""
        if (request.before_ts is None) == (request.before_event is None):
            raise InvalidParameter("Say before which time, or before which event.")
        room = await self.database.read(rooms.by_id, request.room_id)
        if room is None:
            raise NotFound("This server does not know that room.")
        parameters: JSONObject = {"before_ts": request.before_ts, "before_place": None, "nid": room.nid}
        if request.before_event is not None:
            entry = await self.known.by_id(request.before_event)
            if entry is None or entry.ordering is None or entry.event.room_id != request.room_id:
                raise NotFound("There is no such event in this room.")
            parameters |= {"before_place": entry.ordering, "aside_ts": entry.event.origin_server_ts}
        return await self.jobs.enqueue(NAME, request.room_id, parameters, by)

    def may_cancel(self, job: StoredJob) -> bool:
        """At any time: what is gone is gone, and the rest stays."""
        return True

    def conclude(self, tx: Write, job: StoredJob, state: str) -> None:
        """Nothing depends on it."""

    async def run(self, work: Work) -> JSONObject:
        """The messages are gone."""
        parameters = work.job.parameters
        room = DeletedRoom(int(str(parameters["nid"])), RoomID(work.job.subject))
        cut = Cut(_number(parameters["before_ts"]), _number(parameters["before_place"]))
        aside_ts = _number(parameters.get("aside_ts", parameters["before_ts"]))
        if "phase" not in work.place:
            total = await self.database.scan(history_purge.count, room.nid, cut)
            await work.note(Step(place={"phase": TIMELINE, "begin": BEGINNING}, total=total))
        await self.purge(work, room, cut, aside_ts)
        return {"events": work.done}

    async def purge(self, work: Work, room: DeletedRoom, cut: Cut, aside_ts: int | None) -> None:
        """The room's messages before the cut are gone, from where *work* is; other keys of its place stay."""
        while work.place["phase"] == TIMELINE:
            await work.step(self._timeline, room, cut, work.place)
        while work.place["phase"] == ASIDE and aside_ts is not None:
            if (await work.step(self._aside, room, aside_ts, work.place)).is_last:
                return

    def _timeline(self, tx: Write, limit: int, room: DeletedRoom, cut: Cut, place: JSONObject) -> Step:
        purged = history_purge.purge_timeline(tx, room, cut, int(str(place["begin"])), limit)
        then: JSONObject = {**place, "begin": purged.begin}
        return self._done(tx, purged, {**place, "phase": ASIDE, "begin": 0} if purged.is_last else then)

    def _aside(self, tx: Write, limit: int, room: DeletedRoom, before_ts: int, place: JSONObject) -> Step:
        purged = history_purge.purge_aside(tx, room, before_ts, int(str(place["begin"])), limit)
        return self._done(tx, purged, {**place, "begin": purged.begin})

    def _done(self, tx: Write, purged: Purged, place: JSONObject) -> Step:
        if purged.events:
            for belongings in self.belongings:
                belongings.delete_of_events(tx, purged.events)
        return Step(len(purged.events), purged.is_last, place)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
