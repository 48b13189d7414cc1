"""
What rooms and people are called, in words for mail and for gateways.

Spec: client-server-api#calculating-the-display-name-for-a-room
"""

from collections.abc import Collection, Mapping
from typing import Final

from attrs import define

from homeserver.core.canonical import JSON
from homeserver.core.events import StateKey
from homeserver.core.identifiers import UserID
from homeserver.core.log import Position
from homeserver.core.mail.letters import one_line
from homeserver.services.known_events import KnownEvents
from homeserver.services.summaries import Summaries
from homeserver.services.sync.stripped import stripped_state
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership
from homeserver.store.windows import MEMBER

NAME_CHARACTERS_MAX: Final = 80
_NAME: Final[StateKey] = ("m.room.name", "")
_ALIAS: Final[StateKey] = ("m.room.canonical_alias", "")


@define(eq=False)
class RoomNames:
    """Names, as the room's state says them."""

    database: Database
    known: KnownEvents
    summaries: Summaries

    async def of_room(self, row: Membership, upto: Position) -> str:
        """The room's name for a member, by what there is: a name, an alias, or those who are in it."""
        state = await self._contents(row.room_nid, (_NAME, _ALIAS), upto)
        named = _text(state[_NAME], "name") or _text(state[_ALIAS], "alias")
        if named is not None:
            return named
        return await self.by_members(row, upto) or "An empty room"

    async def by_members(self, row: Membership, upto: Position) -> str | None:
        """What the user of *row* calls a room that has no name; None: nobody else is in it, or was."""
        heroes = (await self.summaries.of(row.room_nid, row.room_id, upto)).heroes(row.user_id)
        if not heroes:
            return None
        names = await self.of_users(row.room_nid, heroes, upto)
        return one_line(", ".join(names[hero] for hero in heroes), NAME_CHARACTERS_MAX)

    async def of_invite(self, row: Membership) -> tuple[str, str | None]:
        """Who invites, and to what, as far as the invite shows it."""
        shown = await stripped_state(self.database, self.known, row)
        contents: dict[object, JSON] = {
            (each.get("type"), each.get("state_key")): each.get("content") for each in shown if isinstance(each, dict)
        }
        sender = _text(contents.get((MEMBER, row.sender)), "displayname")
        name = _text(contents.get(_NAME), "name") or _text(contents.get(_ALIAS), "alias")
        # A name alone may be anybody's.
        return row.sender if sender is None else f"{sender} ({row.sender})", name

    async def of_users(self, room_nid: int, users: Collection[UserID], upto: Position) -> Mapping[UserID, str]:
        """What each is called in the room; who has no name there is called by their ID."""
        keys = {user_id: (MEMBER, str(user_id)) for user_id in users}
        state = await self._contents(room_nid, list(keys.values()), upto)
        return {user_id: _text(state[key], "displayname") or user_id for user_id, key in keys.items()}

    async def _contents(self, room_nid: int, keys: Collection[StateKey], upto: Position) -> dict[StateKey, JSON]:
        ids = await self.database.read(windows.entry_ids, room_nid, keys, upto)
        events = await self.known.by_ids([event_id for event_id in ids.values() if event_id is not None])
        contents: dict[StateKey, JSON] = dict.fromkeys(keys)
        for key, event_id in ids.items():
            if event_id is not None and event_id in events:
                contents[key] = dict(events[event_id].event.content)
        return contents


def _text(content: JSON, name: str) -> str | None:
    text = content.get(name) if isinstance(content, dict) else None
    return one_line(text, NAME_CHARACTERS_MAX) or None if isinstance(text, str) else None
