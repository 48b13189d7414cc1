"""
What the services of this package need of higher ones, and how other servers fail them.

A port is a Protocol; a higher package implements it, and ``scripts/serve.py`` connects the two.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from attrs import field, frozen

from homeserver.core.appservices.registration import Registration
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import DeviceID, RoomAlias, RoomID, ServerName, UserID
from homeserver.core.log import Position
from homeserver.core.profiles import Profile
from homeserver.core.room_directory import RoomQuery
from homeserver.core.room_outlines import OutlinedSpace
from homeserver.core.timeline import Ordering
from homeserver.services.callers import Caller
from homeserver.store.write import Write


class PeerUnreachable(Exception):
    """Nobody answered: another server could not be found, connected to or understood as one, or took too long."""

    def __init__(self, peer: str, reason: str) -> None:
        super().__init__(f"{peer}: {reason}")
        self.peer = peer
        self.reason = reason


class PeerTimedOut(PeerUnreachable):
    """No whole answer came in time."""


class PeerFault(Exception):
    """
    Another server answered, and not with what was asked for.

    *status* is its HTTP status, *errcode* its error code (empty: none), *body* the JSON it sent (None: none).
    """

    def __init__(self, peer: str, status: int, errcode: str = "", body: object = None) -> None:
        super().__init__(f"{peer} answered {status} {errcode}".rstrip())
        self.peer = peer
        self.status = status
        self.errcode = errcode
        self.body = body


class RemoteRooms(Protocol):
    """
    What rooms ask of the servers that are in them.

    All of it raises Unreachable when none of the servers can be reached, and Forbidden or NotFound as one of them
    answers.
    """

    async def join(self, user_id: UserID, room_id: RoomID, via: Sequence[ServerName], content: JSONObject) -> None:
        """The user of this server is joined to the room, and the room is here.  *content*: of the member event."""

    async def knock(self, user_id: UserID, room_id: RoomID, via: Sequence[ServerName], content: JSONObject) -> None:
        """The room knows that the user asks to be let in, and the knock is among the user's rooms."""

    async def leave(self, user_id: UserID, room_id: RoomID, via: Sequence[ServerName], content: JSONObject) -> None:
        """The room, which is not here, knows that the user is not coming: an invite or a knock is given up."""

    async def sign_invite(self, invite: Event, room_state: Sequence[Event]) -> Event:
        """
        *invite* with the signature of the invited user's server, which has told its user.

        *room_state*: what the invited may see of the room.  Raises Forbidden when that server refuses.
        """

    async def resolve_alias(self, alias: RoomAlias) -> tuple[RoomID, Sequence[ServerName]]:
        """The room that another server's alias points to, and servers that know it.  Raises NotFound, Unreachable."""


class RemoteHistory(Protocol):
    """What reading a room's history asks of the servers that are in the room."""

    async def backfill(self, room_id: RoomID, before: Ordering, limit: int) -> bool:
        """
        Whether events are here now that were missed: some *limit* of those that come before what stands at *before*.

        False when nothing more is to be had, or nobody could be reached; it raises nothing for either.
        Spec: server-server-api#backfilling-and-retrieving-missing-events
        """

    async def closest_ts(self, room_id: RoomID, ts: int, *, forward: bool) -> int | None:
        """
        The time (milliseconds) of the event closest to *ts*, at or after it, or at or before it, that others know of.

        None when nobody tells; it raises nothing for that.  Spec: server-server-api#retrieving-events
        """


class RemoteDirectory(Protocol):
    """The published rooms of other servers."""

    async def public_rooms(self, server: ServerName, query: RoomQuery) -> JSONObject:
        """A page of them, as that server answered it.  Raises Unreachable."""


class PolicyServers(Protocol):
    """Servers that rooms ask whether an event may be in them.  Spec: server-server-api#policy-servers"""

    async def sign(self, server: ServerName, event: Event) -> JSON:
        """
        What *server* answers when it is asked for its signature: signatures by server and key ID, if it agrees.

        Raises PeerUnreachable, PeerFault for its refusal.
        """


class RemoteSpaces(Protocol):
    """What other servers show of rooms and spaces that this one is not in."""

    async def outline(
        self, room_id: RoomID, servers: Sequence[ServerName], *, suggested_only: bool
    ) -> OutlinedSpace | None:
        """
        What the first of *servers* that knows the room tells of it and what is in it; None when none does.

        It may have been told some minutes ago.  Spec: server-server-api#spaces
        """


class RoomMembers(Protocol):
    """What accounts ask of the rooms that a local user is in."""

    async def profile_changed(self, user_id: UserID) -> None:
        """
        The user's member events say what the profile says.

        Spec: client-server-api#events-on-change-of-profile-information
        """

    async def leave_all(self, user_id: UserID) -> None:
        """The user is in no room any more: joins, invites and knocks are given up.  May be asked again."""


class RemoteProfiles(Protocol):
    """Profiles of users of other servers.  Spec: server-server-api#get_matrixfederationv1queryprofile"""

    async def fetch(self, user_id: UserID, field: str | None) -> Profile:
        """The profile, or one field of it (empty: none).  Raises NotFound, PeerFault, PeerUnreachable."""


class PushGateways(Protocol):
    """The push gateways that users' pushers name.  Spec: push-gateway-api"""

    async def notify(self, url: str, notification: JSONObject) -> JSON:
        """
        The gateway is told; what it answered.  Raises PeerUnreachable, PeerFault for an HTTP error.
        """


