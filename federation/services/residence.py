"""
Letting users of other servers into rooms that this server is in, and out of them.

Spec: server-server-api#joining-rooms
"""

from collections.abc import Collection, Sequence
from typing import Final

from attrs import frozen

from federation.services.access import Access
from federation.services.pdu_checks import PduChecks
from homeserver.core.authorization.rules import check_event
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.event_signatures import sign_event
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, is_user_id, server_of
from homeserver.core.malformed import Malformed
from homeserver.core.pdu import parse_pdu, parse_unsigned_pdu
from homeserver.core.signatures import SigningKey
from homeserver.core.timeline import Status
from homeserver.core.verdicts import Denied
from homeserver.services.acceptance import Acceptance, MissingEvents
from homeserver.services.composing import Composer
from homeserver.services.inviting import Inviting
from homeserver.services.joining import Joining
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.member_guards import MemberChange
from homeserver.services.refusals import BadSignature, BadState, Forbidden, IncompatibleVersion, NotFound
from homeserver.services.room_states import RoomState, RoomStates
from homeserver.services.summaries import Summaries

MEMBER: Final = "m.room.member"
_TEMPLATE_ID: Final = EventID("$template")


@frozen(eq=False)
class Entrance:
    """
    A join that was let in: the event as it is in the room, the state before it, and what that state stands on.

    *servers*: those in the room before it.
    """

    event: Event
    state: Sequence[Event]
    auth_chain: Sequence[Event]
    servers: Sequence[ServerName]


