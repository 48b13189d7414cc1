"""
Which events of a room a user may see, and what the user was to the room at each of them.

All that is asked of the store for a page, however long, is how two entries of the room's state changed: its history
visibility, and the user's own membership.

Spec: client-server-api#room-history-visibility
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

from attrs import define, field

from homeserver.core.events import Event
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.timeline import Ordering, TimelineEvent, ordering_at, position_of
from homeserver.core.visibility import DEFAULT_VISIBILITY, Visibility, may_see, visibility_of
from homeserver.services.erased_users import ErasedUsers, veil
from homeserver.services.known_events import KnownEvents
from homeserver.store import visibility
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.visibility import SETTING, KeyChange, VisibilityChanges

Seen: TypeAlias = tuple[TimelineEvent, str]
"""An event, and the membership of who sees it, with the change that the event itself makes."""


class Horizon(Protocol):
    """What says how old a message may be that anybody is shown."""

    async def oldest_shown(self, room_nid: int, room_id: RoomID) -> int | None:
        """Messages sent before this time (milliseconds) are shown to nobody; None: all are."""


@define(eq=False)
class VisibleHistory:
    """Holds events against the state before each, and messages against the horizon, where there is one."""

    database: Database
    known: KnownEvents
    erased: ErasedUsers | None = None
    """Whose events are veiled for who comes after them; None: nobody's."""
    horizon: Horizon | None = field(init=False, default=None)

    async def of(self, row: Membership, events: Sequence[TimelineEvent]) -> list[Seen]:
        """
        Those of *events* (of one timeline, in order, either way) that the user of *row* may see.

        Who was joined all the time sees everything, and nothing is read.
        """
        events = await self.within_horizon(row.room_nid, events)
        if not events:
            return []
        if row.membership == "join" and row.position <= min(_place(events[0]), _place(events[-1])) >> 20:
            return [(event, "join") for event in events]
        return await self.seen_by(row.user_id, row.room_nid, events)

    async def seen_by(self, user_id: UserID, room_nid: int, events: Sequence[TimelineEvent]) -> list[Seen]:
        """The same for anybody, whatever they are to the room; what has no place in the timeline nobody sees."""
        events = await self.within_horizon(room_nid, events)
        placed = [event for event in events if event.ordering is not None]
        if not placed:
            return []
        nids = [event.nid for event in placed]
        changes = await self.database.read(visibility.changes_for, room_nid, user_id, nids)
        judge = _Judge(user_id, changes, await self._settings(user_id, changes))
        found = ((event, judge.membership_if_seen(event)) for event in placed)
        seen = [(event, membership) for event, membership in found if membership is not None]
        return await self._veiled(room_nid, changes, seen)

    async def _veiled(self, room_nid: int, changes: VisibilityChanges, seen: list[Seen]) -> list[Seen]:
        """
        What erased users sent when the reader was not there is redacted, unless the reader came before they left.

        Spec: client-server-api#post_matrixclientv3accountdeactivate
        """
        senders = {entry.event.sender for entry, membership in seen if membership != "join"}
        if self.erased is None or not senders:
            return seen
        came = min((change.position for change in changes.memberships if change.membership == "join"), default=None)
        veiled: set[UserID] = set()
        for user_id in await self.erased.among(senders):
            own = await self.database.read(visibility.changes_for, room_nid, user_id)
            # Whoever ends an account leaves its rooms.
            if came is None or not own.memberships or came > own.memberships[-1].position:
                veiled.add(user_id)
        if not veiled:
            return seen
        return [
            (veil(entry) if membership != "join" and entry.event.sender in veiled else entry, membership)
            for entry, membership in seen
        ]

    async def memberships_at(
        self, row: Membership | None, user_id: UserID, room_nid: int, events: Sequence[TimelineEvent]
    ) -> Mapping[int, str]:
        """
        ``{event nid: what the user was to the room at the event, and by it}``, of the events that have a place.

        *row*: what they are to it now; None: nothing.
        """
        placed = [event for event in events if event.ordering is not None]
        known = {event.nid: joined_at(row, event) for event in placed}
        found = {nid: membership for nid, membership in known.items() if membership is not None}
        rest = [event for event in placed if event.nid not in found]
        if rest:
            changes = await self.database.read(visibility.changes_for, room_nid, user_id, [each.nid for each in rest])
            judge = _Judge(user_id, changes, await self._settings(user_id, changes))
            found.update((event.nid, judge.membership_at(event)) for event in rest)
        return found

    async def within_horizon(self, room_nid: int, events: Sequence[TimelineEvent]) -> Sequence[TimelineEvent]:
        """Those of *events*, of one room, that are not too old for everybody."""
        if self.horizon is None or not events:
            return events
        oldest = await self.horizon.oldest_shown(room_nid, events[0].event.room_id)
        if oldest is None:
            return events
        return [entry for entry in events if entry.event.is_state or entry.event.origin_server_ts >= oldest]

    async def _settings(self, user_id: UserID, changes: VisibilityChanges) -> Mapping[int, str]:
        """What the events say that the judgement refers to: a visibility, or a membership."""
        nids = {change.event_nid for change in changes.settings if change.event_nid is not None}
        for entries in changes.own.values():
            nids.update(entries.values())
        found = await self.known.by_nids(nids)
        return {
            nid: visibility_of(entry.event.content)
            if entry.event.type == SETTING[0]
            else entry.event.membership or "leave"
            for nid, entry in found.items()
        }


