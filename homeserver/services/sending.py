"""
What members send to rooms: messages, state, redactions.

Spec: client-server-api#sending-events-to-a-room
"""

from collections.abc import Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from homeserver.core.auth_events import CREATE, POWER_LEVELS
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft, Transaction
from homeserver.core.identifiers import (
    DeviceID,
    EventID,
    RoomAlias,
    RoomID,
    ServerName,
    UserID,
    parse_room_alias,
    parse_user_id,
    server_of,
)
from homeserver.core.instant_messages import check_message
from homeserver.core.malformed import Malformed
from homeserver.core.power_levels import power_levels_of
from homeserver.core.relations import THREAD, relation_of
from homeserver.services.aliases import Aliases
from homeserver.services.annotations import AnnotationOnce, annotation_of
from homeserver.services.callers import Caller
from homeserver.services.companions import Beside
from homeserver.services.inviting import Inviting
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRoom, LiveRooms
from homeserver.services.refusals import BadAlias, Forbidden, NestedThread, NotFound, NotInRoom, Refusal, Suspended
from homeserver.services.timeline import Timeline


@frozen
class Extras:
    """
    What else goes with an event: *fields* at its top, *besides* what is written with it.

    *transaction*: under which it is known to the client, in the place of the client's own.
    """

    fields: Mapping[str, JSON] = field(factory=dict)
    besides: Sequence[Beside] = ()
    transaction: Transaction | None = None


NO_EXTRAS: Final = Extras()


