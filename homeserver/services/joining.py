"""
Joining, and asking to be let in.

Spec: client-server-api#joining-rooms
"""

from collections.abc import Mapping, Sequence

from attrs import define

from homeserver.core.auth_events import CREATE, JOIN_RULES, POWER_LEVELS
from homeserver.core.authorization.situation import Situation
from homeserver.core.canonical import JSON
from homeserver.core.drafts import Draft
from homeserver.core.events import StateKey
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of
from homeserver.core.restricted_joins import allowed_rooms
from homeserver.services.callers import Caller
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.member_content import MemberContent
from homeserver.services.member_guards import MemberChange
from homeserver.services.memberships import Memberships
from homeserver.services.ports import RemoteRooms
from homeserver.services.refusals import Forbidden, GuestsForbidden, UnableToAuthorizeJoin, UnableToGrantJoin
from homeserver.services.timeline import Timeline


@define(eq=False)
class Joining:
    """Brings users of this server into rooms."""

    server: ServerName
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    memberships: Memberships
    member_content: MemberContent
    remote: RemoteRooms

    async def join(
        self,
        caller: Caller,
        room_id: RoomID,
        via: Sequence[ServerName] = (),
        *,
        reason: str | None = None,
    ) -> None:
        """
        The caller is in the room.  *via*: servers that may know it.

        Raises Forbidden, NotFound, Unreachable.
        """
        self.live_rooms.require_open(room_id)
        user_id = caller.user_id
        content = await self.member_content.of(user_id, "join", reason)
        room = await self.live_rooms.find(room_id)
        if room is not None and user_id in room.joined:
            return
        if caller.is_guest:
            await self._require_guest_access(room)
        if room is None or self.server not in room.servers:
            await self.timeline.member_guards.check(MemberChange(room_id, user_id, user_id, "join"))
            await self.remote.join(user_id, room_id, [*via, *await self._inviters(user_id, room_id)], content)
            return
        try:
            authorizer = await self.authorizer(room, user_id)
        except (UnableToAuthorizeJoin, UnableToGrantJoin) as refusal:
            # Somebody of another server may let the user in where nobody here may.
            others = [server for server in [*via, *room.servers] if server != self.server]
            if not others:
                raise Forbidden("Nobody can tell that you are in a room whose members may join this one.") from refusal
            await self.timeline.member_guards.check(MemberChange(room_id, user_id, user_id, "join"))
            await self.remote.join(user_id, room_id, others, content)
            return
        if authorizer is not None:
            content["join_authorised_via_users_server"] = authorizer
        await self.timeline.send(room_id, Draft("m.room.member", user_id, content, user_id))

    async def knock(
        self, caller: Caller, room_id: RoomID, via: Sequence[ServerName] = (), *, reason: str | None = None
    ) -> None:
        """
        The room knows that the caller asks to be let in.  Raises Forbidden, NotFound, Unreachable.

        Spec: client-server-api#knocking-on-rooms
        """
        self.live_rooms.require_open(room_id)
        user_id = caller.user_id
        content = await self.member_content.of(user_id, "knock", reason)
        room = await self.live_rooms.find(room_id)
        if room is None or self.server not in room.servers:
            await self.timeline.member_guards.check(MemberChange(room_id, user_id, user_id, "knock"))
            await self.remote.knock(user_id, room_id, via, content)
            return
        await self.timeline.send(room_id, Draft("m.room.member", user_id, content, user_id))

    async def authorizer(self, room: LiveRoom, user_id: UserID) -> UserID | None:
        """
        Who of this server lets the user in by the conditions of a restricted room; None when nobody needs to.

        Raises Forbidden when the user meets none of them, UnableToAuthorizeJoin when this server cannot tell,
        UnableToGrantJoin when nobody of this server may let users in.
        Spec: client-server-api#restricted-rooms
        """
        situation = await self._situation(room, user_id)
        if situation.join_rule not in room.version.auth.restricted:
            return None
        if situation.membership(user_id) in {"join", "invite"}:
            return None
        if situation.membership(user_id) == "ban":
            raise Forbidden("You are banned from this room.")
        join_rules = situation.state.get(JOIN_RULES)
        await self._require_condition(user_id, {} if join_rules is None else join_rules.content)
        level = situation.levels.named("invite")
        for member in sorted(room.joined, key=situation.level, reverse=True):
            if server_of(member) == self.server and situation.level(member) >= level:
                return member
        raise UnableToGrantJoin

    async def _require_condition(self, user_id: UserID, join_rules: Mapping[str, JSON]) -> None:
        unknown = False
        for room_id in allowed_rooms(join_rules):
            room = await self.live_rooms.find(room_id)
            if room is None or self.server not in room.servers:
                unknown = True
            elif user_id in room.joined:
                return
        if unknown:
            raise UnableToAuthorizeJoin
        raise Forbidden("You are in none of the rooms whose members may join this one.")

    async def _situation(self, room: LiveRoom, user_id: UserID) -> Situation:
        keys: list[StateKey] = [CREATE, POWER_LEVELS, JOIN_RULES, ("m.room.member", user_id)]
        wanted = {key: room.state[key] for key in keys if key in room.state}
        found = await self.known.by_ids(wanted.values())
        state = {key: found[event_id].event for key, event_id in wanted.items()}
        return Situation.of(state, state[CREATE])

    async def _require_guest_access(self, room: LiveRoom | None) -> None:
        """Spec: client-server-api#guest-access"""
        event_id = None if room is None else room.state.get(("m.room.guest_access", ""))
        entry = None if event_id is None else await self.known.by_id(event_id)
        if entry is None or entry.event.content.get("guest_access") != "can_join":
            raise GuestsForbidden("Guests may not join this room.")

    async def _inviters(self, user_id: UserID, room_id: RoomID) -> list[ServerName]:
        """Servers that know the room because somebody of them invited the user."""
        row = (await self.memberships.of(user_id)).rows.get(room_id)
        return [] if row is None or row.membership != "invite" else [server_of(row.sender)]
