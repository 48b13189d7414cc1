"""
Everything about a user's rooms at one moment, or about one room that may be looked into.

Spec: client-server-api#get_matrixclientv3roomsroomidinitialsync
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import orjson
from attrs import define

from homeserver.core.account_data import PUSH_RULES
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.client_events import client_form
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.presence import presence_event
from homeserver.core.sync_tokens import SyncToken
from homeserver.services.aliases import Aliases
from homeserver.services.callers import Caller
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.messages import Messages, PageRequest
from homeserver.services.presence import PresenceBoard
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.refusals import NotInRoom
from homeserver.services.room_reading import RoomReading
from homeserver.services.sync.pacing import Pace
from homeserver.store import account_data
from homeserver.store.account_data import AccountDatum
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

LIMIT_DEFAULT: Final = 20
LIMIT_MAX: Final = 100
"""Messages of each room."""
SHOWN_MEMBERSHIPS: Final = frozenset({"invite", "join", "leave", "ban"})
"""Others have no form here."""


@define(eq=False)
class Snapshots:
    """Puts together what others know."""

    clock: Clock
    database: Database
    tail: LogTail
    serial: EphemeralSerial
    known: KnownEvents
    memberships: Memberships
    messages: Messages
    reading: RoomReading
    aliases: Aliases
    ignored: IgnoredUsers
    presence: PresenceBoard
    push_rules: PushRuleBook

    async def everything(self, caller: Caller, limit: int, *, archived: bool) -> JSONObject:
        """All rooms that the caller is in or invited to, with *archived* those that they left, and all else."""
        # What happens while this is read comes with the events after it, perhaps a second time.
        end = SyncToken(self.tail.head, self.serial.head)
        rooms = await self.memberships.of(caller.user_id)
        data = await self.database.read(account_data.all_of, caller.user_id)
        by_room = _by_room(data)
        ignored = await self.ignored.of(caller.user_id)
        pace = Pace(self.clock)
        shown: list[JSON] = []
        for row in rooms.rows.values():
            await pace.step()
            room = await self._room_of(caller, row, limit, by_room.get(row.room_id, ()), ignored, archived=archived)
            if room is not None:
                shown.append(room)
        rules: JSON = {"type": PUSH_RULES, "content": {"global": await self.push_rules.ruleset(caller.user_id)}}
        now = now_ms(self.clock)
        present = self.presence.present_in(frozenset(rooms.joined)) if self.presence.settings.enabled else ()
        return {
            "end": str(end),
            "rooms": shown,
            "presence": [presence_event(user_id, presence, now) for user_id, presence in present],
            "account_data": [*_account_data(by_room.get(RoomID(""), ())), rules],
        }

    async def room(self, caller: Caller, room_id: RoomID, limit: int = LIMIT_DEFAULT) -> JSONObject:
        """One room, as far as the caller may look into it.  Raises NotInRoom."""
        row = (await self.memberships.of(caller.user_id)).rows.get(room_id)
        data = _by_room(await self.database.read(account_data.all_of, caller.user_id))
        shown = await self._inside(caller, room_id, limit, data.get(room_id, ()))
        if row is not None and row.membership in SHOWN_MEMBERSHIPS:
            shown["membership"] = row.membership
        return shown

    async def _room_of(
        self,
        caller: Caller,
        row: Membership,
        limit: int,
        data: Iterable[AccountDatum],
        ignored: frozenset[UserID],
        *,
        archived: bool,
    ) -> JSONObject | None:
        if row.membership == "invite":
            return None if row.sender in ignored else await self._invite(row)
        is_shown = row.membership == "join" or (archived and row.membership in SHOWN_MEMBERSHIPS and not row.forgotten)
        if not is_shown:
            return None
        try:
            shown = await self._inside(caller, row.room_id, limit, data)
        except NotInRoom:
            # Who was invited and declined was never in it.
            return {"room_id": row.room_id, "membership": row.membership}
        return {**shown, "membership": row.membership}

    async def _invite(self, row: Membership) -> JSONObject:
        shown: JSONObject = {"room_id": row.room_id, "membership": "invite"}
        found = {} if row.event_nid is None else await self.known.by_nids((row.event_nid,))
        for entry in found.values():
            shown["invite"] = client_form(entry.event)
        return shown

    async def _inside(self, caller: Caller, room_id: RoomID, limit: int, data: Iterable[AccountDatum]) -> JSONObject:
        request = PageRequest(backward=True, limit=min(limit, LIMIT_MAX))
        page = await self.messages.page(caller, room_id, request)
        newest_first = page["chunk"]
        assert isinstance(newest_first, list), "a page has events"
        messages: JSONObject = {"chunk": newest_first[::-1], "end": page["start"]}
        if "end" in page:
            messages["start"] = page["end"]
        return {
            "room_id": room_id,
            "messages": messages,
            "state": await self.reading.state(caller, room_id),
            "visibility": "public" if await self.aliases.is_published(room_id) else "private",
            "account_data": _account_data(data),
        }


def _by_room(data: Sequence[AccountDatum]) -> Mapping[RoomID, Sequence[AccountDatum]]:
    """What is the account's own is that of no room."""
    by_room: dict[RoomID, list[AccountDatum]] = {}
    for datum in data:
        by_room.setdefault(RoomID(datum.room_id), []).append(datum)
    return by_room


def _account_data(data: Iterable[AccountDatum]) -> list[JSON]:
    return [
        {"type": datum.type, "content": orjson.Fragment(datum.content or b"{}")}  # type: ignore[dict-item]
        for datum in data
    ]
