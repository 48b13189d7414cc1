"""
Messages that have outlived what their room, or the server, allows are shown to nobody, and deleted soon after.

Spec: proposals/1763
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from attrs import define, field, frozen, validators
from twisted.internet.defer import Deferred

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import RoomID
from homeserver.core.log import EVENT, STATE, LogEntry
from homeserver.core.retention import RETENTION, Limit, Policy, Rules
from homeserver.services.clock import Clock, now_ms
from homeserver.services.jobs.service import Jobs
from homeserver.services.jobs.work import Step, Work
from homeserver.services.known_events import KnownEvents
from homeserver.services.room_removal.history import TIMELINE, HistoryPurge
from homeserver.store import jobs as stored_jobs
from homeserver.store import rooms, state
from homeserver.store.database import Database
from homeserver.store.failures import DatabaseFailure
from homeserver.store.history_purge import BEGINNING, Cut
from homeserver.store.jobs import StoredJob
from homeserver.store.room_tables import DeletedRoom
from homeserver.store.write import Write

NAME: Final = "retention"
DAY_MS: Final = 86_400_000
ROOMS_AT_ONCE: Final = 100
_DAYS: Final = validators.optional(validators.gt(0))


@frozen
class RetentionSettings:
    """How long messages are kept, by what rooms say in m.room.retention and by what this server says."""

    enabled: bool = False
    """Whether messages that have outlived their time are hidden and deleted. State is always kept."""
    default_max_days: float | None = field(default=None, validator=_DAYS)
    """How long messages are kept in rooms that say nothing. Unset: for ever."""
    default_min_days: float | None = field(default=None, validator=_DAYS)
    """How long they should be kept at least there, as clients are told. Unset: nothing is promised."""
    max_lifetime_least_days: float | None = field(default=None, validator=_DAYS)
    """A room cannot have messages deleted sooner. Unset: as soon as it likes."""
    max_lifetime_most_days: float | None = field(default=None, validator=_DAYS)
    """A room cannot have messages deleted later. Unset: as late as it likes."""
    min_lifetime_least_days: float | None = field(default=None, validator=_DAYS)
    """The least that a room may ask messages to be kept for. Unset: anything."""
    min_lifetime_most_days: float | None = field(default=None, validator=_DAYS)
    """The most that a room may ask messages to be kept for. Unset: anything."""
    interval_minutes: float = field(default=60.0, validator=validators.gt(0))
    """How often what has outlived its time is deleted; it is hidden at once."""

    @property
    def rules(self) -> Rules:
        """The same, as the rules take it."""
        return Rules(
            Policy(_ms(self.default_max_days), _ms(self.default_min_days)),
            Limit(_ms(self.max_lifetime_least_days), _ms(self.max_lifetime_most_days)),
            Limit(_ms(self.min_lifetime_least_days), _ms(self.min_lifetime_most_days)),
        )


@define(eq=False)
class Retention:
    """
    Knows how long each room keeps its messages, and deletes those that are older.

    Implements ``jobs.service.JobKind`` and ``visible_history.Horizon``.  Follows the log after *known*.
    """

    database: Database
    clock: Clock
    known: KnownEvents
    jobs: Jobs
    purge: HistoryPurge
    settings: RetentionSettings
    rooms_max: int = 50_000
    name: str = field(init=False, default=NAME)
    _rules: Rules = field(init=False)
    _lifetimes: OrderedDict[RoomID, int | None] = field(init=False, factory=OrderedDict)
    _changes: int = field(init=False, default=0)
    _timer: Any = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._rules = self.settings.rules

    # What is shown.

    async def oldest_shown(self, room_nid: int, room_id: RoomID) -> int | None:
        """Messages sent before this time (milliseconds) are shown to nobody; None: all are."""
        lifetime = await self._lifetime(room_nid, room_id)
        return None if lifetime is None else now_ms(self.clock) - lifetime

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Rooms that may say otherwise are asked again."""
        for entry in entries:
            if entry.kind == STATE or (entry.kind == EVENT and self._may_say(entry)):
                self._lifetimes.pop(RoomID(entry.subject), None)
                self._changes += 1

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """The room says nothing any more."""
        self._lifetimes.pop(room_id, None)
        self._changes += 1

    def configuration(self) -> JSONObject:
        """What clients are told: the policy of rooms that say nothing, and what rooms may say."""
        default = self._rules.default.to_json()
        limits = {"max_lifetime": self._rules.max_lifetime, "min_lifetime": self._rules.min_lifetime}
        return {
            "policies": {"*": default} if default else {},
            "limits": {name: told for name, limit in limits.items() if (told := limit.to_json())},
        }

    # What is deleted.

    async def start(self) -> None:
        """What has outlived its time is deleted again and again."""
        self._schedule()

    async def stop(self) -> None:
        """No round begins any more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    async def begin(self) -> StoredJob:
        """A round is under way."""
        return await self.jobs.enqueue(NAME, "", {})

    def may_cancel(self, job: StoredJob) -> bool:
        """At any time."""
        return True

    def conclude(self, tx: Write, job: StoredJob, state: str) -> None:
        """A round in which nothing was to be done is not worth a line in the list."""
        if not job.done and state == stored_jobs.DONE:
            stored_jobs.remove(tx, job.nid)

    async def run(self, work: Work) -> JSONObject:
        """In every room what has outlived its time is gone."""
        if "after" not in work.place:
            await work.note(Step(place={"after": 0}))
        while True:
            after = int(str(work.place["after"]))
            some = await self.database.scan(rooms.with_history_after, after, ROOMS_AT_ONCE)
            if not some:
                return {"events": work.done}
            for room in some:
                await self._purge(work, DeletedRoom(room.nid, room.room_id))

    async def _purge(self, work: Work, room: DeletedRoom) -> None:
        before = await self.oldest_shown(room.nid, room.room_id)
        place: JSONObject = {"after": room.nid}
        if before is None:
            work.place = place
            return
        if work.place.get("room") != room.nid:
            begun: JSONObject = {**work.place, "room": room.nid, "phase": TIMELINE, "begin": BEGINNING}
            await work.note(Step(place=begun))
        await self.purge.purge(work, room, Cut(before), before)
        await work.note(Step(place=place))

    async def _lifetime(self, room_nid: int, room_id: RoomID) -> int | None:
        if room_id in self._lifetimes:
            self._lifetimes.move_to_end(room_id)
            return self._lifetimes[room_id]
        changes = self._changes
        nid = await self.database.read(state.entry_as_of, room_nid, (RETENTION, ""), state.NOW)
        entry = None if nid is None else (await self.known.by_nids((nid,))).get(nid)
        lifetime = self._rules.effective(None if entry is None else entry.event.content).max_ms
        if changes == self._changes:
            self._lifetimes[room_id] = lifetime
            while len(self._lifetimes) > self.rooms_max:
                self._lifetimes.popitem(last=False)
        return lifetime

    def _may_say(self, entry: LogEntry) -> bool:
        event = self.known.cached_by_nid(entry.event_nid)
        return event is None or (event.event.type == RETENTION and event.event.is_state)

    def _schedule(self) -> None:
        self._timer = self.clock.callLater(self.settings.interval_minutes * 60, self._again)

    def _again(self) -> None:
        # A round that cannot begin now begins the next time.
        Deferred.fromCoroutine(self.begin()).addErrback(lambda failure: failure.trap(DatabaseFailure))
        self._schedule()


def _ms(days: float | None) -> int | None:
    return None if days is None else int(days * DAY_MS)