@define(eq=False)
class Sending:
    """Sends events in the name of local users."""

    server: ServerName
    known: KnownEvents
    live_rooms: LiveRooms
    timeline: Timeline
    inviting: Inviting
    aliases: Aliases

    async def send_message(
        self,
        caller: Caller,
        room_id: RoomID,
        event_type: str,
        content: JSONObject,
        transaction_id: str | None,
        origin_server_ts: int | None = None,
        extras: Extras = NO_EXTRAS,
    ) -> EventID:
        """
        The message is in the room, once for each transaction ID.

        Raises NotInRoom, Forbidden, Malformed, DuplicateAnnotation, NestedThread.

        *origin_server_ts*: application services may state it.
        """
        redacts = content.get("redacts") if event_type == "m.room.redaction" else None
        if isinstance(redacts, str):
            await self._require_may_redact(caller, room_id, EventID(redacts))
        elif caller.is_suspended:
            raise Suspended
        draft = Draft(
            event_type,
            caller.user_id,
            content,
            redacts=EventID(redacts) if isinstance(redacts, str) else None,
            origin_server_ts=origin_server_ts,
            transaction=extras.transaction or _transaction(caller, transaction_id),
            fields=extras.fields,
        )
        check_message(event_type, content)
        await self._require_root(room_id, content)
        annotation = annotation_of(caller.user_id, event_type, content)
        if annotation is None:
            return await self.timeline.send(room_id, draft, extras.besides)
        sent = await self.timeline.said_before(room_id, draft, annotation)
        return sent or await self.timeline.send(room_id, draft, (*extras.besides, AnnotationOnce(annotation)))

    async def _require_root(self, room_id: RoomID, content: JSONObject) -> None:
        """
        What starts or goes on with a thread does so from an event that relates to no other.

        Spec: client-server-api#validation-of-mthread-relationships
        """
        relation = relation_of(content)
        if relation is None or relation.rel_type != THREAD:
            return
        root = await self.known.by_id(relation.event_id)
        if root is not None and root.event.room_id == room_id and relation_of(root.event.content) is not None:
            raise NestedThread

    async def send_state(
        self,
        caller: Caller,
        room_id: RoomID,
        event_type: str,
        state_key: str,
        content: JSONObject,
        origin_server_ts: int | None = None,
        extras: Extras = NO_EXTRAS,
    ) -> EventID:
        """The room's state has the entry.  Raises NotInRoom, Forbidden, Malformed, BadAlias."""
        # Leaving is what the suspended may do, by this way as well.
        if caller.is_suspended and (event_type, state_key, content.get("membership")) != _leaving(caller.user_id):
            raise Suspended
        room = await self.live_rooms.load(room_id)
        if event_type == "m.room.canonical_alias":
            await self._require_aliases(room, content)
        if event_type == "m.room.member" and _is_remote_invite(content, state_key, self.server):
            # Its server must sign and be told, and the event is made by that.
            return await self.inviting.invite_as(caller.user_id, room_id, parse_user_id(state_key), content)
        draft = Draft(
            event_type,
            caller.user_id,
            content,
            state_key,
            origin_server_ts=origin_server_ts,
            transaction=extras.transaction,
            fields=extras.fields,
        )
        return await self.timeline.send(room_id, draft, extras.besides)

    async def redact(
        self,
        caller: Caller,
        room_id: RoomID,
        event_id: EventID,
        transaction_id: str | None,
        content: JSONObject,
        besides: Sequence[Beside] = (),
    ) -> EventID:
        """
        The event has lost what the room version does not protect; answers the ID of the redaction.

        *besides* is written with it.  Raises NotInRoom, NotFound, Forbidden.
        """
        draft = Draft(
            "m.room.redaction",
            caller.user_id,
            content,
            redacts=event_id,
            transaction=_transaction(caller, transaction_id, event_id),
        )
        try:
            await self._require_may_redact(caller, room_id, event_id)
        except Refusal:
            sent = await self.timeline.sent_before(room_id, draft)
            if sent is None:
                raise
            return sent
        return await self.timeline.send(room_id, draft, besides)

    async def _require_may_redact(self, caller: Caller, room_id: RoomID, event_id: EventID) -> None:
        user_id = caller.user_id
        # Spec: client-server-api#put_matrixclientv3roomsroomidredacteventidtxnid
        room = await self.live_rooms.load(room_id)
        if user_id not in room.joined:
            raise NotInRoom
        target = await self.known.by_id(event_id)
        if target is None or target.event.room_id != room_id:
            raise NotFound("There is no such event in this room.")
        if target.event.sender == user_id:
            return
        if caller.is_suspended:
            raise Suspended
        if caller.is_admin and server_of(target.event.sender) == self.server:
            # The rules of rooms leave it to each server who may redact what its users say.
            return
        found = await self.known.by_ids([room.state[key] for key in (CREATE, POWER_LEVELS) if key in room.state])
        levels = power_levels_of({entry.event.key: entry.event for entry in found.values()}, room.version)
        if levels.of(user_id) < levels.named("redact"):
            raise Forbidden("You may redact only what you sent yourself.")

    async def _require_aliases(self, room: LiveRoom, content: JSONObject) -> None:
        """
        Every alias that was not in the room's event before points to the room.

        Spec: client-server-api#mroomcanonical_alias
        """
        event_id = room.state.get(("m.room.canonical_alias", ""))
        entry = None if event_id is None else await self.known.by_id(event_id)
        before = set() if entry is None else set(_aliases_of(entry.event.content))
        for alias in _aliases_of(content):
            if alias not in before:
                await self._require_alias(room.room_id, alias)

    async def _require_alias(self, room_id: RoomID, alias: RoomAlias) -> None:
        try:
            found, _ = await self.aliases.resolve(alias)
        except Refusal as refusal:
            raise BadAlias(f"{alias} points nowhere.") from refusal
        if found != room_id:
            raise BadAlias(f"{alias} points to another room.")


def _aliases_of(content: Mapping[str, JSON]) -> list[RoomAlias]:
    alternatives = content.get("alt_aliases", [])
    if not isinstance(alternatives, list):
        raise Malformed("This must be an array of room aliases.", "alt_aliases", "M_INVALID_PARAM")
    alias = content.get("alias")
    return [parse_room_alias(text) for text in [*([alias] if alias else []), *alternatives]]


def _leaving(user_id: UserID) -> tuple[str, str, JSON]:
    return ("m.room.member", user_id, "leave")


def _is_remote_invite(content: JSONObject, state_key: str, server: ServerName) -> bool:
    return content.get("membership") == "invite" and server_of(UserID(state_key)) != server


def _transaction(caller: Caller, transaction_id: str | None, redacts: EventID | None = None) -> Transaction | None:
    if transaction_id is None:
        return None
    if caller.device_id is not None:
        return Transaction(caller.device_id, transaction_id, redacts)
    if caller.appservice_id is None:
        return None
    # Application services speak without a device, and number what they send all the same.
    return Transaction(DeviceID(f"|{caller.appservice_id}"), transaction_id, redacts)