@define(eq=False)
class _Judge:
    """Looks up the state before each event, for one user."""

    user_id: UserID
    changes: VisibilityChanges
    said: Mapping[int, str]
    """{event nid: its visibility or membership}."""
    _setting_places: list[int] = field(init=False)
    _member_places: list[int] = field(init=False)
    _joined_last: Ordering | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._setting_places = [change.position for change in self.changes.settings]
        self._member_places = [change.position for change in self.changes.memberships]
        joins = [change.position for change in self.changes.memberships if change.membership == "join"]
        self._joined_last = ordering_at(joins[-1]) if joins else None

    def membership_if_seen(self, entry: TimelineEvent) -> str | None:
        """The user's membership at the event, and by it; None: the user may not see the event."""
        event = entry.event
        if _is_of(event, self.user_id):
            # NOTSPEC: by the letter, who declines an invite may not see that; but nothing else tells their other
            # clients.
            return event.membership or "leave"
        setting, membership = self._before(entry)
        admitted = may_see(
            event,
            self.user_id,
            visibility=setting,
            membership=membership,
            joined_later=self._joined_last is not None and self._joined_last > _place(entry),
        )
        return membership or "leave" if admitted else None

    def membership_at(self, entry: TimelineEvent) -> str:
        """The user's membership at the event, and by it, whether or not they may see it."""
        if _is_of(entry.event, self.user_id):
            return entry.event.membership or "leave"
        return self._before(entry)[1] or "leave"

    def _before(self, entry: TimelineEvent) -> tuple[Visibility, str | None]:
        """What counts of the state before the event: the setting, and the user's membership."""
        own = self.changes.own.get(entry.nid)
        if own is not None:
            setting_nid, member_nid = own.get(SETTING), own.get(("m.room.member", self.user_id))
            return self._visibility(setting_nid), None if member_nid is None else self.said.get(member_nid)
        position = position_of(_place(entry))
        setting = _newest_before(self.changes.settings, self._setting_places, position)
        if setting is None and self.changes.settings and position != entry.nid:
            # Older than all that is known of the room's state: what came first is the nearest to it.
            setting = self.changes.settings[0]
        member = _newest_before(self.changes.memberships, self._member_places, position)
        return (
            DEFAULT_VISIBILITY if setting is None else self._visibility(setting.event_nid),
            None if member is None else member.membership,
        )

    def _visibility(self, nid: int | None) -> Visibility:
        if nid is None or nid not in self.said:
            return DEFAULT_VISIBILITY
        return visibility_of({"history_visibility": self.said[nid]})


def joined_at(row: Membership | None, entry: TimelineEvent) -> str | None:
    """``join`` where *row* alone tells that its user was in the room at the event; None: they may have been."""
    if row is None or row.membership != "join" or entry.ordering is None:
        return None
    return "join" if row.position <= position_of(entry.ordering) or entry.nid == row.event_nid else None


def _is_of(event: Event, user_id: UserID) -> bool:
    return event.type == "m.room.member" and event.state_key == user_id


def _newest_before(changes: Sequence[KeyChange], places: Sequence[int], position: int) -> KeyChange | None:
    index = bisect_left(places, position)
    return changes[index - 1] if index else None


def _place(event: TimelineEvent) -> Ordering:
    assert event.ordering is not None, "an event of a timeline has a place"
    return event.ordering