@frozen(eq=False)
class Residence:
    """The rooms of this server, as others enter and leave them."""

    server: ServerName
    key: SigningKey
    checks: PduChecks
    access: Access
    composer: Composer
    acceptance: Acceptance
    known: KnownEvents
    live_rooms: LiveRooms
    states: RoomStates
    joining: Joining
    inviting: Inviting
    summaries: Summaries

    async def make(
        self,
        membership: str,
        origin: ServerName,
        room_id: RoomID,
        user_id: UserID,
        versions: Collection[str] | None = None,
    ) -> tuple[LiveRoom, JSONObject]:
        """
        A form for the membership (``join``, ``knock`` or ``leave``) of a user of *origin*, which may send it.

        *versions*: the room versions that *origin* knows; None: it does not matter.
        Raises NotFound, Forbidden, NotRecommended, IncompatibleVersion; in restricted rooms UnableToAuthorizeJoin,
        UnableToGrantJoin.
        """
        if server_of(user_id) != origin:
            raise Forbidden(f"{origin} cannot speak for {user_id}.")
        if membership != "leave":
            self.live_rooms.require_open(room_id)
        room = await self._room(origin, room_id)
        if versions is not None and room.version.id not in versions:
            raise IncompatibleVersion(room.version.id)
        await self._require_no_guard(room_id, user_id, membership)
        content: JSONObject = {"membership": membership}
        if membership == "join":
            authorizer = await self.joining.authorizer(room, user_id)
            if authorizer is not None:
                content["join_authorised_via_users_server"] = authorizer
        draft = Draft("m.room.member", user_id, content, user_id)
        template = await self.composer.template(room, draft)
        await self._require_allowed(room, draft, template)
        return room, template

    async def send_join(
        self, origin: ServerName, room_id: RoomID, event_id: EventID, pdu: JSONObject, *, omit_members: bool = False
    ) -> Entrance:
        """
        The user has joined.  Raises Malformed, Forbidden, NotFound.

        *omit_members*: the answer has no member events but of those whom the room is named after and those that others
        stand on, and nothing twice.
        """
        self.live_rooms.require_open(room_id)
        room = await self._room(origin, room_id)
        event = await self._checked(room, origin, event_id, pdu, "join")
        servers = list(room.servers)
        await self._accept(event)
        entry = await self.known.by_id(event.event_id)
        assert entry is not None, "an accepted event is stored"
        state = await self.states.before(room.nid, entry)
        assert state is not None, "an accepted event has a known state"
        named_after = await self._named_after(room, state, event.sender) if omit_members else frozenset()
        wanted = [each for key, each in state.items() if not omit_members or key[0] != MEMBER or key[1] in named_after]
        events = [each.event for each in (await self.known.by_ids(wanted)).values()]
        chain = await self.auth_chain([*events, event])
        if omit_members:
            shown = {each.event_id for each in events}
            chain = [each for each in chain if each.event_id not in shown]
        return Entrance(event, events, chain, servers)

    async def send_leave(self, origin: ServerName, room_id: RoomID, event_id: EventID, pdu: JSONObject) -> None:
        """The user has left.  Raises Malformed, Forbidden, NotFound."""
        room = await self._room(origin, room_id)
        await self._accept(await self._checked(room, origin, event_id, pdu, "leave"))

    async def send_knock(self, origin: ServerName, room_id: RoomID, event_id: EventID, pdu: JSONObject) -> list[Event]:
        """The user has knocked; answers what the room shows of itself.  Raises as ``send_leave``."""
        self.live_rooms.require_open(room_id)
        room = await self._room(origin, room_id)
        event = await self._checked(room, origin, event_id, pdu, "knock")
        await self._accept(event)
        return await self.inviting.room_state(room, event.sender)

    async def auth_chain(self, events: Sequence[Event]) -> list[Event]:
        """All that the events cite, directly or not."""
        chain: dict[EventID, Event] = {}
        wanted = {event_id for event in events for event_id in event.auth_events}
        while wanted:
            found = await self.known.by_ids(wanted)
            chain.update((event_id, entry.event) for event_id, entry in found.items())
            cited = {event_id for entry in found.values() for event_id in entry.event.auth_events}
            wanted = cited - chain.keys()
        return list(chain.values())

    async def _named_after(self, room: LiveRoom, state: RoomState, user_id: UserID) -> Collection[str]:
        """Whom the user sees the room named after; nobody where it has a name."""
        if any((kind, "") in state for kind in ("m.room.name", "m.room.canonical_alias")):
            return ()
        summary = await self.summaries.of(room.nid, room.room_id, self.live_rooms.database.head)
        return summary.heroes(user_id)

    async def _room(self, origin: ServerName, room_id: RoomID) -> LiveRoom:
        room = await self.live_rooms.find(room_id)
        if room is None or self.server not in room.servers:
            raise NotFound("This server is not in that room.")
        await self.access.require(room, origin)
        return room

    async def _require_allowed(self, room: LiveRoom, draft: Draft, template: JSONObject) -> None:
        try:
            event = parse_unsigned_pdu(template, room.version, _TEMPLATE_ID)
        except Malformed as malformed:
            raise Forbidden(malformed.reason) from malformed
        verdict = check_event(event, await self.composer.auth_state(room, draft))
        if isinstance(verdict, Denied):
            raise Forbidden(f"The rules of this room do not allow it ({verdict.rule}).")

    async def _checked(
        self, room: LiveRoom, origin: ServerName, event_id: EventID, pdu: JSONObject, membership: str
    ) -> Event:
        event = parse_pdu(pdu, room.version)
        if event.event_id != event_id or event.room_id != room.room_id:
            raise Malformed("The event is not the one that the path names.", code="M_INVALID_PARAM")
        if event.membership != membership or event.state_key != event.sender:
            raise Malformed(f"The event is not the {membership} of its sender.", code="M_INVALID_PARAM")
        if server_of(event.sender) != origin:
            raise Malformed(f"{origin} cannot speak for {event.sender}.", "sender", "M_INVALID_PARAM")
        if membership == "join":
            # Since v8: we vouch for whom we let in.
            if _is_of(event.content.get("join_authorised_via_users_server"), self.server):
                await self.joining.authorizer(room, event.sender)
            # Spec: server-server-api#joining-rooms: the resident server signs every join.
            event = sign_event(event, self.server, self.key)
        try:
            event = await self.checks.check(event)
        except BadSignature as unsigned:
            raise Malformed(unsigned.reason, "signatures", "M_INVALID_PARAM") from unsigned
        await self._require_no_guard(room.room_id, event.sender, membership)
        return await self.joining.timeline.recommended(room, event)

    async def _require_no_guard(self, room_id: RoomID, user_id: UserID, membership: str) -> None:
        await self.joining.timeline.member_guards.check(MemberChange(room_id, user_id, user_id, membership))

    async def _accept(self, event: Event) -> None:
        try:
            status = await self.acceptance.accept(event, relayed=True)
        except MissingEvents as missing:
            raise BadState("The event refers to events that this server does not have.") from missing
        if status is not Status.ACCEPTED:
            raise Forbidden("The rules of this room do not allow it.")


def _is_of(user_id: JSON, server: ServerName) -> bool:
    return isinstance(user_id, str) and is_user_id(user_id) and server_of(UserID(user_id)) == server