class Appservices(Protocol):
    """What accounts need to know of application services."""

    async def caller(self, token: str, *, user_id: UserID | None, device_id: DeviceID | None) -> Caller | None:
        """
        Whom the token of an application service speaks for; None: it is no such token.

        Raises Forbidden, Exclusive.  Spec: application-service-api#identity-assertion
        """

    def is_reserved(self, user_id: UserID, appservice_id: str | None) -> bool:
        """Whether the name lies in a namespace that is another application service's alone (None: any's)."""

    def owns(self, appservice_id: str, user_id: UserID) -> bool:
        """Whether the name lies in a namespace of this application service."""

    def is_alias_reserved(self, alias: RoomAlias, appservice_id: str | None) -> bool:
        """Whether the alias is not to be made or deleted by this application service (None: by a user)."""


class AppserviceQueries(Protocol):
    """
    Application services that make users and rooms when somebody looks for them.

    Raises AppserviceSilent when the one that could say so does not.  Spec: application-service-api#querying
    """

    async def make_user(self, user_id: UserID) -> bool:
        """Whether the user, who was not there, has an account now."""

    async def make_room(self, alias: RoomAlias) -> bool:
        """Whether the alias, which pointed nowhere, points to a room now."""


class AppserviceRequests(Protocol):
    """
    What application services are told and asked.

    All of it raises PeerUnreachable, PeerFault for a status that is not 2xx.
    Spec: application-service-api#pushing-events, application-service-api#querying
    """

    async def send(self, to: Registration, transaction_id: str, body: bytes) -> None:
        """It has taken the transaction."""

    async def ping(self, to: Registration, transaction_id: str | None) -> None:
        """It has answered a ping.  Raises PeerTimedOut, which is a PeerUnreachable, when that took too long."""

    async def has_user(self, to: Registration, user_id: UserID) -> bool:
        """Whether it has made the user."""

    async def has_room(self, to: Registration, alias: RoomAlias) -> bool:
        """Whether it has made the room, and the alias."""

    async def third_party(self, to: Registration, path: Sequence[str], fields: Mapping[str, str]) -> JSON:
        """What it says of third-party networks; *path*: below ``thirdparty``."""


@frozen
class DeviceKeyCounts:
    """What a device has left of one-time keys, by algorithm, and the algorithms of fallback keys that nobody used."""

    counts: Mapping[str, int]
    unused_fallbacks: Sequence[str]


class AppserviceEncryption(Protocol):
    """What application services are told of end-to-end encryption.  Only users of this server are asked about."""

    async def has_devices(self, appservice_id: str) -> bool:
        """Whether any user that the application service registered has a device with keys."""

    async def messages(self, user_ids: Collection[UserID], after: Position, upto: Position) -> Sequence[JSONObject]:
        """The messages to their devices at positions in ``(after, upto]``, oldest first, with whom each is for."""

    async def key_counts(self, user_ids: Collection[UserID]) -> Mapping[UserID, Mapping[DeviceID, DeviceKeyCounts]]:
        """What their devices have left."""

    async def members(self, room_nid: int, position: Position) -> Collection[UserID]:
        """Users of any server joined to the room after *position*; none of a large room that is not encrypted."""

    def forget_messages(self, tx: Write, user_ids: Collection[UserID], upto: Position) -> None:
        """The messages to their devices at and before *upto* were delivered."""


class DeviceBelongings(Protocol):
    """What another part keeps for devices: keys, messages to them, pushers.  Called within the same transaction."""

    def is_device_id_free(self, tx: Write, user_id: UserID, device_id: DeviceID) -> bool:
        """Whether a new device may be called so; it may not be called like a cross-signing key."""

    def delete_of_devices(self, tx: Write, user_id: UserID, device_ids: Collection[DeviceID]) -> None:
        """Nothing is kept for these devices any more."""


@frozen
class Binding:
    """An identity server that is to say whose an address is, and the session that has proved the address to it."""

    id_server: str
    id_access_token: str = field(repr=False)
    sid: str
    client_secret: str = field(repr=False)


class Bindings(Protocol):
    """What identity servers are told of users' addresses."""

    async def bind(self, user_id: UserID, binding: Binding) -> None:
        """
        The identity server says that the address is the user's.  Raises AddressNotProved.

        Spec: client-server-api#post_matrixclientv3account3pidbind
        """

    async def unbind(self, user_id: UserID, medium: str, address: str, id_server: str | None) -> bool:
        """
        Whether the identity server does not say any more that the address is the user's.

        *id_server* None: the one that was told; False where none is known, or it does not answer.
        Spec: client-server-api#post_matrixclientv3account3piddelete
        """

    async def unbind_all(self, user_id: UserID, id_server: str | None) -> bool:
        """Whether no identity server, or not *id_server*, says of any address any more that it is the user's."""


class AccountBelongings(Protocol):
    """What another part keeps for accounts.  Called within the same transaction."""

    def delete_of_account(self, tx: Write, user_id: UserID, *, erase: bool) -> None:
        """
        Nothing is kept that only a living account needs; *erase*: nor anything that is not an event.

        Spec: client-server-api#post_matrixclientv3accountdeactivate
        """


class SubscribedThreads(Protocol):
    """Which threads users want to hear of.  Spec: proposals/4306"""

    async def of(self, user_id: UserID, room_nid: int) -> Collection[str] | None:
        """The roots of those that the user has subscribed to in a room; None: the user does not choose threads."""
