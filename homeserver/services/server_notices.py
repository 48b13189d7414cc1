"""
What the server has to tell its users: each has one room for it, into which an account of the server's own speaks.

Spec: client-server-api#server-notices
"""

from collections.abc import Mapping
from typing import Any, Final

from attrs import Attribute, define, field, frozen
from twisted.internet.defer import DeferredLock

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.drafts import Draft
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, check_localpart, server_of, user_id_of
from homeserver.core.log import PROFILE
from homeserver.core.malformed import Malformed
from homeserver.core.profiles import AVATAR_URL, DISPLAY_NAME
from homeserver.core.room_creation import InitialState, RoomRequest
from homeserver.core.versions import RoomVersion
from homeserver.services.clock import now_ms
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.member_guards import MemberChange
from homeserver.services.memberships import Memberships
from homeserver.services.refusals import BadState, CannotLeaveNotices, NotFound
from homeserver.services.tags import Tags
from homeserver.services.timeline import Timeline
from homeserver.store import notices_rooms, profiles, users
from homeserver.store.database import Database
from homeserver.store.users import NewAccount, User
from homeserver.store.write import Write

NOTICES_TAG: Final = "m.server_notice"
"""Clients know the room by it."""
_SPEAKING: Final = 50
"""The power level that speaking in such a room takes: nobody but the server has it."""


def _is_localpart(_: Any, attribute: "Attribute[str]", text: str) -> None:
    try:
        check_localpart(text)
    except Malformed as malformed:
        raise ValueError(f"{attribute.name} cannot be the name of a user: {malformed.reason}") from malformed


@frozen
class ServerNoticesSettings:
    """Who tells users what the server has to tell, and where."""

    localpart: str = field(default="server-notices", validator=_is_localpart)
    """The user name of the account that speaks; it is made when it first does, and nobody else gets the name."""
    display_name: str = "Server notices"
    """What that account is called."""
    avatar_url: str | None = None
    """Its picture, an mxc:// URL, which is the picture of the rooms as well. Unset: none."""
    room_name: str = "Server notices"
    """What the rooms are called."""


@define(eq=False)
class ServerNotices:
    """Tells users things.  As a ``MemberGuard`` it lets nobody reject its invite."""

    server: ServerName
    settings: ServerNoticesSettings
    room_version: RoomVersion
    database: Database
    timeline: Timeline
    live_rooms: LiveRooms
    memberships: Memberships
    tags: Tags
    _is_known: bool = field(init=False, default=False)
    """The account is there, and is called what the settings say."""
    _making: DeferredLock = field(init=False, factory=DeferredLock)

    @property
    def user_id(self) -> UserID:
        """The account that speaks."""
        return user_id_of(self.settings.localpart, self.server)

    async def send(self, user_id: UserID, content: JSONObject, *, event_type: str = "m.room.message") -> EventID:
        """
        The event is in the user's room of notices, to which the user is invited who is not there.

        Raises NotFound for nobody of this server, Malformed; BadState where somebody has the account's name.
        """
        account = await self._account(user_id)
        if account is None or account.deactivated or user_id == self.user_id:
            raise NotFound(f"There is no user {user_id}.")
        await self.introduce()
        # Two notices at once must not make two rooms.
        await self._making.acquire()
        try:
            room_id = await self._room(user_id)
        finally:
            self._making.release()
        await self._invite(user_id, room_id)
        return await self.timeline.send(room_id, Draft(event_type, self.user_id, content))

    async def room_of(self, user_id: UserID) -> RoomID | None:
        """Where the user is told things; None: nothing was told yet."""
        return await self.database.read(notices_rooms.of_user, user_id)

    async def check(self, change: MemberChange) -> None:
        """Raises CannotLeaveNotices when somebody rejects the invite; who has joined may leave."""
        user_id = change.target
        if change.membership != "leave" or change.sender != user_id or server_of(user_id) != self.server:
            return
        if await self.room_of(user_id) != change.room_id:
            return
        row = (await self.memberships.of(user_id)).rows.get(change.room_id)
        account = await self._account(user_id)
        if row is not None and row.membership == "invite" and account is not None and not account.deactivated:
            raise CannotLeaveNotices

    async def _account(self, user_id: UserID) -> User | None:
        return await self.database.read(users.by_id, user_id)

    async def introduce(self) -> None:
        """The account is there, and is called what the settings say.  Raises BadState where it is somebody's."""
        if self._is_known:
            return
        settings = self.settings
        profile: dict[str, JSON] = {DISPLAY_NAME: settings.display_name}
        if settings.avatar_url is not None:
            profile[AVATAR_URL] = settings.avatar_url
        account = NewAccount(self.user_id, None, now_ms(self.timeline.composer.clock))
        await self.database.write(_introduce, account, profile)
        self._is_known = True

    async def _room(self, user_id: UserID) -> RoomID:
        known = await self.room_of(user_id)
        if known is None:
            return await self.database.write(notices_rooms.keep, user_id, await self._new_room())
        room = await self.live_rooms.find(known)
        if room is not None and self.user_id in room.joined:
            return known
        # It was taken away by an administrator.
        room_id = await self._new_room()
        await self.database.write(notices_rooms.replace, user_id, room_id)
        return room_id

    async def _new_room(self) -> RoomID:
        settings = self.settings
        member: JSONObject = {DISPLAY_NAME: settings.display_name}
        state = [InitialState("m.room.guest_access", {"guest_access": "forbidden"})]
        if settings.avatar_url is not None:
            member[AVATAR_URL] = settings.avatar_url
            state.append(InitialState("m.room.avatar", {"url": settings.avatar_url}))
        return await self.timeline.create(
            RoomRequest(
                self.user_id,
                self.room_version,
                name=settings.room_name,
                initial_state=state,
                power_level_content_override={"events_default": _SPEAKING, "invite": _SPEAKING},
                member_content=member,
            )
        )

    async def _invite(self, user_id: UserID, room_id: RoomID) -> None:
        row = (await self.memberships.of(user_id)).rows.get(room_id)
        if row is not None and row.membership in {"invite", "join"}:
            return
        await self.tags.set(user_id, room_id, NOTICES_TAG, {})
        content: JSONObject = {"membership": "invite"}
        await self.timeline.send(room_id, Draft("m.room.member", self.user_id, content, user_id))


def _introduce(tx: Write, account: NewAccount, profile: Mapping[str, JSON]) -> None:
    """The account is there and has the profile.  Raises BadState when it is somebody's."""
    users.insert_new(tx, account)
    present = users.by_id(tx.connection, account.user_id)
    if present is None or present.password_hash or present.appservice_id or present.is_guest or present.deactivated:
        raise BadState(f"{account.user_id}, which server_notices.localpart names, is the account of somebody.")
    if profiles.of_user(tx.connection, account.user_id) != profile:
        profiles.delete_of_user(tx, account.user_id)
        for name, value in profile.items():
            profiles.set_field(tx, account.user_id, name, value)
        tx.log(PROFILE, account.user_id)
