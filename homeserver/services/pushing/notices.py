"""
Pushes as gateways get them, made when they are sent: they tell how things are then.
"""

from attrs import define, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.push_notices import RoomShown, badge_notice, brief_notice, device_json, event_notice
from homeserver.core.pushers import Pusher
from homeserver.core.timeline import TimelineEvent
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.pushing.badges import Badges
from homeserver.services.pushing.dues import Due
from homeserver.services.room_names import RoomNames
from homeserver.services.threads import Threads
from homeserver.store import memberships as stored_memberships
from homeserver.store import windows
from homeserver.store.database import Database

_NAME: StateKey = ("m.room.name", "")
_ALIAS: StateKey = ("m.room.canonical_alias", "")


@frozen(eq=False)
class Addressee:
    """The pusher that is told.  *set_ms*: when it was set."""

    user_id: UserID
    pusher: Pusher
    set_ms: int


@define(eq=False)
class Notices:
    """Makes them."""

    database: Database
    tail: LogTail
    known: KnownEvents
    memberships: Memberships
    threads: Threads
    badges: Badges
    names: RoomNames
    include_content: bool

    async def of(self, due: Due, to: Addressee) -> JSONObject | None:
        """What tells of an event; None: there is nothing to tell any more, as it is read, or gone."""
        event = (await self.known.by_nids((due.event_nid,))).get(due.event_nid)
        if event is None or event.redacted_by is not None or due.actions is None:
            return None
        if await self._is_read(event, to.user_id):
            return None
        unread = await self.badges.of(to.user_id)
        device = device_json(to.pusher, to.set_ms, due.actions.tweaks)
        if to.pusher.is_event_id_only or not self.include_content:
            return brief_notice(event.event, due.actions, unread, device)
        shown = await self._shown(due, event, to.user_id)
        return event_notice(event.event, to.user_id, due.actions, unread, shown, device)

    def badge(self, unread: int, to: Addressee) -> JSONObject:
        """What tells how much is unread, and no more."""
        return badge_notice(unread, device_json(to.pusher, to.set_ms))

    async def _is_read(self, event: TimelineEvent, user_id: UserID) -> bool:
        if event.ordering is None:
            return False
        row = (await self.memberships.of(user_id)).joined.get(event.event.room_id)
        if row is None:
            # An invite, or a room that has been left since.
            return event.event.state_key != user_id
        thread_id = await self.threads.of(event.event)
        return await self.badges.unread.has_read(row, thread_id, event.ordering, self.tail.head)

    async def _shown(self, due: Due, event: TimelineEvent, user_id: UserID) -> RoomShown:
        keys = (_NAME, _ALIAS, ("m.room.member", event.event.sender))
        if event.ordering is None:
            state = await self._shown_to_invited(due, event)
        else:
            ids = await self.database.read(windows.entry_ids, due.room_nid, keys, self.tail.head)
            events = await self.known.by_ids([event_id for event_id in ids.values() if event_id is not None])
            state = {key: _content(events, event_id) for key, event_id in ids.items()}
        name, alias = _text(state.get(_NAME), "name"), _text(state.get(_ALIAS), "alias")
        if name is None and alias is None:
            name = await self._by_members(event, user_id)
        return RoomShown(_text(state.get(keys[2]), "displayname"), name, alias)

    async def _by_members(self, event: TimelineEvent, user_id: UserID) -> str | None:
        """
        What clients call a room that has no name.

        Spec: client-server-api#calculating-the-display-name-for-a-room
        """
        row = (await self.memberships.of(user_id)).joined.get(event.event.room_id)
        return None if row is None else await self.names.by_members(row, self.tail.head)

    async def _shown_to_invited(self, due: Due, invite: TimelineEvent) -> dict[StateKey, JSON]:
        rows = await self.database.read(
            stored_memberships.of_users, due.room_nid, (UserID(invite.event.state_key or ""),)
        )
        stripped = [each for row in rows for each in row.stripped_state or ()]
        return {(str(each.get("type")), str(each.get("state_key"))): each.get("content") for each in stripped}


def _content(events: dict[EventID, TimelineEvent], event_id: EventID | None) -> JSON:
    event = None if event_id is None else events.get(event_id)
    return None if event is None else dict(event.event.content)


def _text(content: JSON, name: str) -> str | None:
    text = content.get(name) if isinstance(content, dict) else None
    return text if isinstance(text, str) and text else None
