"""
What users tell of themselves.

Spec: client-server-api#profiles
"""

from collections.abc import Awaitable, Callable

from attrs import Factory, define

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import ServerName, UserID, server_of
from homeserver.core.log import PROFILE
from homeserver.core.profiles import DISPLAY_NAME, SHOWN_IN_ROOMS, Profile, check_size, is_unset
from homeserver.services.alone import NoAppservices
from homeserver.services.callers import Caller
from homeserver.services.ports import AppserviceQueries, PeerFault, PeerUnreachable, RemoteProfiles, RoomMembers
from homeserver.services.refusals import Forbidden, GuestsForbidden, NotFound, Unreachable
from homeserver.store import profiles, users
from homeserver.store.database import Database
from homeserver.store.write import Write


@define(eq=False)
class Profiles:
    """Profiles of this server's users, and of others'."""

    server: ServerName
    database: Database
    room_members: RoomMembers
    remote: RemoteProfiles
    queries: AppserviceQueries = NoAppservices()
    listeners: list[Callable[[UserID, Profile], Awaitable[None]]] = Factory(list)
    """Told of each change of a name or avatar, with the whole profile."""

    async def of(self, user_id: UserID) -> Profile:
        """The whole profile of a user of any server.  Raises NotFound, Unreachable."""
        if server_of(user_id) == self.server:
            return await self.local(user_id)
        return await self._fetch(user_id, None)

    async def field_of(self, user_id: UserID, field: str) -> JSON:
        """One field of a profile.  Raises NotFound, Unreachable."""
        local = server_of(user_id) == self.server
        profile = await self.local(user_id) if local else await self._fetch(user_id, field)
        if field not in profile:
            raise NotFound("The profile has no such field.")
        return profile[field]

    async def local(self, user_id: UserID) -> Profile:
        """The whole profile of a user of this server.  Raises NotFound, AppserviceSilent."""
        profile = await self.database.read(profiles.of_user, user_id)
        if not profile and await self.database.read(users.by_id, user_id) is None:
            if not await self.queries.make_user(user_id):
                raise NotFound("There is no such user.")
            profile = await self.database.read(profiles.of_user, user_id)
        return profile

    async def set_field(self, caller: Caller, user_id: UserID, field: str, value: JSON) -> None:
        """The field has this value.  Raises Forbidden; Malformed when the profile gets too large."""
        _require_may_change(caller, user_id, field)
        if is_unset(field, value):
            await self._delete(user_id, field)
        elif await self.database.write(_set, user_id, field, value):
            await self._propagate(user_id, field)

    async def delete_field(self, caller: Caller, user_id: UserID, field: str) -> None:
        """The field is gone, if it was there.  Raises Forbidden."""
        _require_may_change(caller, user_id, field)
        await self._delete(user_id, field)

    async def _delete(self, user_id: UserID, field: str) -> None:
        if await self.database.write(_delete, user_id, field):
            await self._propagate(user_id, field)

    async def _propagate(self, user_id: UserID, field: str) -> None:
        if field in SHOWN_IN_ROOMS:
            await self.room_members.profile_changed(user_id)
            profile = await self.database.read(profiles.of_user, user_id)
            for listener in self.listeners:
                await listener(user_id, profile)

    async def _fetch(self, user_id: UserID, field: str | None) -> Profile:
        try:
            return await self.remote.fetch(user_id, field)
        except PeerUnreachable as error:
            raise Unreachable from error
        except PeerFault as error:
            # Whatever the reason, all we know is that their server does not tell.
            raise NotFound("The user's server does not tell.") from error


def _require_may_change(caller: Caller, user_id: UserID, field: str) -> None:
    if caller.user_id != user_id:
        raise Forbidden("This is another user's profile.")
    # Spec: client-server-api#guest-access
    if caller.is_guest and field != DISPLAY_NAME:
        raise GuestsForbidden("Guests may change their display name alone.")


def _set(tx: Write, user_id: UserID, field: str, value: JSON) -> bool:
    """Whether that changed anything."""
    profile = profiles.of_user(tx.connection, user_id)
    if field in profile and profile[field] == value and type(profile[field]) is type(value):
        return False
    check_size({**profile, field: value})
    profiles.set_field(tx, user_id, field, value)
    tx.log(PROFILE, user_id)
    return True


def _delete(tx: Write, user_id: UserID, field: str) -> bool:
    if not profiles.delete_field(tx, user_id, field):
        return False
    tx.log(PROFILE, user_id)
    return True
